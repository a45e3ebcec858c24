#!/usr/bin/env python3
"""What happens to the processes of a scan from outside: stopped, slowed down, many at once, with a clock that jumps, a
folder that goes away, a file system that turns read-only.

    check_processes.py WISHART LIBRARY SAME_ARCHIVE [--only NAME...] [--stop SECONDS] [--times N]

The three files are those of check_faults.py, which kills processes (--kills). Each trial ends by itself, with a
documented exit code, and the same command afterwards brings the archive of an undisturbed run.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import scenes
import starts

SCAN = ["scan", "run", "--archive", scenes.ARCHIVE]


class Trials:
    def __init__(self, scene):
        self.scene, self.failures, self.count = scene, [], 0
        scene.restore("both")
        self.reference = scene.root / "reference"
        shutil.copytree(scene.now, self.reference)

    def start(self, words, ranks=0, variables=()):
        command = [str(self.scene.tools.wishart), *words, "--progress", "none"]
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
        if variables:
            command = ["env", *variables, *command]
        if ranks:
            command = [str(starts.MPIRUN), "-np", str(ranks), *command]
            environment.pop("OMPI_MCA_ess_singleton_isolated", None)
        return subprocess.Popen(command, cwd=self.scene.root, env=environment, text=True, start_new_session=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)

    def ends(self, what, process, codes, seconds=60):
        """Waits for the process; its standard error. Its exit code must be one of these."""
        self.count += 1
        try:
            _, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.fail(what, f"did not end in {seconds} s")
            return ""
        if process.returncode not in codes:
            self.fail(what, f"exit code {process.returncode}: {err[-400:]}")
        elif process.returncode and "wishart: " not in err:
            self.fail(what, "no message")
        return err

    def fail(self, what, why):
        self.failures.append(what)
        print(f"FAILED {what}: {why}", flush=True)

    def same(self, what, folder=None):
        """The same command once more, then the archive must be that of an undisturbed run."""
        code, _, err = self.scene.run(SCAN)
        if code != 0:
            self.fail(what, f"the next run ends with {code}: {err}")
        found = self.scene.standing(folder or self.scene.now / "archive", self.reference / "archive")
        wrong = {name: value for name, value in found.items() if value != ("whole", "0")}
        if wrong or set(found) != {"checkpoint-100", "checkpoint-200", "index"}:
            self.fail(what, f"not as undisturbed: {wrong or sorted(found)}")
        left = [p.name for p in (self.scene.now / "archive").iterdir() if p.suffix in (".lock", ".journal")]
        if left:
            self.fail(what, f"left: {left}")

    def ranks_of(self, process):
        text = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return [int(word) for word in text.split()]

    # --- trials ---

    def stopped(self, seconds):
        """A rank is stopped at its first read of weights, the coordinator at its second record of the journal."""
        for rank, kind, nth in ((0, "pwrite", 3), (1, "pread", 1), (2, "pread", 1), (0, "mpi_all", 6)):
            self.scene.restore("")
            log = self.scene.root / "stop.log"
            log.unlink(missing_ok=True)
            process = self.start(SCAN, 3, (
                f"LD_PRELOAD={self.scene.tools.library}", f"WISHART_FAULT_PATHS={self.scene.root}/",
                f"WISHART_FAULT_KIND={kind}", f"WISHART_FAULT_NTH={nth}", "WISHART_FAULT_ERROR=stop",
                f"WISHART_FAULT_RANK={rank}", f"WISHART_FAULT_LOG={log}"))
            stopped = []
            for _ in range(200):
                stopped = [p for p in self.ranks_of(process)
                           if pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"]
                if stopped or process.poll() is not None:
                    break
                time.sleep(0.05)
            time.sleep(seconds)
            for p in stopped:
                os.kill(p, signal.SIGCONT)
            what = f"rank {rank} stopped for {seconds} s at {kind} {nth}"
            self.ends(what, process, (0, 4), 60 + seconds)
            self.same(what)

    def slow(self):
        """A rank that has a tenth of its time: it is stopped for 45 of 50 ms."""
        for rank in (0, 2):
            self.scene.restore("")
            process = self.start(SCAN, 3)
            time.sleep(0.4)
            ranks = self.ranks_of(process)
            while process.poll() is None and len(ranks) == 3:
                try:
                    os.kill(ranks[rank], signal.SIGSTOP)
                    time.sleep(0.045)
                    os.kill(ranks[rank], signal.SIGCONT)
                    time.sleep(0.005)
                except ProcessLookupError:
                    break
            what = f"rank {rank} ten times slower"
            self.ends(what, process, (0,))
            self.same(what)

    def clock(self):
        for step in (-86400 * 400, -3600, 3600, 86400 * 400):
            self.scene.restore("")
            process = self.start(SCAN, 0, (
                f"LD_PRELOAD={self.scene.tools.library}", f"WISHART_FAULT_PATHS={self.scene.root}/",
                f"WISHART_FAULT_CLOCK={step}"))
            what = f"the clock set by {step} s"
            self.ends(what, process, (0,))
            self.same(what)

    def wait_for(self, name):
        file = self.scene.now / "archive" / name
        for _ in range(2000):
            if file.exists():
                return
            time.sleep(0.002)

    def renamed(self):
        for away in ("renamed", "removed"):
            self.scene.restore("")
            process = self.start(SCAN)
            self.wait_for("checkpoint-100.journal")
            if away == "renamed":
                (self.scene.now / "archive").rename(self.scene.now / "elsewhere")
            else:
                shutil.rmtree(self.scene.now / "archive", ignore_errors=True)
            what = f"the archive folder is {away}"
            self.ends(what, process, (0, 4))
            shutil.rmtree(self.scene.now / "elsewhere", ignore_errors=True)
            self.same(what)

    def read_only(self):
        self.scene.restore("")
        archive = self.scene.now / "archive"
        archive.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(archive)], check=False).returncode != 0:
            print("no file system can be mounted here: not tested")
            return
        try:
            process = self.start(SCAN)
            self.wait_for("checkpoint-100.journal")
            for _ in range(500):  # busy for as long as a file is open for writing
                if subprocess.run(["mount", "-o", "remount,ro", str(archive)], check=False,
                                  stderr=subprocess.DEVNULL).returncode == 0:
                    break
                time.sleep(0.001)
            self.ends("a file system turns read-only", process, (0, 4))
            subprocess.run(["mount", "-o", "remount,rw", str(archive)], check=True)
            self.same("a file system turns read-only")
        finally:
            subprocess.run(["umount", "-l", str(archive)], check=False)

    def at_once(self, numbers):
        for number in numbers:
            self.scene.restore("")
            all_of_them = [self.start(SCAN) for _ in range(number)]
            for process in all_of_them:
                self.ends(f"one of {number} scans at once", process, (0, 75), 120)
            self.same(f"{number} scans at once")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("wishart", "library", "same"):
        parser.add_argument(name, type=lambda text: pathlib.Path(text).resolve())
    names = ["stopped", "slow", "clock", "renamed", "read_only", "at_once"]
    parser.add_argument("--only", nargs="+", default=names, choices=names)
    parser.add_argument("--stop", type=float, default=1)
    parser.add_argument("--scans", nargs="+", type=int, default=[2, 5])
    parser.add_argument("--times", type=int, default=1)
    tools = parser.parse_args()
    starts.set_quick_start()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wishart-processes-", dir=memory) as root:
        trials = Trials(scenes.Scene(tools, root))
        for _ in range(tools.times):
            for name in tools.only:
                arguments = {"stopped": [tools.stop], "at_once": [tools.scans]}.get(name, [])
                getattr(trials, name)(*arguments)
        trials.scene.end()
    print(f"{trials.count} trials, {len(set(trials.failures))} failed, {time.monotonic() - begin:.0f} s")
    return 1 if trials.failures else 0


if __name__ == "__main__":
    sys.exit(main())
