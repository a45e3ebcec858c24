"""python/wishart.py and the notebook of docs/notebooks, on archives that the program writes and on those that are kept.

Usage: check_python.py WISHART
"""

import ast
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = sys.argv[1]

try:
    import h5py
    import numpy as np
    import pandas as pd
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sys.path.insert(0, str(SOURCE / "python"))
import wishart  # noqa: E402

warnings.simplefilter("error")
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit(f"check_python: {what}")


def refused(call, *parts):
    try:
        call()
    except (wishart.ArchiveError, FileNotFoundError) as error:
        for part in parts:
            check(part in str(error), f"'{part}' is not in '{error}'")
        return
    sys.exit(f"check_python: not refused: {parts}")


def run(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False)
    check(done.returncode == 0, f"{arguments}: {done.stderr}")
    return done.stdout


def write_safetensors(folder, tensors, step):
    folder.mkdir(parents=True)
    header, data = {}, b""
    for name, values in tensors.items():
        begin, data = len(data), data + values.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    state = {"global_step": step, "log_history": [{"step": step, "loss": 3.0 - step / 1000}]}
    (folder / "trainer_state.json").write_text(json.dumps(state))


def model(seed):
    """Names as from strangers; the exponents 1.5 and 8 are what WeightWatcher calls over- and under-trained."""
    rng = np.random.default_rng(seed)

    def planted(rows, cols, exponent):
        q1 = np.linalg.qr(rng.standard_normal((rows, cols)))[0]
        q2 = np.linalg.qr(rng.standard_normal((cols, cols)))[0]
        eigenvalues = (np.arange(1, cols + 1) / cols) ** (-1 / (exponent - 1))
        return (q1 * np.sqrt(eigenvalues)) @ q2

    return {
        "model.layers.0.mlp.up_proj.weight": planted(96, 64, 1.5),
        "model.layers.1.mlp.up_proj.weight": planted(96, 64, 3),
        "model.layers.2.mlp.up_proj.weight": planted(96, 64, 8),
        "a,\"b\"\n$x_{$ größe.weight": planted(80, 40, 3),
        "nan": planted(40, 30, 3),
        "model.layers.2.mlp.down_proj.weight": np.full((32, 24), np.nan),
    }


def check_types(table, expected):
    """The types of the columns, against those of the HDF5 file."""
    for name in table.columns:
        kind = expected[name].kind
        want = "bool" if h5py.check_enum_dtype(expected[name]) or kind == "b" else {"S": "object", "i": "int64", "f": "float64"}[kind]
        check(str(table[name].dtype) == want, f"{name} is {table[name].dtype}, expected {want}")
        if want == "object":
            check(all(type(cell) is str for cell in table[name]), f"{name} has cells that are no text")


def same(a, b, what):
    for name in a.columns:
        if a[name].dtype == float:
            check(np.array_equal(a[name], b[name], equal_nan=True), f"{what}: {name}")
        else:
            check(a[name].tolist() == b[name].tolist(), f"{what}: {name}")


def check_details(temp):
    corrected, compat = temp / "archive", temp / "compat"
    with h5py.File(corrected / "checkpoint-200.h5") as file:
        types = {name: file["layers"].dtype[name] for name in file["layers"].dtype.names}
    table = wishart.details(corrected)
    check(table.attrs["checkpoint"] == "checkpoint-200" and table.attrs["step"] == 200, "the latest is read")
    check(list(table.columns) == [c for c in wishart.WEIGHTWATCHER_COLUMNS if c != "warning"], "columns of corrected mode")
    check_types(table, types)
    check("a,\"b\"\n$x_{$ größe.weight" in table["longname"].tolist(), "names are as they were")
    try:
        table.query("warning == 'over-trained'")
        check(False, "a query for warnings that are not there is no error")
    except pd.errors.UndefinedVariableError:
        pass
    everything = wishart.details(corrected, "checkpoint-200", all_columns=True)
    check(len(everything.columns) > 150 and "reason" in everything, "all columns")
    check_types(everything, types)

    words = wishart.details(compat, "checkpoint-200")
    check(list(words.columns) == wishart.WEIGHTWATCHER_COLUMNS, "columns of compat mode")
    check(words.query("warning == 'over-trained'")["longname"].tolist() == ["model.layers.0.mlp.up_proj.weight"], "over-trained")
    check(words.query("warning == 'under-trained'")["longname"].tolist() == ["model.layers.2.mlp.up_proj.weight"], "under-trained")
    check(len(words.query("has_esd")) == 4 and words["has_esd"].dtype == bool, "has_esd is a flag")

    # What the program says, by each way that it says it.
    said = wishart.exported(corrected, "checkpoint-200", program=PROGRAM)
    same(everything.drop(columns="reason"), said, "exported")
    check((said["warning"] != "").any() and "usual_status" in said, "conclusions")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        for ending in ("csv", "json", "jsonl"):
            file = temp / f"layers.{ending}"
            file.write_text(run("export", corrected, "--checkpoint", "checkpoint-200", "--format", ending), encoding="utf-8")
            read = wishart.from_export(file)
            check_types(read[[c for c in read.columns if c in types]], types)
            same(said, read, ending)


def check_the_rest(temp):
    archive = temp / "archive"
    check(wishart.checkpoints(archive) == ["checkpoint-100", "checkpoint-200"], "ids")
    name = "model.layers.1.mlp.up_proj"
    weights = model(200)[name + ".weight"].astype("<f4").astype(float)
    truth = np.linalg.svd(weights, compute_uv=False)[::-1]
    for key in (name, name + ".weight", int(wishart.details(archive).query("name == @name")["layer_id"].iloc[0])):
        sigma = wishart.singular_values(archive, key)
        check(np.allclose(sigma, truth, rtol=1e-7) and np.array_equal(wishart.spectrum(archive, key), sigma**2), "spectrum")
    check(len(wishart.spectrum(archive, "nan", "checkpoint-100")) == 30, "a matrix named nan")
    compat = wishart.details(temp / "compat")
    for metric, mean in wishart.summary(temp / "compat").items():
        check(np.isclose(mean, compat.query("has_esd")[metric].mean(), rtol=1e-12) if metric in compat else True, metric)
    check(list(wishart.summary(archive))[:6] == wishart._SUMMARY_METRICS[:6], "summary")
    history = wishart.history(archive)
    check(history["step"].tolist() == [100, 200] and history["loss"].tolist() == [2.9, 2.8], "history")
    stored = wishart.exported(archive, table="history", program=PROGRAM)
    check(np.allclose(history["alpha"], stored["alpha"]) and stored["change_point"].dtype == bool, "history of the program")

    check(set(history["analysis"]) == {"weights"}, "what was analysed")

    stages = temp / "stages"
    stages.mkdir()
    for before, after in (("200", "stage1-step200"), ("100", "stage2-step100"), ("100", "final")):
        shutil.copy(archive / f"checkpoint-{before}.h5", stages / f"{after}.h5")
    order = wishart.history(stages)["checkpoint"].tolist()
    check(order == ["final", "stage1-step200", "stage2-step100"], f"stages: {order}")
    said = run("export", stages, "--table", "history", "--format", "csv").splitlines()
    check([line.split(",")[0] for line in said[1:]] == order[:2], "the order of the program, in which a copy counts once")
    check(agreed(stages) == "stage1-step200", "a copy under an earlier name is not the latest")
    (stages / "final.h5").unlink()
    check(agreed(stages) == "stage2-step100", "the latest of several stages")

    check_latest(temp)
    check_indices(temp)
    packed = temp / "packed.h5"
    run("merge", archive, "--out", packed)
    same(wishart.details(packed, "checkpoint-100"), wishart.details(archive, "checkpoint-100"), "packed")
    same(wishart.history(packed), history, "history of a packed file")
    for version in (1, 2, 3):
        kept = SOURCE / f"tests/data/archive-v{version}.h5"
        table = wishart.details(kept)
        check(len(table) == 5 and table["longname"][0] == "模型.слой.0.größe 🌊", f"version {version}")
        # Its columns hold numbers of no matrix, num_evals among them.
        refused(lambda: wishart.spectrum(kept, "name.2002"), f"archive-v{version}.h5: ", "has values 3 to 8 of 21, expected ")
        counted = temp / kept.name
        shutil.copyfile(kept, counted)
        with h5py.File(counted, "r+") as file:
            rows = file["layers"][:]
            rows["num_evals"] = np.diff(file["spectra/offset"][:])
            file["layers"][...] = rows
        check(wishart.spectrum(counted, "name.2002").tolist() == [(2 + 1 / (6 - k)) ** 2 for k in range(5)], f"values of {kept}")


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


def check_exports(temp):
    """Each table that the program writes, in each format, has the same columns and types; so has one without rows."""
    archive, rows = temp / "archive", {}
    tables = [["--map", "alpha:0:1"]] + [["--table", name] for name in ("summary", "skipped", "adapter", "traps", "history")]
    for options in tables:
        read = {}
        for ending in ("csv", "json", "jsonl"):
            file = temp / f"table.{ending}"
            file.write_text(run("export", archive, *options, "--format", ending), encoding="utf-8")
            read[ending] = wishart.from_export(file)
        rows[options[1]] = len(read["csv"])
        if len(read["csv"]):
            same(read["csv"], read["jsonl"], options)
        check(dict(read["csv"].dtypes) == dict(read["json"].dtypes), f"{options}: {read['json'].dtypes}")
        same(read["csv"], read["json"], options)
        if options[1] == "history":
            check(read["csv"]["missing"].dtype == "int64", "a count of layers")
    check(rows["traps"] == 0 and rows["adapter"] == 0 and rows["alpha:0:1"] > 0, f"rows: {rows}")
    check(len(wishart.exported(archive, table="traps", program=PROGRAM).columns) == 27, "columns without rows")
    (temp / "empty.csv").write_text("")
    refused(lambda: wishart.from_export(temp / "empty.csv"), "empty.csv: is empty, expected at least the names of the columns")


def check_refusals(temp):
    archive = temp / "archive"
    refused(lambda: wishart.details(temp / "none"), "none: no such archive")
    refused(lambda: wishart.details(archive, "checkpoint-300"), "holds no checkpoint 'checkpoint-300', only checkpoint-100, checkpoint-200")
    refused(lambda: wishart.details(archive / "index.h5"), "is the index of an archive")
    refused(lambda: wishart.spectrum(archive, "lm_head"), "has no matrix 'lm_head'")
    refused(lambda: wishart.spectrum(archive, 99), "has no layer_id 99")
    refused(lambda: wishart.spectrum(archive, "model.layers.2.mlp.down_proj"), "has no spectrum, its status is nonfinite: ")
    refused(lambda: wishart.exported(archive, program="/nonexistent/wishart"), "no such program")
    refused(lambda: wishart.exported(archive, "checkpoint-300", program=PROGRAM), "checkpoint-300")
    (temp / "empty").mkdir()
    refused(lambda: wishart.details(temp / "empty"), "holds no checkpoints")
    (temp / "text.h5").write_text("no archive")
    refused(lambda: wishart.details(temp / "text.h5"), "is not an archive of wishart")
    (temp / "text.json").write_text("{}")
    refused(lambda: wishart.from_export(temp / "text.json"), "is not an export of wishart")
    with h5py.File(temp / "newer.h5", "w") as file:
        file.attrs["wishart"], file.attrs["schema_version"] = np.bytes_("checkpoint"), 4
    refused(lambda: wishart.details(temp / "newer.h5"), "schema version 4, this reads up to 3")


def check_damage(temp):
    """Changed files are refused by name, whatever was changed: no wrong numbers, no errors of h5py or pandas."""
    whole = temp / "archive/checkpoint-200.h5"
    with h5py.File(temp / "other.h5", "w") as file:
        file["values"] = np.arange(500.0)
    calls = {
        "details": lambda path: wishart.details(path, all_columns=True),
        "summary": wishart.summary,
        "history": wishart.history,
        "values": lambda path: wishart.singular_values(path, 0),
    }

    def changed(change, name, *parts):
        path = temp / "changed.h5"
        shutil.copy(whole, path)
        with h5py.File(path, "r+") as file:
            change(file)
        refused(lambda: calls[name](path), "changed.h5: ", *parts)

    def offsets(values):
        def change(file):
            found = file["spectra/offset"][:]
            found[: len(values)] = values
            file["spectra/offset"][...] = found

        return change

    def replaced(path, by):
        def change(file):
            del file[path]
            file[path] = by

        return change

    def elsewhere(file):
        values = file["spectra/sigma"][:]
        del file["spectra/sigma"]
        file["spectra"].create_dataset("sigma", values.shape, "f8", external=[(str(temp / "raw"), 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        del file["spectra/sigma"]
        layout = h5py.VirtualLayout((500,), "f8")
        layout[:] = h5py.VirtualSource(str(temp / "other.h5"), "values", (500,))
        file.create_virtual_dataset("spectra/sigma", layout)

    count = len(wishart.singular_values(whole, 0))
    total = wishart.details(whole)["num_evals"][wishart.details(whole)["has_esd"]].sum()
    expected = f"of {total}, expected {count} of them"
    for values in ([0, count + 20], [-count - 2, -2], [0, -1], [total, total + count], [3, 3], [count, 0]):
        changed(offsets(values), "values", f"has values {values[0]} to {values[1]} {expected}")
    changed(replaced("spectra/sigma", h5py.ExternalLink(str(temp / "other.h5"), "values")), "values",
            "spectra/sigma is a link, which wishart does not write")
    changed(replaced("layers", h5py.SoftLink("/layers")), "details", "layers is a link")
    changed(elsewhere, "values", "spectra/sigma keeps its values in other files, as wishart never does")
    changed(virtual, "values", "spectra/sigma keeps its values in other files")
    changed(replaced("layers", np.arange(5)), "details", "layers is no table")
    changed(lambda file: (file.__delitem__("layers"), file.create_group("layers")), "details", "layers is no dataset")
    changed(lambda file: file.__delitem__("summary"), "summary", "has no summary")
    changed(replaced("layers", np.zeros(3, [("key", "S4")])), "details", "is not as wishart writes it (KeyError")
    changed(replaced("layers", np.zeros(3, [("key", "S4")])), "values", "is not as wishart writes it (KeyError")
    for attribute in ("mode", "step", "loss", "created"):
        changed(lambda file, name=attribute: file.attrs.__delitem__(name), "history", "is not as wishart writes it (KeyError")
        changed(lambda file, name=attribute: file.attrs.__setitem__(name, np.arange(3)), "history", "(TypeError")
    changed(lambda file: file.attrs.__setitem__("step", "ten"), "details", "is not as wishart writes it (ValueError")
    refused(lambda: wishart.singular_values(whole, ["key"]), "a matrix has a name or a layer_id, not ['key']")


def check_imports():
    """Nothing but the standard library, h5py, numpy and pandas at the head; matplotlib in plot_esd alone."""
    tree = ast.parse((SOURCE / "python/wishart.py").read_text(encoding="utf-8"))
    names = {a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in tree.body if isinstance(n, ast.ImportFrom)}
    outside = {name.split(".")[0] for name in names} - set(sys.stdlib_module_names)
    check(outside == {"h5py", "numpy", "pandas"}, f"imports {outside}")
    check("matplotlib" not in sys.modules, "matplotlib is imported before it is needed")


def check_notebook(temp):
    try:
        import matplotlib
    except ImportError as missing:
        print(f"notebook and plot_esd not run: {missing}")
        return
    matplotlib.use("Agg")
    warnings.simplefilter("default")
    text = (SOURCE / "docs/notebooks/first-look.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    check(notebook["nbformat"] == 4 and len(text) < 20000, "a small notebook of format 4")
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    check(len(cells) > 8 and not any(cell["outputs"] or cell["execution_count"] for cell in cells), "no outputs are kept")
    for folder in ("experts", "slices", "archive"):
        os.environ.update(WISHART_ARCHIVE=str(temp / folder), WISHART_PROGRAM=PROGRAM)
        names = {}
        for number, cell in enumerate(cells):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)  # noqa: S102
    check(names["axes"].get_xscale() == "log" and len(names["axes"].lines) == 2, "the last figure has the law and xmin")
    check(len(names["judged"]) == 6, "the warnings are shown")
    axes = wishart.plot_esd(temp / "archive", "a,\"b\"\n$x_{$ größe.weight")
    axes.figure.savefig(temp / "esd.png")
    check((temp / "esd.png").stat().st_size > 5000 and "$x_{$" in axes.get_title(), "a figure")


check_imports()
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for number in (100, 200):
        write_safetensors(folder / f"run/checkpoint-{number}", model(number), number)
    # The layer of NaN makes the exit code 3; its row is in the archive.
    for target, options in (("archive", []), ("compat", ["--compat", "weightwatcher"])):
        path = folder / ("run" if target == "archive" else "run/checkpoint-200")
        subprocess.run([PROGRAM, "scan", path, "--archive", folder / target, "--progress", "none", *options],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    # Tensors of several matrices: a stack of experts, and the offsets of a kernel.
    rng = np.random.default_rng(1)
    write_safetensors(folder / "stack", {"model.layers.0.mlp.experts.down_proj": rng.standard_normal((4, 64, 32))}, 1)
    run("scan", folder / "stack", "--archive", folder / "experts", "--progress", "none")
    write_safetensors(folder / "kernel", {"conv.weight": rng.standard_normal((64, 48, 2, 2))}, 1)
    run("scan", folder / "kernel", "--archive", folder / "slices", "--progress", "none", "--no-pool", "--compat", "weightwatcher")
    check_details(folder)
    check_the_rest(folder)
    check_exports(folder)
    check_refusals(folder)
    check_damage(folder)
    check("matplotlib" not in sys.modules, "matplotlib is imported before it is needed")
    check_notebook(folder)
print(f"{checks} checks")
