"""Which checkpoint python/wishart.py takes without a name: that of the program, by the index, or none."""

import os
import re
import shutil
import subprocess

from python_scene import PROGRAM, SOURCE, check, h5py, np, refused, run, wishart


def taken(archive):
    """The checkpoint that the program takes without a name; None if it takes none."""
    done = subprocess.run([PROGRAM, "export", archive, "--table", "summary"], capture_output=True, encoding="utf-8", check=False)
    check(done.returncode == 0 or ": holds " in done.stderr, f"{archive}: {done.stderr}")
    return done.stderr.split("using ")[-1].split(",")[0] if done.returncode == 0 else None


def agreed(archive):
    """What the program and wishart.py take of a folder without a name, and of it as a packed file."""
    packed = archive.parent / "agreed.h5"
    packed.unlink(missing_ok=True)
    run("index", archive)
    run("merge", archive, "--out", packed)
    said = taken(archive)
    check(said == taken(packed), f"{archive}: the program takes {said}, packed {taken(packed)}")
    for path in (archive, packed):
        if said is None:
            refused(lambda: wishart.details(path), f"{path}: holds ", " and none of them has a step, so none is the latest. Name one: ")
        else:
            read = wishart.details(path).attrs["checkpoint"]
            check(read == said, f"{path}: {read}, the program: {said}")
    return said


def changed_copy(source, target, **attributes):
    """A copy of a checkpoint in which attributes are others. It is refused until it is sealed again."""
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        for name, value in attributes.items():
            del file.attrs[name]
            file.attrs[name] = np.bytes_(value) if isinstance(value, bytes) else np.int64(value)


def check_latest(temp):
    """The checkpoint that is read without a name is the program's, whatever else the archive holds."""
    archive, mixed, changed = temp / "archive", temp / "mixed", temp / "changed"

    def beside(*copies):
        """What is taken of the archive with these files."""
        shutil.rmtree(mixed, ignore_errors=True)
        shutil.copytree(archive, mixed, ignore=lambda _, names: [n for n in names if not n.startswith("checkpoint-")])
        for source, name in copies:
            shutil.copy(source, mixed / f"{name}.h5")
        return agreed(mixed)

    def of(*names, step=None):
        """What is taken of checkpoints of these names; the number at the end of a name is the step."""
        shutil.rmtree(mixed, ignore_errors=True)
        mixed.mkdir()
        for name in names:
            at = int(re.findall("[0-9]+", name)[-1]) if step is None else step
            changed_copy(last, mixed / f"{name}.h5", step=at, checkpoint_identity=name.encode(),
                         checkpoint_path=f"/run/{name}".encode())
        run("verify", mixed, "--reseal")
        return agreed(mixed)

    last, compat = archive / "checkpoint-200.h5", temp / "compat/checkpoint-200.h5"
    check(beside((compat, "checkpoint-200-ww")) == "checkpoint-200", "another mode")
    check(beside((last, "zz")) == "checkpoint-200", "a copy")
    beside((last, "a-step200"), (last, "stage2-step100"))
    beside((last, "a+step200"), (last, "a0"), (last, "a-b"))
    agree_on_names(temp)
    changed.mkdir()
    for name, change in (("checkpoint-200-int8", {}), ("aa", {}), ("checkpoint-200-other", {"fit_options": b"other"}),
                         ("checkpoint-200-base", {"analysis": b"difference", "base_path": b"/base"})):
        changed_copy(last, changed / f"{name}.h5", checkpoint_identity=b"0123456789abcdef", **change)
        run("verify", changed / f"{name}.h5", "--reseal")
        check(beside((changed / f"{name}.h5", name)) == "checkpoint-200", name)
    check(of("checkpoint-100", "checkpoint-200", "checkpoint-300") == "checkpoint-300", "one run")
    check(of("stage1-step100", "stage1-step200", "stage2-step50", "stage2-step60") == "stage2-step60", "stages of one run")
    check(of("sft-step100", "sft-step200", "pythia-step143000") == "sft-step200", "a run and its base")
    check(of("mix-a-step100", "mix-a-step150", "mix-b-step200", "mix-b-step250") == "mix-b-step250", "words of two runs")
    check(of("mix1-step100", "mix2-step150", "mix1-step200", "mix2-step250") == "mix2-step250", "numbers of two runs")
    check(of("base", "tuned", step=-1) is None, "none is the latest")
    # Two analyses of one model: its change has a step, it has none.
    shutil.rmtree(mixed)
    mixed.mkdir()
    changed_copy(last, mixed / "tuned.h5", step=-1)
    changed_copy(last, mixed / "tuned-base-first.h5", analysis=b"difference", base_path=b"/first")
    run("verify", mixed, "--reseal")
    check(agreed(mixed) == "tuned", "the only whole model")
    # Of each version that is kept.
    shutil.rmtree(mixed)
    mixed.mkdir()
    for version in (1, 2, 3):
        shutil.copy(SOURCE / f"tests/data/archive-v{version}.h5", mixed)
        if version > 1:
            agreed(mixed)
    shutil.copy(last, mixed)
    agreed(mixed)
    natural = ["a", "a+1", "a-1", "a.b", "a1", "a01", "a2", "a10", "ab", "a" + "9" * 5000]
    check(sorted(natural, key=wishart._natural)[:-2] == ["a", "a+1", "a-1", "a.b", "a01", "a1", "a2", "a10"], "the order of names")


def agree_on_names(temp):
    """The last checkpoint of a run is its last by any of the words that names end with."""
    first, folder = temp / "archive/checkpoint-100.h5", temp / "names"
    for end in ("", "-merged", "-averaged", "-interrupted", "-soup", "-trained", "-ema", "-abc1234f", "-rank0", "-final-v1"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for step, more in ((100, ""), (200, ""), (300, end)):
            changed_copy(first, folder / f"a-step{step}{more}.h5", step=step, checkpoint_identity=f"{step:016d}".encode())
        run("verify", folder, "--reseal")
        check(agreed(folder) == f"a-step300{end}", f"the last one ends with '{end}'")


def check_indices(temp):
    """An index that is not of the files that are there, or does not tell the latest, is refused, with what to do."""
    archive = temp / "indices"
    shutil.copytree(temp / "archive", archive)
    index = archive / "index.h5"
    remedy = f". So the latest checkpoint is not known. Name one: checkpoint-100, checkpoint-200; or run `wishart index {archive}`"

    def told(*parts):
        refused(lambda: wishart.details(archive), *parts)
        check(wishart.details(archive, "checkpoint-200").attrs["step"] == 200, "one that is named is read")
        run("index", archive)
        check(wishart.details(archive).attrs["checkpoint"] == "checkpoint-200", "the remedy")

    run("refit", archive, "--fit", "E_TPL")
    check(wishart.details(archive).attrs["checkpoint"] == "checkpoint-200", "a refit brings the index up to date")
    with h5py.File(archive / "checkpoint-200.h5", "r+"):
        pass  # cuts the seal off
    run("verify", archive, "--reseal")
    check(wishart.details(archive).attrs["checkpoint"] == "checkpoint-200", "so does a new seal")
    index.unlink()
    told(f"{archive}: has no index.h5{remedy}")
    os.utime(archive / "checkpoint-100.h5", ns=(1, 1))
    told(f"{archive}: checkpoint-100.h5 has changed since index.h5 was written{remedy}")
    with h5py.File(archive / "checkpoint-100.h5", "r+"):
        pass  # cuts the seal off
    told("checkpoint-100.h5 has changed since")
    (archive / "checkpoint-100.h5").rename(archive / "first.h5")
    refused(lambda: wishart.details(archive), f"{index}: does not list first. ", "Name one: checkpoint-200, first; or run ")
    run("index", archive)
    shutil.copy(temp / "archive/checkpoint-100.h5", archive)
    (archive / "first.h5").unlink()
    run("index", archive)
    shutil.copy(archive / "checkpoint-100.h5", archive / "a.h5")
    run("index", archive)
    (archive / "a.h5").unlink()
    told(f"{index}: lists a, which is not there{remedy}")
    index.rename(temp / "elsewhere.h5")
    index.symlink_to(temp / "elsewhere.h5")
    told(f"{index}: is a link, expected the index itself{remedy}")
    index.write_text("no index")
    told(f"{index}: is not an archive of wishart, or is damaged", remedy)
    shutil.copy(archive / "checkpoint-100.h5", index)
    told(f"{index}: is a file of kind 'checkpoint', expected 'index'{remedy}")
    (archive / "index.h5").unlink()
    (archive / "folder.h5").mkdir()
    (archive / "junk.h5").write_text("no archive")
    run("index", archive)
    refused(lambda: wishart.details(archive), "junk.h5: is not an HDF5 file", "the latest checkpoint is not known. Name one: ")
    (archive / "junk.h5").unlink()
    told(f"{index}: lists junk, which is not there{remedy}")
    (archive / "gone.h5").symlink_to(archive / "nothing")
    refused(lambda: wishart.details(archive), "does not list gone")
    run("index", archive)
    refused(lambda: wishart.details(archive), "gone.h5: ", "No such file or directory. So the latest")
    (archive / "gone.h5").unlink()
    run("index", archive)

    def edit(path, change):
        with h5py.File(path, "r+") as file:
            rows = file["checkpoints_table"][:]
            del file["checkpoints_table"]
            rows = change(rows)
            if rows is not None:
                file["checkpoints_table"] = rows

    def without(rows, *names):
        kept = [name for name in rows.dtype.names if name not in names]
        fewer = np.zeros(len(rows), [(name, rows.dtype[name]) for name in kept])
        for name in kept:
            fewer[name] = rows[name]
        return fewer

    old = "was written by an older wishart, which did not tell the order of training"
    edit(index, lambda rows: without(rows, "fit", "left_out", "place"))
    told(f"{index}: {old}{remedy}")
    edit(index, lambda rows: without(rows, "standing"))
    told(f"{index}: is not as wishart writes it (KeyError", remedy)
    edit(index, lambda rows: rows[[0, 0]])
    told(f"{index}: is not as wishart writes it (ValueError", remedy)
    with h5py.File(index, "r+") as file:
        del file["checkpoints_table"]
        file["checkpoints_table"] = h5py.ExternalLink(str(temp / "archive/index.h5"), "checkpoints_table")
    told(f"{index}: checkpoints_table is a link, which wishart does not write{remedy}")

    packed = temp / "old.h5"
    run("merge", archive, "--out", packed)
    check(wishart.details(packed).attrs["checkpoint"] == "checkpoint-200", "the latest of a packed file")
    edit(packed, lambda rows: rows[:1])
    anew = ". So the latest checkpoint is not known. Name one: checkpoint-100, checkpoint-200; or unpack it, and pack the folder again"
    refused(lambda: wishart.details(packed), f"{packed}: does not list checkpoint-200{anew}")
    edit(packed, lambda rows: None)
    refused(lambda: wishart.details(packed), f"{packed}: {old}{anew}")
    check(len(wishart.history(packed)) == 2 and wishart.details(packed, "checkpoint-100").attrs["step"] == 100, "one that is named")
