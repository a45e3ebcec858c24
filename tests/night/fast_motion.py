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
import array
import collections
import csv
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
MOST_CHECKPOINTS = 8
# A run of a second that does not end in this time hangs, on a loaded machine too.
PATIENCE_SECONDS = 240
# What depends on when, where and how often something was computed, and not on the weights.
VOLATILE_COLUMNS = {"seconds", "fit_seconds", "predicted_seconds", "same_as"}
VOLATILE_KEYS = VOLATILE_COLUMNS | {"created", "restarts", "working_seconds", "busy_share", "mpi_layout", "archive",
                                    "size_bytes", "reseals"}
TEMPORARY = re.compile(r"\.(.+)\.tmp-(\d+)")


class Finding(Exception):
    pass


def now():
    return time.monotonic()


class Outcome:
    def __init__(self, arguments, code, out, err, hung, alive):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err
        self.hung = hung
        self.alive = alive  # ranks that still ran when it was found to hang

    def told(self):
        return f"wishart {' '.join(self.arguments)}: exit code {self.code}\n{self.out[-1500:]}{self.err[-1500:]}"


class Night:
    def __init__(self, options):
        self.program = str(pathlib.Path(options.program).resolve())
        self.random = random.Random(options.seed)
        self.options = options
        self.folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="wishart-night-")).resolve()
        for name in ("run", "out", "tmp", "shm", "findings"):
            (self.folder / name).mkdir(parents=True)
        self.run_folder = self.folder / "run"
        self.archive = self.folder / "archive"
        self.reference = self.folder / "reference"
        self.out_folder = self.folder / "out"
        self.token = f"{os.getpid()}-{options.seed}"
        self.environment = dict(
            os.environ, WISHART_NIGHT=self.token, TMPDIR=str(self.folder / "tmp"), OPENBLAS_NUM_THREADS="1",
            OMPI_MCA_pml="ob1", OMPI_MCA_btl_vader_backing_directory=str(self.folder / "shm"))
        for variable in ("OMPI_MCA_ess_singleton_isolated", "OMPI_MCA_orte_create_session_dirs"):
            self.environment.pop(variable, None)
        self.alone = {"OMPI_MCA_ess_singleton_isolated": "1", "OMPI_MCA_orte_create_session_dirs": "0"}
        self.step_number = 0
        self.next_checkpoint = 1
        self.tensors = None  # of the last checkpoint
        self.killed_pids = set()
        self.mpi_was_killed = False
        self.counts = collections.Counter()
        self.memory = collections.defaultdict(list)  # command -> [(step, KiB)]
        self.scan_seconds = 1.5
        self.findings = []

    # Running the program

    def start(self, arguments, ranks=0):
        command = [self.program, *arguments]
        environment = self.environment
        if ranks:
            command = [str(SOURCE / "tools/mpirun"), "-np", str(ranks), *command]
        else:
            environment = dict(environment, **self.alone)
        out = tempfile.TemporaryFile(dir=self.folder)
        err = tempfile.TemporaryFile(dir=self.folder)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                                   start_new_session=True, cwd=self.out_folder)
        return process, out, err

    def finish(self, arguments, running, patience=PATIENCE_SECONDS):
        process, out, err = running
        limit = now() + patience
        hung, alive = False, []
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if now() > limit and not hung:
                hung = True
                alive = [one for one in self.ours() if one in self.ranks_of(process.pid)]
                self.kill_all(process.pid)
                limit = now() + 10
            time.sleep(0.005)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
            stream.close()
        outcome = Outcome(arguments, process.returncode, *texts, hung, alive)
        if not hung:
            self.memory[arguments[0]].append((self.step_number, usage.ru_maxrss))
        return outcome

    def run(self, *arguments, ranks=0, expected=(0,)):
        outcome = self.finish(arguments, self.start(arguments, ranks))
        self.counts["runs"] += 1
        if outcome.hung:
            raise Finding(f"did not end within {PATIENCE_SECONDS} s: {outcome.told()}")
        if outcome.code not in expected:
            raise Finding(f"expected exit code {expected}: {outcome.told()}")
        return outcome

    def ours(self):
        """The processes that this night has started and that still run: {pid: command line}."""
        found = {}
        needle = b"WISHART_NIGHT=" + self.token.encode()
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                if needle in pathlib.Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                    line = pathlib.Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ")
                    if line:  # a zombie has none
                        found[int(entry)] = line.decode("utf-8", "replace")
            except OSError:
                pass
        return found

    def ranks_of(self, pid):
        try:
            text = pathlib.Path("/proc", str(pid), "task", str(pid), "children").read_text()
        except OSError:
            return []
        return [int(word) for word in text.split()]

    def kill_all(self, pid):
        for one in [*self.ranks_of(pid), pid]:
            try:
                os.kill(one, signal.SIGKILL)
                self.killed_pids.add(one)
            except ProcessLookupError:
                pass

    def strike(self, arguments, ranks, moment):
        """Runs the command and sends a signal after `moment` seconds. Gives the outcome and the kind of the kill."""
        running = self.start(arguments, ranks)
        pid = running[0].pid
        kinds = ["KILL a rank", "KILL all", "KILL mpirun", "TERM", "USR1"] if ranks else ["KILL all", "TERM", "INT"]
        kind = self.random.choice(kinds)
        choice = self.random.random()
        time.sleep(moment)
        workers = self.ranks_of(pid) if ranks else []
        self.killed_pids.update([*workers, pid])
        try:
            if kind == "KILL a rank" and workers:
                os.kill(workers[int(choice * len(workers))], signal.SIGKILL)
            elif kind == "KILL all":
                self.kill_all(pid)
            elif kind == "KILL mpirun":
                os.kill(pid, signal.SIGKILL)
            elif kind in ("TERM", "USR1", "INT"):
                os.kill(pid, {"TERM": signal.SIGTERM, "USR1": signal.SIGUSR1, "INT": signal.SIGINT}[kind])
        except ProcessLookupError:
            pass
        outcome = self.finish(arguments, running)
        self.mpi_was_killed = ranks > 0
        self.counts["kills"] += 1
        self.counts[f"kill: {kind}"] += 1
        if outcome.hung and ranks and not outcome.alive:
            # Open MPI's mpirun may wait for ever for a rank that was killed in MPI_Init: docs/troubleshooting.md.
            self.counts["mpirun that hung without ranks"] += 1
        elif outcome.hung:
            raise Finding(f"{kind} after {moment:.3f} s: did not end within {PATIENCE_SECONDS} s, processes "
                          f"{outcome.alive} ran: {outcome.told()}")
        self.await_no_process(20)
        return outcome, kind

    def await_no_process(self, seconds):
        limit = now() + seconds
        while left := self.ours():
            if now() > limit:
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                raise Finding(f"processes are left after {seconds} s: {left}")
            time.sleep(0.02)

    # The training run

    def add_checkpoint(self):
        """A checkpoint like the one before, of which two of three tensors have changed."""
        number = self.next_checkpoint
        self.next_checkpoint += 1
        if self.tensors is None:
            self.tensors = {}
            for block in range(4):
                for name, shape in (("self_attn.q_proj", (96, 96)), ("mlp.up_proj", (160, 96)),
                                    ("mlp.down_proj", (96, 160))):
                    self.tensors[f"model.layers.{block}.{name}.weight"] = (shape, self.noise(shape))
        for name, (shape, _) in list(self.tensors.items()):
            if self.random.random() < 2 / 3:
                self.tensors[name] = (shape, self.noise(shape))
        folder = self.run_folder / f"checkpoint-{number}"
        folder.mkdir()
        header, data = {}, bytearray()
        for name, (shape, values) in self.tensors.items():
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(values)]}
            data += values.tobytes()
        text = json.dumps(header).encode()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
        state = {"global_step": number, "log_history": [{"step": number, "loss": 3 - 0.01 * number}]}
        (folder / "trainer_state.json").write_text(json.dumps(state))
        self.run("scan", str(self.run_folder), "--archive", str(self.reference), "--progress", "none",
                 "--team-size", "1")
        return folder

    def noise(self, shape):
        gauss = self.random.gauss
        scale = self.random.uniform(0.5, 2)
        heavy = self.random.random() < 0.5
        values = [scale * gauss(0, 0.05) for _ in range(shape[0] * shape[1])]
        if heavy:  # a few directions that stand out
            for k in range(6):
                left = [gauss(0, 1) for _ in range(shape[0])]
                right = [gauss(0, 0.3 / (k + 1)) for _ in range(shape[1])]
                for i in range(shape[0]):
                    for j in range(shape[1]):
                        values[i * shape[1] + j] += left[i] * right[j] * 0.1
        return array.array("f", values)

    def checkpoints(self):
        return sorted(p.name for p in self.run_folder.iterdir())

    def scan_arguments(self, archive=None):
        return ["scan", str(self.run_folder), "--archive", str(archive or self.archive), "--progress", "none",
                "--team-size", "1"]

    def lose_some(self):
        """Something to compute: archives that somebody has removed."""
        files = sorted(self.archive.glob("checkpoint-*.h5"))
        for path in self.random.sample(files, min(len(files), self.random.randint(1, 3))):
            path.unlink()

    def settle(self):
        """An undisturbed scan, after which the archive is whole and nothing else is left."""
        begin = now()
        self.run(*self.scan_arguments(), ranks=self.random.choice((0, 1, 2, 3)))
        self.scan_seconds = 0.8 * self.scan_seconds + 0.2 * (now() - begin)
        names = {p.name for p in self.archive.iterdir()}
        self.remove_leftovers()
        wanted = {f"{c}.h5" for c in self.checkpoints()} | {"index.h5"}
        names = {p.name for p in self.archive.iterdir()}
        if names != wanted:
            raise Finding(f"after an undisturbed scan: expected {sorted(wanted)}, found {sorted(names)}")

    def remove_leftovers(self):
        """As docs/histories.md says, of what killed runs have left; only what verify names."""
        there = {p for p in self.archive.iterdir() if TEMPORARY.fullmatch(p.name)}
        if not there:
            return
        document = json.loads(self.run("verify", str(self.archive), "--format", "json").out)
        told = {pathlib.Path(p) for p in document["leftovers"]}
        if there != told:
            raise Finding(f"leftovers: verify names {sorted(map(str, told))}, there are {sorted(map(str, there))}")
        for path in there:
            if int(TEMPORARY.fullmatch(path.name)[2]) not in self.killed_pids:
                raise Finding(f"{path.name} is left of a process that was not killed")
            self.counts["temporary files of killed runs"] += 1
            path.unlink()

    # Comparing numbers

    def table(self, archive, *arguments):
        text = self.run("export", str(archive), *arguments).out
        rows = list(csv.DictReader(io.StringIO(text)))
        return [{k: v for k, v in row.items() if k not in VOLATILE_COLUMNS} for row in rows]

    def without_volatile(self, value):
        if isinstance(value, dict):
            return {k: self.without_volatile(v) for k, v in value.items() if k not in VOLATILE_KEYS}
        if isinstance(value, list):
            return [self.without_volatile(v) for v in value]
        return value

    def document(self, archive, command, *arguments, expected=(0,)):
        outcome = self.run(command, str(archive), *arguments, "--format", "json", expected=expected)
        return outcome.code, self.without_volatile(json.loads(outcome.out))

    def difference(self, a, b, path=""):
        if type(a) is not type(b):
            return f"{path}: {a!r} and {b!r}"
        if isinstance(a, dict):
            for key in sorted(a.keys() | b.keys()):
                if found := self.difference(a.get(key), b.get(key), f"{path}.{key}"):
                    return found
            return ""
        if isinstance(a, list):
            if len(a) != len(b):
                return f"{path}: {len(a)} and {len(b)} elements"
            for i, (one, other) in enumerate(zip(a, b)):
                if found := self.difference(one, other, f"{path}[{i}]"):
                    return found
            return ""
        return "" if a == b else f"{path}: {a!r} and {b!r}"

    def same(self, what, found, expected):
        self.counts["comparisons"] += 1
        if difference := self.difference(found, expected):
            raise Finding(f"{what} differs from the undisturbed archive at {difference}")

    def compare_all(self, archive=None, reference=None):
        archive, reference = archive or self.archive, reference or self.reference
        for table in ("layers", "summary"):
            self.same(f"export --all --table {table}", self.table(archive, "--all", "--table", table),
                      self.table(reference, "--all", "--table", table))

    # The steps

    def new_checkpoint(self):
        self.add_checkpoint()
        self.settle()
        self.compare_all()

    def killed_scan(self):
        if self.random.random() < 0.5 and len(self.checkpoints()) < MOST_CHECKPOINTS:
            self.add_checkpoint()
        self.lose_some()
        ranks = self.random.choice((0, 1, 2, 3))
        for _ in range(self.random.randint(1, 3)):
            moment = self.random.uniform(0, 1.2 * self.scan_seconds)
            self.strike(self.scan_arguments(), ranks, moment)
            self.check_files()
        self.settle()
        self.compare_all()

    def time_limit(self):
        self.lose_some()
        self.run(*self.scan_arguments(), "--time-limit", "0.05", ranks=self.random.choice((0, 2)),
                 expected=(0, 75))
        self.check_files()
        self.settle()
        self.compare_all()

    def compare(self):
        if len(self.checkpoints()) < 2:
            return
        self.settle()
        a, b = self.random.sample(self.checkpoints(), 2)
        self.same("compare", self.document(self.archive, "compare", a, b), self.document(self.reference, "compare", a, b))

    def gate(self):
        self.settle()
        arguments = ("--rules", str(SOURCE / "jobs/gate-pretraining.cfg"))
        self.same("gate", self.document(self.archive, "gate", *arguments, expected=(0, 1)),
                  self.document(self.reference, "gate", *arguments, expected=(0, 1)))

    def report(self):
        self.settle()
        self.same("report", self.document(self.archive, "report"), self.document(self.reference, "report"))
        page = self.out_folder / "report.html"
        before = b"an older page"
        page.write_bytes(before)
        if self.random.random() < 0.5:
            self.run("report", str(self.archive), "--output", str(page))
        else:
            self.strike(["report", str(self.archive), "--output", str(page)], 0, self.random.uniform(0, 0.4))
        content = page.read_bytes()
        if content != before and not content.rstrip().endswith(b"</html>"):
            raise Finding(f"report.html is neither the older page nor a whole one: {len(content)} bytes")
        page.unlink()

    def merge(self):
        self.settle()
        packed, unpacked = self.out_folder / "packed.h5", self.out_folder / "unpacked"
        if self.random.random() < 0.5:
            self.strike(["merge", str(self.archive), "--out", str(packed)], 0, self.random.uniform(0, 0.5))
            if packed.exists():
                self.run("verify", str(packed))
                packed.unlink()
        self.run("merge", str(self.archive), "--out", str(packed))
        self.run("verify", str(packed))
        self.same("the packed report", self.document(packed, "report"), self.document(self.reference, "report"))
        if self.random.random() < 0.5:
            self.strike(["merge", str(packed), "--unpack", str(unpacked)], 0, self.random.uniform(0, 0.5))
            shutil.rmtree(unpacked, ignore_errors=True)
        self.run("merge", str(packed), "--unpack", str(unpacked))
        for path in unpacked.glob("checkpoint-*.h5"):
            if path.read_bytes() != (self.archive / path.name).read_bytes():
                raise Finding(f"{path.name} has other bytes after packing and unpacking")
            self.counts["comparisons"] += 1
        shutil.rmtree(unpacked)
        packed.unlink()

    def damage(self):
        self.settle()
        path = self.random.choice(sorted(self.archive.glob("checkpoint-*.h5")))
        content = bytearray(path.read_bytes())
        position = self.random.randrange(len(content))
        content[position] ^= 1 << self.random.randrange(8)
        path.write_bytes(content)
        self.run("verify", str(self.archive), expected=(3,))
        if self.random.random() < 0.5:
            self.strike(["verify", str(self.archive), "--repair"], 0, self.random.uniform(0, 0.4))
        self.run("verify", str(self.archive), "--repair", expected=(0, 3))
        aside = path.with_name(path.name + ".damaged")
        if not aside.exists() or path.exists():
            raise Finding(f"--repair has not set aside {path.name}")
        aside.unlink()
        self.settle()
        self.compare_all()

    def full_disk(self):
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        size = self.random.randrange(24, 400)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk)],
                          stderr=subprocess.DEVNULL).returncode != 0:
            self.counts["disks that could not be mounted"] += 1
            return
        try:
            archive = disk / "archive"
            ranks = self.random.choice((0, 2))
            outcome = self.run(*self.scan_arguments(archive), ranks=ranks, expected=(0, 4))
            self.counts["disks that were full"] += outcome.code == 4
            if outcome.code == 4 and "No space left on device" not in outcome.err:
                raise Finding(f"a full disk that is not named: {outcome.told()}")
            for path in archive.glob("checkpoint-*.h5"):
                self.run("verify", str(path))
            if list(archive.glob("checkpoint-*.h5")) and self.random.random() < 0.5:
                for command in (("refit", str(archive), "--xmax", "2"), ("index", str(archive), "--rebuild"),
                                ("merge", str(archive), "--out", str(disk / "packed.h5")),
                                ("report", str(archive), "--output", str(disk / "page.html"))):
                    outcome = self.run(*command, expected=(0, 4))
                    if outcome.code == 4 and any((disk / n).exists() for n in ("packed.h5", "page.html")
                                                 if n in command[-1]):
                        raise Finding(f"a part of a file is left: {outcome.told()}")
                    for name in ("packed.h5", "page.html"):
                        (disk / name).unlink(missing_ok=True)
            left = [p.name for p in [*disk.iterdir(), *archive.iterdir()] if TEMPORARY.fullmatch(p.name)]
            if left or list(archive.glob("*.lock")):
                raise Finding(f"left on the full disk: {left}, {list(archive.glob('*.lock'))}")
            subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
            self.run(*self.scan_arguments(archive), ranks=ranks)
            if list(archive.glob("*.journal")):
                raise Finding("a journal is left after the scan with room")
            self.compare_all(archive)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def clean_up(self):
        """Checkpoints that training no longer keeps; now and then the whole archive."""
        if self.random.random() < 0.2:
            shutil.rmtree(self.archive)
        names = self.checkpoints()
        names.sort(key=lambda name: int(name.split("-")[1]))
        for name in names[:max(0, len(names) - self.random.randint(2, MOST_CHECKPOINTS))]:
            shutil.rmtree(self.run_folder / name)
            for archive in (self.archive, self.reference):
                (archive / f"{name}.h5").unlink(missing_ok=True)
        self.run("index", str(self.reference))
        self.settle()
        self.compare_all()

    def refit(self):
        self.settle()
        options = self.random.choice((["--xmax", "2"], ["--fix-fingers", "clip_xmax"], ["--bootstrap", "10"], []))
        if self.random.random() < 0.5:
            self.strike(["refit", str(self.archive), *options], 0, self.random.uniform(0, 0.6))
            self.check_files()
        self.run("refit", str(self.archive), *options)
        self.remove_leftovers()
        other = self.out_folder / "reference"
        shutil.copytree(self.reference, other)
        self.run("refit", str(other), *options)
        self.compare_all(self.archive, other)
        shutil.rmtree(other)
        self.settle()
        self.compare_all()

    def index(self):
        self.settle()
        if self.random.random() < 0.5:
            self.strike(["index", str(self.archive), "--rebuild"], 0, self.random.uniform(0, 0.4))
            self.check_files()
        if self.random.random() < 0.3:
            (self.archive / "index.h5").unlink(missing_ok=True)
        self.run("index", str(self.archive), *self.random.choice(([], ["--rebuild"])))
        self.remove_leftovers()

    def export(self):
        self.settle()
        self.same("history", self.table(self.archive, "--table", "history"), self.table(self.reference, "--table", "history"))
        key = "model.layers.0.mlp.up_proj.weight"
        self.same("a spectrum", self.table(self.archive, "--table", "spectrum", "--matrix", key),
                  self.table(self.reference, "--table", "spectrum", "--matrix", key))
        self.run("export", str(self.archive), "--for", "prometheus", "--output", str(self.out_folder / "w.prom"))
        events = self.out_folder / "events"
        self.run("export", str(self.archive), "--for", "tensorboard", "--output", str(events))
        shutil.rmtree(events)
        (self.out_folder / "w.prom").unlink()

    def unfinished(self):
        """A checkpoint that is being written while the scan comes."""
        folder = self.add_checkpoint()
        whole = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(whole[:self.random.randrange(9, len(whole))])
        outcome = self.run(*self.scan_arguments(), ranks=self.random.choice((0, 2)), expected=(0, 3))
        if (self.archive / f"{folder.name}.h5").exists():
            raise Finding(f"a truncated checkpoint is in the archive: {outcome.told()}")
        # The undisturbed archive knows the checkpoint by the time and size of its files.
        (folder / "model.safetensors").write_bytes(whole)
        (self.reference / f"{folder.name}.h5").unlink()
        self.run(*self.scan_arguments(self.reference))
        self.settle()
        self.compare_all()

    def two_scans(self):
        self.lose_some()
        arguments = self.scan_arguments()
        running = [self.start(arguments, ranks) for ranks in (2, 1)]
        outcomes = [self.finish(arguments, one) for one in running]
        for outcome in outcomes:
            if outcome.hung or outcome.code not in (0, 75):
                raise Finding(f"of two scans at once: {outcome.told()}")
        self.settle()
        self.compare_all()

    # What is checked after each step

    def check_files(self):
        for path in self.archive.iterdir() if self.archive.exists() else ():
            known = (path.name == "index.h5" or re.fullmatch(r"checkpoint-\d+\.(h5|journal|lock)", path.name) or
                     TEMPORARY.fullmatch(path.name) or re.fullmatch(r"\.checkpoint-\d+\.lock\.now-.*", path.name) or
                     path.name.startswith(".wishart-probe-"))
            if not known:
                raise Finding(f"an unknown file in the archive: {path.name}")
        if list(self.archive.glob("checkpoint-*.h5")):
            self.run("verify", str(self.archive))

    def check_rest(self):
        self.await_no_process(10)
        self.check_files()
        for name in ("tmp", "shm"):
            left = sorted(p.name for p in (self.folder / name).iterdir())
            if left and not self.mpi_was_killed:
                raise Finding(f"left in the folder for {name}: {left}")
            for entry in left:
                path = self.folder / name / entry
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            self.counts["files of Open MPI after kills"] += len(left)
        self.mpi_was_killed = False
        for path in self.out_folder.iterdir():
            match = TEMPORARY.fullmatch(path.name)
            if not match or int(match[2]) not in self.killed_pids:
                raise Finding(f"left in the output folder: {path.name}")
            self.counts["temporary files of killed runs"] += 1
            path.unlink()

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
        for name in ("tmp", "shm", "out"):
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()
        self.settle()

    STEPS = (("new_checkpoint", 2), ("killed_scan", 6), ("time_limit", 1), ("compare", 1), ("gate", 1), ("report", 2),
             ("merge", 2), ("damage", 2), ("full_disk", 2), ("clean_up", 2), ("refit", 2), ("index", 1), ("export", 1),
             ("unfinished", 1), ("two_scans", 1))

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
