"""What the trials are made in: models, archives in several states, the commands, and how they end undisturbed."""

import collections
import hashlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import time

import places
import starts

ARCHIVE = "now/archive"

# name: what is there before, the command, ranks. What each command prints or writes is compared too.
Scenario = collections.namedtuple("Scenario", "before words ranks product codes", defaults=[0, None, (0,)])
SCENARIOS = {
    "scan": Scenario("", ["scan", "run/checkpoint-100", "--archive", ARCHIVE]),
    "staged": Scenario("", ["scan", "run/checkpoint-100", "--archive", ARCHIVE, "--stage-dir", "stage"]),
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
    "report-html": Scenario(
        "both", ["report", ARCHIVE, "--checkpoint", "latest", "-o", "now/r.html"], 0, "now/r.html"),
    "gate": Scenario("both", ["gate", ARCHIVE, "--rules", "rules.cfg", "--base", "checkpoint-100"]),
    "export": Scenario("both", ["export", ARCHIVE, "--all", "-o", "now/t.csv"], 0, "now/t.csv"),
    "repair": Scenario("damaged", ["verify", ARCHIVE, "--repair"], 0, None, (3,)),
    "verify": Scenario("both", ["verify", ARCHIVE]),
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


def content_of(path):
    """All that a command can find in a file or folder. Of archives the times count too: the index has them."""
    if path.is_file():
        return hashlib.blake2b(path.read_bytes()).digest()
    content = []
    for file in sorted(path.rglob("*")):
        status = file.lstat()
        inside = hashlib.blake2b(file.read_bytes()).digest() if file.is_file() else status.st_mode
        content.append((str(file.relative_to(path)), inside, status.st_mtime_ns if file.suffix == ".h5" else 0))
    return tuple(content)


class Scene:
    """The folder in which one worker runs its trials; always the same paths, because archives hold them."""

    def __init__(self, tools, root):
        self.tools, self.root = tools, pathlib.Path(root)
        self.now = self.root / "now"
        self.commands, self.references = {}, {}
        self.went_on_well = set()  # (scenario, content of `now`) before a run that brought what it should
        self.comparer = starts.Comparer(tools.same)
        self.kept = self.root / "kept"
        for i, step in enumerate((100, 200)):
            write_model(self.root / "run" / f"checkpoint-{step}", 3, step)
        os.utime(self.root / "run")
        self.now.mkdir()
        self.kept.mkdir()
        (self.root / "stage").mkdir()
        (self.root / "rules.cfg").write_text("[alpha]\nmetric = alpha\nstatistic = mean\nmin = 0.5\n")
        # An archive of both checkpoints with its index, of the first alone, and one that another scan broke off.
        self.must("scan", "run", "--archive", "now/archive")
        self.keep("both")
        shutil.rmtree(self.now / "archive")
        self.must("scan", "run/checkpoint-100", "--archive", "now/archive")
        self.keep("first")
        shutil.rmtree(self.now / "archive")
        self.run(
            ["scan", "run/checkpoint-100", "--archive", "now/archive"], fault=dict(KIND="rename", NTH=1, ERROR="EIO"))
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

    def run(self, words, ranks=0, fault=None, log=None, afresh=True):
        """(exit code, or None if it did not end; standard output; standard error)

        fault: what faults.c is told. None: nothing, or without it if the program starts afresh."""
        command = [str(self.tools.wishart), *words]
        if words[0] == "scan":
            command += ["--progress", "none"]
        variables = {f"WISHART_FAULT_{key}": value for key, value in (fault or {}).items()}
        if log:
            variables["WISHART_FAULT_LOG"] = log
        if not afresh and not ranks:
            return self.started(command).run(variables)
        if fault is not None:
            variables.update(LD_PRELOAD=self.tools.library, WISHART_FAULT_PATHS=f"{self.root}/")
        return starts.run_afresh(command, self.root, ranks, variables)

    def started(self, command):
        key = tuple(command)
        if key not in self.commands:
            self.commands[key] = starts.Started(command, self.root, self.tools.library)
        return self.commands[key]

    def reference(self, name):
        if name not in self.references:
            self.references[name] = Reference(self, name)
        return self.references[name]

    def end(self):
        for command in self.commands.values():
            command.end()
        self.comparer.end()

    def left_over(self):
        """Ranks outlive their mpirun for a moment. Processes that are still there after a while are a problem."""
        ours = {command.process.pid for command in self.commands.values()}
        for _ in range(100):
            there = []
            for folder in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    same = os.readlink(folder / "cwd") == str(self.root) and int(folder.name) not in ours
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
        """See starts.Comparer."""
        return self.comparer.standing(found, expected, content_of(found))


def without_times(text):
    """Output without wall times."""
    text = re.sub(r"[0-9]+ of them read", "N of them read", text)  # more if the old index cannot be
    return re.sub(r"in [0-9.e-]+ s\b", "in T s", text)


class Reference:
    """A scenario as it ends undisturbed, and how many calls of each kind it makes."""

    def __init__(self, scene, name):
        self.name, self.scenario = name, SCENARIOS[name]
        scene.restore(self.scenario.before)
        self.before = scene.root / "before" / name
        shutil.copytree(scene.now, self.before)
        log = scene.root / f"{name}.count"
        code, self.out, err = scene.run(
            self.scenario.words, self.scenario.ranks, dict(NTH=0, BYTES=scene.tools.least_bytes), log,
            scene.tools.afresh)
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
            return places.ERRORS[kind]
        return places.KILLS if self.scenario.ranks else places.KILLS[:1]  # without mpirun, the parent is this program

    def places(self, wanted_kinds, polls, kills):
        """All faults."""
        for (rank, kind), count in sorted(self.counts.items()):
            if kind not in wanted_kinds:
                continue
            count = min(count, polls) if kind == "mpi_poll" else count
            for nth, error in itertools.product(range(1, count + 1), self.errors(kind, kills)):
                yield places.Place(rank, kind, nth, error)
                if error not in places.HARMLESS and count > 1 and not kills:
                    yield places.Place(rank, kind, nth, error, onwards=True)
