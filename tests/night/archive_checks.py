"""The training run of a night in fast motion, and what must hold of its archive."""
import array
import csv
import io
import json
import pathlib
import re
import shutil
import struct

from runs import PROBE, TEMPORARY, Finding, Runs, now

MOST_CHECKPOINTS = 8
# What depends on when, where and how often something was computed, and not on the weights.
VOLATILE_COLUMNS = {"seconds", "fit_seconds", "predicted_seconds", "same_as"}
VOLATILE_KEYS = VOLATILE_COLUMNS | {"created", "restarts", "working_seconds", "busy_share", "mpi_layout", "archive",
                                    "size_bytes", "reseals"}


class TrainingRun(Runs):
    """Checkpoints as they appear and change, and undisturbed scans."""

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
        """As docs/histories.md says, of what killed runs have left: what verify names, and probes, which a scan removes
        once they are ten minutes old."""
        for path in self.archive.iterdir():
            if PROBE.fullmatch(path.name):
                if not self.killed_pids:
                    raise Finding(f"{path.name} is left although no process was killed")
                self.counts["probes of killed runs"] += 1
                path.unlink()
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


class Checks(TrainingRun):
    """Numbers are those of the undisturbed archive, and nothing is left behind."""

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

    def check_files(self):
        for path in self.archive.iterdir() if self.archive.exists() else ():
            known = (path.name == "index.h5" or re.fullmatch(r"checkpoint-\d+\.(h5|journal|lock)", path.name) or
                     TEMPORARY.fullmatch(path.name) or PROBE.fullmatch(path.name))
            if not known:
                raise Finding(f"an unknown file in the archive: {path.name}")
        if list(self.archive.glob("checkpoint-*.h5")):
            self.run("verify", str(self.archive))

    def check_rest(self):
        self.await_no_process(10)
        self.check_files()
        for sessions in (self.folder / "sessions").iterdir():
            if not any(sessions.iterdir()):
                sessions.rmdir()
        for name in ("tmp", "shm", "sessions"):
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
