"""python/wishart.py and the notebook of docs/notebooks, on archives that the program writes and on those that are kept.

Usage: check_python.py WISHART
"""

import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import python_scene
from python_latest import check_latest, check_indices, agreed
from python_scene import PROGRAM, SOURCE, check, check_types, h5py, model, np, pd, refused, run, same, wishart, write_safetensors


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
print(f"{python_scene.checks} checks")
