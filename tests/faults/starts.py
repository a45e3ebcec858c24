"""How the program is started for a trial: afresh, or from a copy of a process that has started already (fork.c)."""

import os
import pathlib
import select
import signal
import subprocess

PATIENCE_SECONDS = 30
MPIRUN = pathlib.Path(__file__).resolve().parents[2] / "tools" / "mpirun"


def environment_of(ranks):
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    if ranks:
        environment.pop("OMPI_MCA_ess_singleton_isolated", None)
    return environment


def set_quick_start():
    """Open MPI without mpirun does not look for networks, and starts no daemon: docs/testing.md."""
    os.environ.setdefault("OMPI_MCA_pml", "ob1")
    os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")
    os.environ.setdefault("OMPI_MCA_orte_create_session_dirs", "0")


def run_afresh(command, folder, ranks, variables):
    """(exit code, or None if it did not end; standard output; standard error)"""
    if variables:
        command = ["env", *(f"{name}={value}" for name, value in variables.items()), *command]
    environment = environment_of(ranks)
    if ranks:
        command = [str(MPIRUN), "-np", str(ranks), *command]
        # Of two mpiruns that share a session directory, one that ends fails another that begins.
        sessions = folder.with_name(f"{folder.name}.mpi")
        sessions.mkdir(exist_ok=True)
        environment["OMPI_MCA_orte_tmpdir_base"] = str(sessions)
    process = subprocess.Popen(
        command, cwd=folder, env=environment, start_new_session=True, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return None, out, err


class Started:
    """A command that has started, of which each run is a copy. Its output goes to files beside `folder`."""

    def __init__(self, command, folder, library):
        self.files = [folder.with_name(f"{folder.name}.{name}") for name in ("out", "err")]
        place = "mpi" if command[1] == "scan" else "main"  # the others do not start MPI
        environment = dict(
            environment_of(0), LD_PRELOAD=str(library), WISHART_FAULT_PATHS=f"{folder}/", WISHART_FAULT_FORK=place)
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, variables):
        """As run_afresh does."""
        words = [*map(str, self.files), *(f"{name}={value}" for name, value in variables.items())]
        self.process.stdin.write(("\t".join(words) + "\n").encode())
        child = int(self.process.stdout.readline())
        ended = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0]
        if not ended:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(int(self.process.stdout.readline()))
        out, err = (file.read_text(errors="replace") for file in self.files)
        return (code if ended else None), out, err

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Comparer:
    """same_archive, which stays to answer for one folder after another, and what it has answered."""

    def __init__(self, same):
        self.process = subprocess.Popen(
            [str(same), "-"], text=True, bufsize=1, errors="replace", start_new_session=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)
        self.answers = {}
        self.asked = 0

    def standing(self, found, expected, content):
        """id -> (standing, number of the archive with the same numbers, or a difference)

        content: of `found`; equal contents have equal answers."""
        key = (content, *map(str, expected))
        if key not in self.answers:
            self.asked += 1
            self.process.stdin.write("\t".join(map(str, [found, *expected])) + "\n")
            lines = []
            while line := self.process.stdout.readline():
                if line == "\n":
                    break
                lines.append(line.rstrip("\n").split("\t", 2))
            self.answers[key] = {words[0]: tuple(words[1:]) for words in lines}
        return self.answers[key]

    def end(self):
        self.process.stdin.close()
        self.process.wait()
