#!/usr/bin/env python3
"""A night in fast motion: a training run whose archive is scanned, killed, resumed, read and repaired at random.

    tests/night/fast_motion.py PROGRAM --minutes 120            by hand
    tests/night/fast_motion.py PROGRAM --steps 20 --seed 7      so many steps
    tests/night/fast_motion.py PROGRAM --in-turn killed_scan     these steps: the short form that CTest runs

A seed gives the same steps; the moments of the kills depend on the machine. Beside the disturbed archive stands one
that nobody disturbs. After each step:
  - no process of the step is left;
  - the archive folder holds archives, the index, and only what a killed run may leave: its journal, its lock and
    temporary files under names that `verify` tells;
  - the folders for temporary files and shared memory are empty, unless Open MPI itself was killed;
  - every file of the archive verifies.
After each undisturbed scan there is no journal and no lock, and every number that `export` and `report` give is that
of the other archive. At the end the largest resident memory of each command is compared between the first and the
last third of the night.

What is found is printed and counted, the archive is kept in FOLDER/findings, and the night goes on with a new one.
The exit code is 1 if anything was found. Full disks need a file system to be mounted, so root.
"""
import argparse
import os
import shutil
import signal
import statistics
import sys

sys.dont_write_bytecode = True  # the folder of the sources stays as it is
from archive_checks import MOST_CHECKPOINTS
from runs import Finding, now
from steps import Steps


class Night(Steps):
    """Takes steps at random, and goes on with a new archive after a finding."""

    def step(self, name):
        self.step_number += 1
        self.counts[f"step: {name}"] += 1
        begin = now()
        try:
            getattr(self, name)()
            self.check_rest()
            result = "ok"
        except Finding as finding:
            result = f"FOUND: {finding}"
            self.findings.append(f"step {self.step_number}, {name}: {finding}")
            kept = self.folder / "findings" / str(self.step_number)
            if self.archive.exists():
                shutil.copytree(self.archive, kept)
                shutil.rmtree(self.archive)
            self.start_over()
        print(f"{self.step_number} {name} {now() - begin:.1f} s: {result}", flush=True)

    def start_over(self):
        for pid in self.ours():
            os.kill(pid, signal.SIGKILL)
        self.await_no_process(10)
        for name in ("tmp", "shm", "sessions", "out"):
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()
        self.settle()

    def spend(self):
        end = now() + 60 * self.options.minutes if self.options.minutes else None
        self.add_checkpoint()
        self.settle()
        names, weights = zip(*self.STEPS)
        if self.options.in_turn:
            self.options.steps = len(self.options.in_turn)
        while (end is None or now() < end) and (self.options.steps is None or self.step_number < self.options.steps):
            name = self.random.choices(names, weights)[0]
            if self.options.in_turn:
                name = self.options.in_turn[self.step_number]
            if len(self.checkpoints()) >= MOST_CHECKPOINTS and name in ("new_checkpoint", "unfinished"):
                name = "clean_up"
            try:
                self.step(name)
            except KeyboardInterrupt:
                break
        self.tell()
        return 1 if self.findings else 0

    def tell(self):
        print(f"{self.step_number} steps, {self.counts['runs'] + self.counts['kills']} runs of the program")
        for name, count in sorted(self.counts.items()):
            print(f"  {name}: {count}")
        print("largest resident memory of a run, MiB: median of the first and of the last third")
        third = max(1, self.step_number // 3)
        for command, samples in sorted(self.memory.items()):
            first = [kib for step, kib in samples if step <= third]
            last = [kib for step, kib in samples if step > self.step_number - third]
            if len(first) < 5 or len(last) < 5:
                continue
            a, b = statistics.median(first) / 1024, statistics.median(last) / 1024
            print(f"  {command}: {a:.1f} {b:.1f} ({len(samples)} runs)")
            if b > 1.15 * a + 4:
                self.findings.append(f"the memory of {command} grows: {a:.1f} MiB, then {b:.1f} MiB")
        own = len(os.listdir("/proc/self/fd"))
        print(f"  descriptors of this driver at the end: {own}")
        print(f"{len(self.findings)} findings")
        for finding in self.findings:
            print(f"FOUND: {finding}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--in-turn", nargs="+", choices=[name for name, _ in Night.STEPS], default=[])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", default=None, help="a new folder, which is kept (default: a temporary one)")
    options = parser.parse_args()
    if options.minutes is None and options.steps is None and not options.in_turn:
        options.minutes = 120.0
    night = Night(options)
    code = night.spend()
    if options.folder is None and code == 0:
        shutil.rmtree(night.folder)
    elif code:
        print(f"kept: {night.folder}/findings")
    return code


if __name__ == "__main__":
    sys.exit(main())
