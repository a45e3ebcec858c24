#!/usr/bin/env python3
"""Makes one call of the operating system or of MPI fail, at every place of every command.

    check_faults.py WISHART LIBRARY SAME_ARCHIVE [--scenarios NAME...] [--kinds KIND...] [--jobs N]

LIBRARY is tests/faults/faults.c, SAME_ARCHIVE tests/faults/same_archive.cpp. Each scenario runs undisturbed once, which
counts the calls of each kind that concern its files. Then it runs once for each call, kind of error, and whether all
later calls fail too. After each run:

  - it has ended by itself within 30 s, with a documented exit code: 0 with the results of the undisturbed run, or 3
    or 4 with a line that names the file or the error; an interrupted call or a short count is no failure at all;
  - every file of the archive that is whole has the numbers from before, or those of the undisturbed run;
  - the same command, now undisturbed, brings the archive to that of the undisturbed run, and leaves nothing behind.

A run on one rank is a copy of a process that has started already (fork.c), and what has been seen once is not checked
again: the numbers of an archive with the same bytes, and how the same command goes on from the same files. With
--afresh each run starts the program, and is followed by the next one.

With --seconds S it tries those that once went wrong (KNOWN), then a random share of all for about S seconds: --seed
repeats it (default: the number of the day). With --known it tries only the first, with --list it only counts. With
--kills it kills a rank, mpirun, or all of them, before each call in place of making the call fail. What fails is told
with the variables of faults.c that repeat it. After SIGTERM it ends with the table of what it has tried.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import places
import scenes
import starts
import trials


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("wishart", "library", "same"):
        parser.add_argument(name, type=lambda text: pathlib.Path(text).resolve())
    parser.add_argument("--scenarios", nargs="+", default=list(scenes.SCENARIOS), choices=list(scenes.SCENARIOS))
    parser.add_argument("--kinds", nargs="+", default=list(places.ERRORS), choices=list(places.ERRORS))
    parser.add_argument("--least-bytes", type=int, default=1 << 20, help="the smallest allocation that fails")
    parser.add_argument("--polls", type=int, default=5, help="how many polls for messages fail, of thousands")
    parser.add_argument("--every", type=int, default=1, help="of the places, each N-th")
    parser.add_argument("--from", type=int, default=0, dest="first", help="of the places, from this one on")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()) // 86400)
    parser.add_argument("--afresh", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--kills", action="store_true")
    return parser.parse_args()


class Campaign:
    """All trials of a call, and what came of them."""

    def __init__(self, tools):
        self.tools = tools
        self.names = list(tools.scenarios)
        if tools.seconds:
            random.Random(tools.seed).shuffle(self.names)
            self.names = [name for name in self.names if scenes.SCENARIOS[name].ranks == 0][:3]
        self.table = collections.defaultdict(collections.Counter)
        self.failures = []
        self.stopped = False  # by SIGTERM, after the trial that is going on

    def stop(self, *_):
        self.stopped = True

    def attempt(self, scene, reference, place, afresh):
        problems, ending = trials.problems_of(scene, reference, place, afresh)
        self.table[reference.name][str(ending)] += 1
        self.table[reference.name]["trials"] += 1
        for problem in problems:
            self.failures.append((reference.name, place, problem))
            print(f"FAILED {reference.name} rank {place.rank} {place.kind} {place.nth} {place.error}"
                  f"{' onwards' if place.onwards else ''}{' of ' + place.name if place.name else ''}: {problem}",
                  flush=True)

    def work(self, number, root):
        """The share of one worker: of --jobs, each N-th trial."""
        scene = scenes.Scene(self.tools, root)
        try:
            if number == 0 and (self.tools.known or self.tools.seconds):
                for name, place in places.KNOWN:
                    self.attempt(scene, scene.reference(name), place, afresh=True)
            if not self.tools.known:
                self.try_all(scene, number)
        finally:
            scene.end()

    def try_all(self, scene, number):
        tools = self.tools
        begin = time.monotonic()
        for done, name in enumerate(self.names, 1):
            reference = scene.reference(name)
            all_places = list(reference.places(tools.kinds, tools.polls, tools.kills))
            if tools.list:
                print(name, len(all_places), {f"{r}:{k}": c for (r, k), c in reference.counts.items()})
                continue
            chosen = all_places[tools.first :: tools.every]
            if tools.seconds:
                random.Random(f"{tools.seed} {name}").shuffle(chosen)
            for place in chosen[number :: tools.jobs]:
                if tools.seconds and time.monotonic() - begin > tools.seconds * done / len(self.names):
                    break
                if self.stopped:
                    return
                self.attempt(scene, reference, place, tools.afresh)
            if number == 0:
                print(self.summary(name), flush=True)

    def summary(self, name):
        counts = self.table[name]
        return f"{name}: {counts['trials']} trials; " + ", ".join(
            f"{count} with code {code}" if code != "unhit" else f"{count} whose call did not come"
            for code, count in sorted(counts.items()) if code != "trials")


def main():
    tools = arguments()
    starts.set_quick_start()
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begin = time.monotonic()
    campaign = Campaign(tools)
    signal.signal(signal.SIGTERM, campaign.stop)
    with tempfile.TemporaryDirectory(prefix="wishart-faults-", dir=memory) as root:
        with concurrent.futures.ThreadPoolExecutor(tools.jobs) as pool:
            workers = 1 if tools.list else tools.jobs
            futures = [pool.submit(campaign.work, n, pathlib.Path(root) / str(n)) for n in range(workers)]
            for future in futures:
                future.result()
    for name in campaign.table:
        print(campaign.summary(name))
    failed = {(name, place) for name, place, _ in campaign.failures}
    total = sum(counts["trials"] for counts in campaign.table.values())
    print(f"seed {tools.seed}: {total} trials, {len(failed)} failed, {time.monotonic() - begin:.0f} s")
    return 1 if campaign.failures else 0


if __name__ == "__main__":
    sys.exit(main())
