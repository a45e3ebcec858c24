"""The steps of a night in fast motion: what training, a job and its user may do at any time."""
import shutil
import subprocess

from archive_checks import MOST_CHECKPOINTS, Checks
from runs import SOURCE, TEMPORARY, Finding


class Steps(Checks):
    """Each leaves an archive of which all checks must hold."""

    # How often each is taken, as a weight.
    STEPS = (("new_checkpoint", 2), ("killed_scan", 6), ("time_limit", 1), ("compare", 1), ("gate", 1), ("report", 2),
             ("merge", 2), ("damage", 2), ("full_disk", 2), ("clean_up", 2), ("refit", 2), ("index", 1), ("export", 1),
             ("unfinished", 1), ("two_scans", 1))

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
