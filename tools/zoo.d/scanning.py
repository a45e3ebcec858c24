"""Scans the zoo: one packed archive for each entry."""
import concurrent.futures
import os
import shutil
import subprocess


def scan_one(wishart, folder, archives, more):
    """Returns an error, or None. The archive gets its name when it is whole."""
    name = os.path.basename(folder)
    work = os.path.join(archives, "." + name)
    shutil.rmtree(work, ignore_errors=True)
    packed = work + ".h5"
    if os.path.exists(packed):
        os.remove(packed)
    # Nothing but spectra and what follows from them; 5: some matrices have NaN, as they should.
    for command, good in (([wishart, "scan", folder, "--archive", work, "--progress", "none", *more], (0, 5)),
                          ([wishart, "merge", work, "--out", packed], (0,))):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in good:
            return f"{name}: {' '.join(command[:2])}: {done.stderr.strip().splitlines()[-1:]}"
    os.rename(packed, os.path.join(archives, name + ".h5"))
    shutil.rmtree(work)
    return None


def scan(wishart, out, names, archives, jobs, more):
    """Scans what has no archive yet. Returns the errors."""
    os.makedirs(archives, exist_ok=True)
    missing = [name for name in names if not os.path.exists(os.path.join(archives, name + ".h5"))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        errors = pool.map(lambda name: scan_one(wishart, os.path.join(out, name), archives, more), missing)
        return [error for error in errors if error]
