#!/usr/bin/env python3
"""Makes one call of the operating system or of MPI fail, at every place of every command.

    check_faults.py WISHART LIBRARY SAME_ARCHIVE [--scenarios NAME...] [--kinds KIND...] [--jobs N]

LIBRARY is tests/faults/faults.c, SAME_ARCHIVE tests/faults/same_archive.cpp. Each scenario runs undisturbed once, which
counts the calls of each kind that concern its files. Then it runs once for each call, kind of error, and whether all
later calls fail too. After each run:

  - it has ended by itself within 30 s, with a documented exit code: 0 with the results of the undisturbed run, or 3 or 4
    with a line that names the file or the error; an interrupted call or a short count is no failure at all;
  - every file of the archive that is whole has the numbers from before, or those of the undisturbed run;
  - the same command, now undisturbed, brings the archive to that of the undisturbed run, and leaves nothing behind.

With --seconds S it tries those that once went wrong (KNOWN), then a random share of all for about S seconds: --seed
repeats it (default: the number of the day). With --known it tries only the first, with --list it only counts. With
--kills it kills a rank, mpirun, or all of them, before each call in place of making the call fail. What fails is told
with the variables of faults.c that repeat it.
"""

import argparse
import collections
import concurrent.futures
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE_SECONDS = 30
MPIRUN = pathlib.Path(__file__).resolve().parents[2] / "tools" / "mpirun"

MOVING = ["EIO", "ESTALE", "EINTR", "short"]
ERRORS = {
    "open": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", "ESTALE", "EMFILE"],
    "read": MOVING + ["ENOMEM"],
    "pread": MOVING + ["ENOMEM"],
    "write": MOVING + ["ENOSPC", "EDQUOT", "ENOMEM"],
    "pwrite": MOVING + ["ENOSPC", "EDQUOT", "ENOMEM"],
    "fsync": ["EIO", "ENOSPC", "EDQUOT", "EINTR", "ESTALE"],
    "close": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "stat": ["EIO", "ENOMEM", "ESTALE"],
    "utime": ["EIO", "EROFS", "ESTALE"],
    "rename": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "ESTALE", "EROFS"],
    "link": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "ESTALE", "EROFS"],
    "unlink": ["EIO", "ENOMEM", "ESTALE", "EROFS"],
    "mkdir": ["EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EROFS"],
    "truncate": ["EIO", "ENOSPC", "EINTR", "ESTALE"],
    "opendir": ["EIO", "ENOMEM", "ESTALE", "EMFILE"],
    "readdir": ["EIO", "ENOMEM", "ESTALE"],
    "mmap": ["ENOMEM"],
    "malloc": ["ENOMEM"],
    "mpi_send": ["EIO"],
    "mpi_recv": ["EIO"],
    "mpi_poll": ["EIO"],
    "mpi_all": ["EIO"],
    "mpi_comm": ["EIO"],
}
# (scenario, place), each of which once went wrong: see docs/reliability.md.
KNOWN = [
    ("scan", (0, "open", 2, "EIO", False, "config.json")),  # was left out, for good
    ("scan", (0, "stat", 1, "ESTALE", False, "trainer_state.json")),  # passed for not there
    ("scan", (0, "pread", 1, "ENOMEM", False, "trainer_state.json")),
    ("scan", (0, "open", 1, "EMFILE", False, "model.safetensors")),  # blamed on the file
    ("scan", (0, "stat", 1, "ENOMEM", False, "checkpoint-100.h5")),  # code 70
    ("scan", (0, "pread", 2, "EIO", False, "checkpoint-100.h5")),  # stayed in the index
    ("scan", (0, "fsync", 1, "EINTR", False, "")),  # was no failure
    ("scan", (0, "mpi_send", 6, "EIO", False, "")),  # hung
    ("again", (0, "pread", 9, "EIO", True, "checkpoint-200.h5")),  # was computed again and replaced
    ("repair", (0, "pread", 17, "EIO", False, "checkpoint-200.h5")),  # an intact file was set aside
    ("merge", (0, "stat", 1, "EIO", False, "checkpoint-200.h5")),  # one checkpoint less, and success
    ("gate", (0, "pread", 1, "EIO", False, "rules.cfg")),  # blamed on the command line
    ("scan3", (0, "pwrite", 1, "kill", False, ".lock")),  # left a lock that nobody owns, for a minute
    ("scan3", (0, "pwrite", 4, "kill", False, ".journal")),  # the coordinator dies
]
KILLS = ["kill", "kill-parent", "kill-all"]
# Retried or continued, so the program must not show them.
HARMLESS = {"EINTR", "short"}
# What a file or folder that cannot be read is blamed on: its owner (3) or the system (4).
READING = {"open", "read", "pread", "close", "stat", "opendir", "readdir"}
TEXTS = {
    "EIO": "Input/output error",
    "EINTR": "Interrupted system call",
    "ENOSPC": "No space left on device",
    "EDQUOT": "Disk quota exceeded",
    "ENOMEM": "emory",
    "EMFILE": "Too many open files",
    "ESTALE": "Stale file handle",
    "EROFS": "Read-only file system",
}


def write_model(folder, layers, seed):
    """Weights in safetensors: small matrices, and one whose panels take more than a mebibyte."""
    shapes = [(48, 32)] * (layers - 1) + [(420, 400)]
    source = random.Random(seed)
    header, data = {}, b""
    for i, (rows, cols) in enumerate(shapes):
        values = struct.pack(f"<{rows * cols}f", *(source.gauss(0, 1) for _ in range(rows * cols)))
        header[f"model.layers.{i}.mlp.up_proj.weight"] = {
            "dtype": "F32",
            "shape": [rows, cols],
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header).encode()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    (folder / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": %d}' % layers)
    (folder / "trainer_state.json").write_text(
        '{"global_step": %d, "log_history": [{"step": 1, "loss": 2.5}]}' % seed
    )


class Scene:
    """The folder in which one worker runs its trials; always the same paths, because archives hold them."""

    def __init__(self, tools, root):
        self.tools, self.root = tools, pathlib.Path(root)
        self.now = self.root / "now"
        self.lock = threading.Lock()
        self.kept = self.root / "kept"
        for i, step in enumerate((100, 200)):
            write_model(self.root / "run" / f"checkpoint-{step}", 3, step)
        os.utime(self.root / "run")
        self.now.mkdir()
        self.kept.mkdir()
        (self.root / "rules.cfg").write_text("[alpha]\nmetric = alpha\nstatistic = mean\nmin = 0.5\n")
        # An archive of both checkpoints with its index, of the first alone, and one that another scan broke off.
        self.must("scan", "run", "--archive", "now/archive")
        self.keep("both")
        shutil.rmtree(self.now / "archive")
        self.must("scan", "run/checkpoint-100", "--archive", "now/archive")
        self.keep("first")
        shutil.rmtree(self.now / "archive")
        self.run(
            ["scan", "run/checkpoint-100", "--archive", "now/archive"],
            fault=dict(KIND="rename", NTH="1", ERROR="EIO"),
        )
        assert list((self.now / "archive").glob("*.journal")), "no journal was left"
        self.keep("journal")
        self.restore("both")
        self.must("merge", "now/archive", "--out", "now/packed.h5")
        shutil.copy2(self.now / "packed.h5", self.root / "packed.h5")
        self.restore("both")
        file = self.now / "archive" / "checkpoint-100.h5"
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0x5A
        file.write_bytes(content)
        self.keep("damaged")

    def keep(self, name):
        shutil.copytree(self.now, self.kept / name)

    def restore(self, name):
        """Brings the folder `now` to what was kept. The reference of `both` includes its times."""
        shutil.rmtree(self.now)
        if name:
            shutil.copytree(self.kept / name, self.now)
        else:
            self.now.mkdir()

    def run(self, words, ranks=0, fault=None, log=None):
        """(exit code, or None if it did not end; standard output; standard error)"""
        command = [str(self.tools.wishart), *words]
        if words[0] == "scan":
            command += ["--progress", "none"]
        if fault is not None:
            variables = [f"LD_PRELOAD={self.tools.library}", f"WISHART_FAULT_PATHS={self.root}/"]
            if log:
                variables.append(f"WISHART_FAULT_LOG={log}")
            variables += [f"WISHART_FAULT_{key}={value}" for key, value in fault.items()]
            command = ["env", *variables, *command]
        environment = dict(os.environ, OPENBLAS_NUM_THREADS="1")
        if ranks:
            command = [str(MPIRUN), "-np", str(ranks), *command]
            environment.pop("OMPI_MCA_ess_singleton_isolated", None)
        process = subprocess.Popen(
            command, cwd=self.root, env=environment, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
            return process.returncode, out, err
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return None, out, err

    def left_over(self):
        """Ranks outlive their mpirun for a moment. Processes that are still there after a while are a problem."""
        for wait in range(100):
            there = []
            for folder in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    same = os.readlink(folder / "cwd") == str(self.root)
                    zombie = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
                except OSError:
                    continue
                if same and not zombie and words[0] == str(self.tools.wishart).encode():
                    there.append(int(folder.name))
            if not there:
                return []
            time.sleep(0.1)
        for process in there:
            os.kill(process, signal.SIGKILL)
        return [f"{len(there)} ranks were still there after 10 s"]

    def must(self, *words):
        code, out, err = self.run([str(w) for w in words])
        assert code == 0, f"{words}: {code} {err}"
        return out

    def standing(self, found, *expected):
        """id -> (standing, number of the archive with the same numbers, or a difference)"""
        text = subprocess.run(
            [str(self.tools.same), str(found), *map(str, expected)], text=True, capture_output=True, check=False)
        if text.returncode not in (0, 1):
            return {"-": ("unreadable", text.stderr)}
        return {line.split("\t")[0]: tuple(line.split("\t")[1:]) for line in text.stdout.splitlines()}


ARCHIVE = "now/archive"

# name: what is there before, the command, ranks. What each command prints or writes is compared too.
Scenario = collections.namedtuple("Scenario", "before words ranks product codes", defaults=[0, None, (0,)])
SCENARIOS = {
    "scan": Scenario("", ["scan", "run/checkpoint-100", "--archive", ARCHIVE]),
    "history": Scenario("first", ["scan", "run", "--archive", ARCHIVE]),
    "resume": Scenario("journal", ["scan", "run/checkpoint-100", "--archive", ARCHIVE]),
    "again": Scenario("both", ["scan", "run", "--archive", ARCHIVE]),
    "team": Scenario("", ["scan", "run/checkpoint-100", "--archive", ARCHIVE, "--team-size", "3"], 3),
    "scan3": Scenario("", ["scan", "run/checkpoint-100", "--archive", ARCHIVE], 3),
    "refit": Scenario("both", ["refit", ARCHIVE, "--fit", "E_TPL"]),
    "index": Scenario("both", ["index", ARCHIVE, "--rebuild"]),
    "index-more": Scenario("first", ["index", ARCHIVE]),
    "merge": Scenario("both", ["merge", ARCHIVE, "--out", "now/packed.h5"], 0, "now/packed.h5"),
    "unpack": Scenario("", ["merge", "packed.h5", "--unpack", ARCHIVE]),
    "report": Scenario("both", ["report", ARCHIVE]),
    "report-html": Scenario("both", ["report", ARCHIVE, "--checkpoint", "latest", "-o", "now/r.html"], 0, "now/r.html"),
    "gate": Scenario("both", ["gate", ARCHIVE, "--rules", "rules.cfg", "--base", "checkpoint-100"]),
    "export": Scenario("both", ["export", ARCHIVE, "--all", "-o", "now/t.csv"], 0, "now/t.csv"),
    "repair": Scenario("damaged", ["verify", ARCHIVE, "--repair"], 0, None, (3,)),
    "verify": Scenario("both", ["verify", ARCHIVE]),
}


def without_times(text):
    """Output without wall times."""
    text = re.sub(r"[0-9]+ of them read", "N of them read", text)  # more if the old index cannot be
    return re.sub(r"in [0-9.e-]+ s\b", "in T s", text)


class Reference:
    """A scenario as it ends undisturbed, and how many calls of each kind it makes."""

    def __init__(self, scene, name, least_bytes):
        self.name, self.scenario = name, SCENARIOS[name]
        scene.restore(self.scenario.before)
        self.before = scene.root / "before" / name
        shutil.copytree(scene.now, self.before)
        log = scene.root / f"{name}.count"
        code, self.out, err = scene.run(
            self.scenario.words, self.scenario.ranks, dict(NTH="0", BYTES=str(least_bytes)), log)
        assert code in self.scenario.codes, f"{name}: {code}\n{err}"
        self.code = code
        self.out = without_times(self.out)
        self.after = scene.root / "after" / name
        shutil.copytree(scene.now, self.after)
        self.counts = {}
        for line in log.read_text().splitlines():
            rank, _, kind, count = line.split()
            if int(count) > 0:
                self.counts[(int(rank), kind)] = int(count)

    def errors(self, kind, kills):
        if not kills:
            return ERRORS[kind]
        return KILLS if self.scenario.ranks else KILLS[:1]  # without mpirun, the parent is this program

    def places(self, wanted_kinds, polls, kills):
        """All faults: (rank, kind, nth, error, all later ones too, part of the path)"""
        for (rank, kind), count in sorted(self.counts.items()):
            if kind not in wanted_kinds:
                continue
            count = min(count, polls) if kind == "mpi_poll" else count
            for nth, error in itertools.product(range(1, count + 1), self.errors(kind, kills)):
                yield rank, kind, nth, error, False, ""
                if error not in HARMLESS and count > 1 and not kills:
                    yield rank, kind, nth, error, True, ""


def problems_of(scene, reference, place, least_bytes):
    """What is wrong after a trial, as lines; and how it ended."""
    rank, kind, nth, error, onwards, name = place
    scenario = reference.scenario
    scene.restore(scenario.before)
    log = scene.root / "fault.log"
    log.unlink(missing_ok=True)
    fault = dict(KIND=kind, NTH=nth, ERROR=error, RANK=rank, BYTES=least_bytes)
    if onwards:
        fault["LAST"] = 1_000_000_000
    if name:
        fault["NAME"] = name
    begin = time.monotonic()
    code, out, err = scene.run(scenario.words, scenario.ranks, fault, log)
    seconds = time.monotonic() - begin
    hit = [line for line in log.read_text().splitlines() if " fault " in line] if log.exists() else []
    problems = []
    lines = err.splitlines()
    if code is None:
        problems.append("did not end in 30 s")
    elif error in KILLS:
        problems += scene.left_over()
    elif not hit and code not in scenario.codes:
        problems.append(f"exit code {code} without a fault")
    elif code in scenario.codes:
        told = any(line.startswith("wishart: ") for line in lines)
        if without_times(out) != reference.out and not (scenario.words[0] in ("scan", "verify") and told):
            problems.append("other output than undisturbed")
    elif code not in (3, 4):
        problems.append(f"exit code {code}")
    else:
        # HDF5 and the C++ library do not open again, and HDF5 takes an interrupted close for a failed one.
        if error in HARMLESS and kind not in ("open", "close"):
            problems.append(f"{error} was not harmless: exit code {code}")
        if code == 3 and (kind not in READING or error in ("ENOMEM", "EMFILE")):
            problems.append("exit code 3 for a lack of resources")
        last = [line for line in lines if line.startswith("wishart: ")]
        if not last:
            problems.append("no message")
        elif hit:
            path = pathlib.Path(hit[0].split(" ", 5)[5]).name
            text = err
            if kind.startswith("mpi"):
                named = "MPI" in text.replace("MPI_ABORT", "").replace("MPI_COMM_WORLD", "")
            else:
                named = TEXTS[error] in text or (path and path in text)
            if not named:
                problems.append("the message names neither the file nor the error")
    problems += archive_problems(scene, reference, code, bool(re.search("^wishart: ", err, re.M)))
    aside = {p.name for p in (scene.now / "archive").glob("*.damaged")} - {"checkpoint-100.h5.damaged"}
    if aside:
        problems.append(f"intact files were set aside: {sorted(aside)}")
    # The next run, undisturbed.
    if scenario.words[0] in ("scan", "refit", "index", "verify") or scenario.product:
        again, out2, err2 = next_run(scene, reference)
        if again != 0:
            problems.append(f"the next run ends with {again}: {err2.strip()}")
        else:
            problems += archive_problems(scene, reference, 0, last=True)
    head = hit[0] if hit else "nothing hit"
    report = [f"{text}\n    {head}\n    exit code {code} after {seconds:.1f} s: {err.strip()[-600:]}" for text in problems]
    return report, (code if hit else "unhit")


def next_run(scene, reference):
    scenario = reference.scenario
    if scenario.words[0] == "merge" and "--unpack" in scenario.words:
        shutil.rmtree(scene.now / "archive", ignore_errors=True)  # as the message says
    if scenario.words[0] == "merge":
        (scene.now / "packed.h5").unlink(missing_ok=True)
    code, out, err = scene.run(scenario.words, scenario.ranks)
    if scenario.words[0] == "verify":  # what was set aside is to be computed again
        code, out, err = scene.run(["scan", "run", "--archive", ARCHIVE])
    return code, out, err


def archive_problems(scene, reference, code, told=False, last=False):
    """Whole files must have the numbers from before or after; at the end those from after."""
    problems = []
    scenario = reference.scenario
    after, before = reference.after, reference.before
    if scenario.words[0] == "verify":
        after = scene.kept / "both"
    done = last or code in scenario.codes
    folder = scene.now / "archive"
    expected = [after / "archive", before / "archive"]
    if folder.exists():
        found = scene.standing(folder, *expected)
        for name, (standing, number) in found.items():
            if name == "index" and told and not last and standing == "whole":
                continue  # it says what could not be read
            if number.startswith("failed ") and code not in scenario.codes and not last:
                number = number[len("failed "):]
            if standing == "whole" and number not in ("0", "1"):
                problems.append(f"{name}: whole, but with other numbers: {number}" + (" (next run)" if last else ""))
            if standing == "whole" and last and number != "0":
                problems.append(f"{name}: not as undisturbed, but as before")
            if standing != "whole" and (last or name != "checkpoint-100" or scenario.before != "damaged"):
                problems.append(f"{name}: {standing}" + (" (next run)" if last else ""))
        if last:
            wanted = {p.name for p in (after / "archive").iterdir()}
            there = {p.name for p in folder.iterdir()}
            if wanted - there:
                problems.append(f"missing after the next run: {sorted(wanted - there)}")
            allowed = re.compile(r"\..*\.tmp-[0-9]+$|\.wishart-probe-[0-9]+$|.*\.damaged$|\..*\.lock\.now-[0-9.]+$")
            extra = [name for name in there - wanted if not allowed.fullmatch(name)]
            if extra:
                problems.append(f"left after the next run: {sorted(extra)}")
    if scenario.product and done and code == 0:
        file = scene.root / scenario.product
        if scenario.words[0] == "merge":
            found = scene.standing(file, after / "packed.h5")
            problems += [f"packed {n}: {s}" for n, s in found.items() if s != ("whole", "0")]
        elif not file.exists() or file.read_bytes() != (after / file.name).read_bytes():
            problems.append(f"{file.name}: not as undisturbed")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wishart", type=pathlib.Path)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("same", type=pathlib.Path)
    parser.add_argument("--scenarios", nargs="+", default=list(SCENARIOS), choices=list(SCENARIOS))
    parser.add_argument("--kinds", nargs="+", default=list(ERRORS), choices=list(ERRORS))
    parser.add_argument("--least-bytes", type=int, default=1 << 20, help="the smallest allocation that fails")
    parser.add_argument("--polls", type=int, default=5, help="how many polls for messages fail, of thousands")
    parser.add_argument("--every", type=int, default=1, help="of the places, each N-th")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()) // 86400)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--kills", action="store_true")
    tools = parser.parse_args()
    for name in ("wishart", "library", "same"):
        setattr(tools, name, getattr(tools, name).resolve())
    os.environ.setdefault("OMPI_MCA_pml", "ob1")
    os.environ.setdefault("OMPI_MCA_ess_singleton_isolated", "1")
    os.environ.setdefault("OMPI_MCA_orte_create_session_dirs", "0")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    begin = time.monotonic()
    source = random.Random(tools.seed)
    names = list(tools.scenarios)
    if tools.seconds:
        source.shuffle(names)
        names = [name for name in names if SCENARIOS[name].ranks == 0][:3]
    with tempfile.TemporaryDirectory(prefix="wishart-faults-", dir=memory) as root:
        table = collections.defaultdict(collections.Counter)
        failures = []

        def attempt(scene, reference, place):
            problems, ending = problems_of(scene, reference, place, tools.least_bytes)
            table[reference.name][str(ending)] += 1
            table[reference.name]["trials"] += 1
            for problem in problems:
                failures.append((reference.name, place, problem))
                print(f"FAILED {reference.name} rank {place[0]} {place[1]} {place[2]} {place[3]}"
                      f"{' onwards' if place[4] else ''}{' of ' + place[5] if place[5] else ''}: {problem}", flush=True)

        def worker(number):
            scene = Scene(tools, pathlib.Path(root) / str(number))
            references = {}

            def reference_of(name):
                if name not in references:
                    references[name] = Reference(scene, name, tools.least_bytes)
                return references[name]

            if number == 0 and (tools.known or tools.seconds):
                for name, places in itertools.groupby(KNOWN, lambda known: known[0]):
                    for _, place in places:
                        attempt(scene, reference_of(name), place)
            if tools.known:
                return
            begin = time.monotonic()
            for name in names:
                reference = reference_of(name)
                places = list(reference.places(tools.kinds, tools.polls, tools.kills))
                if number == 0 and tools.list:
                    print(name, len(places), {f"{r}:{k}": c for (r, k), c in reference.counts.items()})
                if tools.list:
                    continue
                places = places[:: tools.every]
                if tools.seconds:
                    random.Random(f"{tools.seed} {name}").shuffle(places)
                for i, place in enumerate(places):
                    if i % tools.jobs != number:
                        continue
                    if tools.seconds and time.monotonic() - begin > tools.seconds * (names.index(name) + 1) / len(names):
                        break
                    attempt(scene, reference, place)

        with concurrent.futures.ThreadPoolExecutor(tools.jobs) as pool:
            for future in [pool.submit(worker, number) for number in range(tools.jobs)]:
                future.result()
    for name, counts in table.items():
        print(f"{name}: {counts.pop('trials')} trials; " + ", ".join(
            f"{count} with code {code}" if code != "unhit" else f"{count} whose call did not come"
            for code, count in sorted(counts.items())))
    failed = {(name, place) for name, place, _ in failures}
    print(f"seed {tools.seed}: {sum(sum(c.values()) for c in table.values())} trials, {len(failed)} failed, "
          f"{time.monotonic() - begin:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
