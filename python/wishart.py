"""Reads archives of wishart into pandas, without wishart: one file, h5py and pandas only.

    import wishart                                        # with this file's folder in PYTHONPATH
    table = wishart.details("archive", "checkpoint-600")  # a row for each matrix, as WeightWatcher's get_details()
    table.query("alpha < 2")
    wishart.summary("archive")                            # means, as get_summary()
    wishart.spectrum("archive", "lm_head.weight")         # eigenvalues, as get_ESD()
    wishart.history("archive")                            # a row for each checkpoint

An archive is a folder, one file of it, or a packed file (`wishart merge`). Of several checkpoints the latest
is read, unless its id is given. Which one that is, the program tells in `index.h5` and in packed files; where
`index.h5` is not of the files that are there, an error asks for an id or for `wishart index`. Files are opened read-only.

Warnings of corrected mode are conclusions: they hold a layer against the other layers, against earlier
checkpoints and against tables of public models that are in the program. An archive does not have them, and this file
does not work them out. `details` therefore has no column `warning` in that mode; `from_export` and `exported` have it.

docs/from-weightwatcher.md in the sources of wishart puts each call of WeightWatcher beside these.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

import h5py
import numpy as np
import pandas as pd

__all__ = [
    "ArchiveError",
    "checkpoints",
    "details",
    "exported",
    "from_export",
    "history",
    "plot_esd",
    "singular_values",
    "spectrum",
    "summary",
    "WEIGHTWATCHER_COLUMNS",
]

Path = Union[str, "os.PathLike[str]"]
Name = Union[str, int]

#: The newest schema of archives that is read.
SCHEMA_VERSION = 3

#: The columns of WeightWatcher's details in its order, `slice_id` (of `pool=False`) among them.
WEIGHTWATCHER_COLUMNS = (
    "layer_id name D M N Q alpha alpha_weighted entropy has_esd lambda_max layer_type log_alpha_norm log_norm "
    "log_spectral_norm longname matrix_rank norm num_evals num_pl_spikes rank_loss rf sigma slice_id spectral_norm "
    "stable_rank status sv_max sv_min warning weak_rank_loss xmax xmin"
).split()

# The metrics of WeightWatcher's get_summary(), in its order.
_SUMMARY_METRICS = "log_norm alpha alpha_weighted log_alpha_norm log_spectral_norm stable_rank mp_softrank".split()


class ArchiveError(ValueError):
    """The archive, or what was asked of it, is not as expected. The message names the file and what to do."""


def details(path: Path, checkpoint: Optional[str] = None, all_columns: bool = False) -> pd.DataFrame:
    """The layer table of a checkpoint, a row for each matrix.

    Texts are `str`, flags `bool`, counts `int64` and metrics `float64`. What is not known is NaN in a metric and -1 in
    a count.

    Columns: those of WeightWatcher in its order (`WEIGHTWATCHER_COLUMNS`); with `all_columns` all that the file
    has. The column `warning` is there for archives of `--compat weightwatcher` only, whose words are stored. In
    corrected mode it is left out, so that a query for it is an error and not an empty answer: see `from_export`.

    `attrs` of the result has `checkpoint`, `mode`, `step` and `path`.
    """
    with _opened(path, checkpoint) as (group, checkpoint_id):
        table = _frame(group, "layers")
        mode = _text(group.attrs["mode"])
        table.attrs.update(
            checkpoint=checkpoint_id, mode=mode, step=int(group.attrs["step"]), path=_text(group.attrs["checkpoint_path"])
        )
        if mode != "weightwatcher":
            table = table.drop(columns="warning")
    if not all_columns:
        table = table[[name for name in WEIGHTWATCHER_COLUMNS if name in table.columns]]
    return table


def summary(path: Path, checkpoint: Optional[str] = None) -> Dict[str, float]:
    """Means over the layers, as WeightWatcher's get_summary(): a dict of metric and mean.

    They are those of the archive: in corrected mode layers without a value do not count. `mp_softrank` is there if at
    least one layer has one.
    """
    with _opened(path, checkpoint) as (group, _):
        table = _frame(group, "summary")
        means = table[table["group_by"] == "all"].set_index("metric")
        return {
            metric: float(means.at[metric, "mean"])
            for metric in _SUMMARY_METRICS
            if metric in means.index and means.at[metric, "count"] > 0
        }


def spectrum(path: Path, name: Name, checkpoint: Optional[str] = None) -> np.ndarray:
    """The eigenvalues of W^T W of a matrix, ascending, as WeightWatcher's get_ESD(): the squares of its singular values.

    `name` is the key, the tensor's name with or without `.weight`, or the `layer_id` in `details`.
    """
    return np.square(singular_values(path, name, checkpoint))


def singular_values(path: Path, name: Name, checkpoint: Optional[str] = None) -> np.ndarray:
    """The singular values of a matrix, ascending, as `float64`. `name` as in `spectrum`."""
    with _opened(path, checkpoint) as (group, _):
        return _values_of(group, _row_of(group, name))


def checkpoints(path: Path) -> List[str]:
    """The ids of the checkpoints in an archive, in natural order."""
    path = _existing(path)
    if os.path.isdir(path):
        with os.scandir(path) as entries:
            named = [one for one in entries if one.name.endswith(".h5") and not one.name.startswith(".") and one.name != "index.h5"]
            # Also a link that leads nowhere: it might be the latest.
            files = [one for one in named if one.is_file() or not os.path.exists(one.path)]
        found = sorted((one.name[:-3] for one in files), key=_natural)
        if not found:
            raise ArchiveError(f"{path}: holds no checkpoints, expected files that end in .h5. See wishart scan")
        return found
    with _file(path) as file:
        if _kind(file) == "packed":
            return sorted(_group(file, "checkpoints"), key=_natural)
    return [os.path.basename(path)[:-3] if path.endswith(".h5") else os.path.basename(path)]


def history(path: Path) -> pd.DataFrame:
    """A row for each checkpoint of an archive: training state, number of layers, and the means of all metrics.

    They stand in the order of training: by stage, as the names tell it, then by step; those without a step (-1) come
    last. Each is a row, also a copy under another id and one of another mode or fit, which
    `wishart export ARCHIVE --table history` leaves out. There is also what depends on several checkpoints, such as
    the share of settled layers.
    """
    rows: List[Dict[str, Any]] = []
    for checkpoint_id in checkpoints(path):
        with _opened(path, checkpoint_id) as (group, _):
            row: Dict[str, Any] = {"checkpoint": checkpoint_id}
            for name in ("step", "tokens"):
                row[name] = int(group.attrs[name])
            for name in ("loss", "eval_loss", "learning_rate"):
                row[name] = float(group.attrs[name])
            row["created"] = pd.to_datetime(_text(group.attrs["created"]), errors="coerce", utc=True)
            row["mode"] = _text(group.attrs["mode"])
            row["analysis"] = _analysis(group)
            row["layers"] = int(_dataset(group, "layers").shape[0])
            means = _frame(group, "summary")
            means = means[means["group_by"] == "all"]
            row.update(zip(means["metric"], means["mean"]))
            rows.append(row)
    rows.sort(key=lambda r: (_stage(r["checkpoint"]), r["step"] < 0, r["step"], _natural(r["checkpoint"])))
    return pd.DataFrame(rows)


def from_export(source: Union[Path, "io.TextIOBase"]) -> pd.DataFrame:
    """A table of `wishart export`, from a CSV, JSON or JSON-lines file, with the types of `details`.

    `wishart export ARCHIVE --table layers -o layers.csv` has all columns of `details(..., all_columns=True)`, and what is
    concluded: `warning`, with what it rests on in `reason`, and percentiles among public models. A text that wishart
    protected from spreadsheets by an apostrophe in front has it still in CSV; JSON has the text as it is. A table
    without rows has its columns from CSV and JSON; as JSON lines it is an empty file, which has none.
    """
    if isinstance(source, io.TextIOBase):
        name, text = "the export", source.read()
    else:
        name = _existing(source)
        with open(name, encoding="utf-8") as file:
            text = file.read()
    begin = text.lstrip()[:1]
    if begin == "{":
        return _from_json(text, name)
    if not begin:
        if name.endswith(".jsonl"):
            return pd.DataFrame()
        raise ArchiveError(f"{name}: is empty, expected at least the names of the columns")
    # As text first: `nan` may be the name of a layer.
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return _typed(table, name)


def exported(
    path: Path, checkpoint: Optional[str] = None, table: str = "layers", program: str = "wishart"
) -> pd.DataFrame:
    """What `wishart export` says of a checkpoint, `warning` and `reason` among it: runs the program.

    `table` is one of layers, summary, skipped, adapter, traps, history. `program` is the name or the path of wishart.
    """
    command = [program, "export", os.fspath(path), "--table", table, "--format", "json"]
    if checkpoint is not None:
        command += ["--checkpoint", checkpoint]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", check=False)
    except FileNotFoundError:
        raise ArchiveError(f"{program}: no such program. Give its path as program=, or read a file with from_export") from None
    if done.returncode != 0:
        raise ArchiveError(done.stderr.strip() or f"{program} ended with exit code {done.returncode}")
    return _from_json(done.stdout, f"the output of {program}")


def plot_esd(path: Path, name: Name, checkpoint: Optional[str] = None, ax: Any = None) -> Any:
    """Plots the eigenvalues of a matrix as a histogram on two logarithmic axes, with xmin and the fitted power law.

    Needs matplotlib. Returns the axes, which are new unless `ax` is given.
    """
    import matplotlib.pyplot as plt  # only here: all else works without it

    with _opened(path, checkpoint) as (group, _):
        index = _row_of(group, name)
        sigma = _values_of(group, index)
        row = _dataset(group, "layers")[index]
    values = np.square(sigma)
    values = values[values > 0]
    if not len(values):
        raise ArchiveError(f"{_text(row['key'])}: all eigenvalues are zero, there is nothing to plot")
    if ax is None:
        ax = plt.subplots()[1]
    low, high = values.min(), values.max()
    edges = np.geomspace(low, high, 101) if high > low else np.array([low / 2, low * 2])
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    ax.hist(values, bins=edges, density=True, histtype="stepfilled", alpha=0.5, label="eigenvalues")
    ax.set_xscale("log")
    ax.set_yscale("log")
    title = _text(row["key"])
    alpha, xmin = float(row["alpha"]), float(row["xmin"])
    if alpha > 1 and xmin > 0:
        # The density of all values, so the tail's law has the share of the tail as its weight.
        tail = np.geomspace(xmin, high, 100)
        share = int(row["num_pl_spikes"]) / len(values)
        ax.plot(tail, share * (alpha - 1) / xmin * (tail / xmin) ** -alpha, "--", label=f"power law, alpha {alpha:.3g}")
        ax.axvline(xmin, color="red", linewidth=1, label=f"xmin {xmin:.3g}")
        title += f"\nalpha {alpha:.3f}, D {float(row['D']):.3f}"
    # A name may contain what matplotlib takes for mathematics.
    ax.set_title(title, parse_math=False)
    ax.set_xlabel("eigenvalue")
    ax.set_ylabel("density")
    ax.legend()
    return ax


# How archives are laid out: docs/archive-format.md in the sources of wishart.


def _existing(path: Path) -> str:
    path = os.fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such archive")
    return path


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value


def _natural(name: str) -> Tuple[List[Tuple[int, int, bytes]], bytes]:
    """A sort key that compares runs of digits by their value, and all else by its bytes."""
    key = []
    for part in re.findall(rb"[0-9]+|[^0-9]", os.fsencode(name)):
        # All digits stand at one place among the other bytes. The value may have thousands of digits.
        digits = (part.lstrip(b"0") or b"0") if part.isdigit() else b""
        key.append((ord("0"), len(digits), digits) if digits else (part[0], 0, b""))
    return key, os.fsencode(name)


#: The table in an index and in a packed file that tells the order of training.
_INDEX_TABLE = "checkpoints_table"

_MOST = 2**63 - 1


def _stage(name: str) -> int:
    """The stage of a run that a checkpoint's name tells, such as `stage2-step1000`; -1 if none."""
    for digits in re.findall(r"stage([0-9]+)", name):
        if _number(digits) <= _MOST:
            return _number(digits)
    return -1


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < 20 else _MOST + 1


# What h5py, numpy and pandas raise where a file is not as it should be.
_FOREIGN = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@contextlib.contextmanager
def _file(path: str) -> Iterator[h5py.File]:
    """An open file. What goes wrong while it is read is told as an ArchiveError that names it."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ArchiveError(f"{path}: is not an archive of wishart, or is damaged: {error}") from error
    with file:
        try:
            yield file
        except ArchiveError:
            raise
        except _FOREIGN as error:
            found = f"{type(error).__name__}: {error}"
            raise ArchiveError(f"{path}: is not as wishart writes it ({found}). See wishart verify") from error


def _member(group: h5py.Group, name: str, kind: type) -> Any:
    """What `group` itself holds under this path. Links may lead to other files, which this one has no say in."""
    where = group.file.filename
    for part in name.split("/"):
        link = group.get(part, getlink=True)
        if link is None:
            raise ArchiveError(f"{where}: has no {name}. See wishart verify")
        if not isinstance(link, h5py.HardLink):
            raise ArchiveError(f"{where}: {name} is a link, which wishart does not write")
        group = group[part]
    if not isinstance(group, kind):
        raise ArchiveError(f"{where}: {name} is no {kind.__name__.lower()}. See wishart verify")
    return group


def _group(group: h5py.Group, name: str) -> h5py.Group:
    return _member(group, name, h5py.Group)


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = _member(group, name, h5py.Dataset)
    if dataset.external or dataset.is_virtual:
        raise ArchiveError(f"{group.file.filename}: {name} keeps its values in other files, as wishart never does")
    return dataset


def _kind(group: h5py.Group) -> str:
    kind = group.attrs.get("wishart")
    if kind is None:
        raise ArchiveError(f"{group.file.filename}: is not an archive of wishart")
    version = int(group.attrs.get("schema_version", SCHEMA_VERSION))
    if version > SCHEMA_VERSION:
        raise ArchiveError(
            f"{group.file.filename}: schema version {version}, this reads up to {SCHEMA_VERSION}. Use a newer wishart.py"
        )
    return _text(kind)


@contextlib.contextmanager
def _opened(path: Path, checkpoint: Optional[str]) -> Iterator[Tuple[h5py.Group, str]]:
    """The group of a checkpoint, and its id."""
    path = _existing(path)
    ids = checkpoints(path)
    single = not os.path.isdir(path)
    if checkpoint is None:
        checkpoint = ids[0] if len(ids) == 1 else _latest(path, ids)
    elif checkpoint not in ids:
        raise ArchiveError(f"{path}: holds no checkpoint '{checkpoint}', only {_listed(ids)}")
    with _file(path if single else os.path.join(path, checkpoint + ".h5")) as file:
        kind = _kind(file)
        if kind == "packed":
            yield _group(_group(file, "checkpoints"), checkpoint), checkpoint
        elif kind == "checkpoint":
            yield file, checkpoint
        else:
            raise ArchiveError(f"{path}: is the {kind} of an archive. Name its folder, or a file of a checkpoint")


def _listed(ids: List[str]) -> str:
    return ", ".join(ids[:5]) + (", ..." if len(ids) > 5 else "")


def _latest(path: str, ids: List[str]) -> str:
    """The last checkpoint of training, as `wishart report` takes it: the program tells it in the archive."""
    folder = os.path.isdir(path)
    named = f"Name one: {_listed(ids)}"
    try:
        rows = _index_rows(path, ids)
        if folder:
            _refuse_stale(path, ids, rows)
    except ArchiveError as error:
        remedy = f"run `wishart index {path}`" if folder else "unpack it, and pack the folder again"
        raise ArchiveError(f"{error}. So the latest checkpoint is not known. {named}; or {remedy}") from error
    last = int(rows["place"].argmax())
    if rows["place"].iloc[last] < 0:
        raise ArchiveError(f"{path}: holds {len(ids)} checkpoints, and none of them has a step, so none is the latest. {named}")
    return ids[last]


def _index_rows(path: str, ids: List[str]) -> pd.DataFrame:
    """The rows of the index of a folder or of a packed file, in the order of `ids`."""
    folder = os.path.isdir(path)
    where = os.path.join(path, "index.h5") if folder else path
    if folder and not os.path.lexists(where):
        raise ArchiveError(f"{path}: has no index.h5")
    if folder and os.path.islink(where):
        raise ArchiveError(f"{where}: is a link, expected the index itself")
    with _file(where) as file:
        if _kind(file) != ("index" if folder else "packed"):
            raise ArchiveError(f"{where}: is a file of kind '{_kind(file)}', expected 'index'")
        is_there = folder or file.get(_INDEX_TABLE, getlink=True) is not None
        rows = _frame(file, _INDEX_TABLE) if is_there else pd.DataFrame()
        if "place" not in rows:
            raise ArchiveError(f"{where}: was written by an older wishart, which did not tell the order of training")
        rows = rows.set_index("checkpoint_id", verify_integrity=True)
        rows = rows.astype({"standing": str, "size_bytes": "int64", "mtime_ns": "int64", "place": "int64"})
    names = [os.fsencode(one).decode("utf-8", "backslashreplace") for one in ids]  # as texts are stored
    new, gone = set(names) - set(rows.index), set(rows.index) - set(names)
    if new or gone:
        raise ArchiveError(f"{where}: " + (f"does not list {min(new)}" if new else f"lists {min(gone)}, which is not there"))
    return rows.loc[names]


def _refuse_stale(path: str, ids: List[str], rows: pd.DataFrame) -> None:
    """Refuses rows that are not of the files that are there, or of which one says nothing."""
    for one, row in zip(ids, rows.itertuples()):
        if row.standing != "whole":
            raise ArchiveError(row.standing)
        file = os.path.join(path, one + ".h5")
        try:
            found = os.stat(file)
        except OSError as error:
            raise ArchiveError(f"{file}: cannot be looked at: {error.strerror}") from error
        if (found.st_size, found.st_mtime_ns) != (row.size_bytes, row.mtime_ns):
            raise ArchiveError(f"{path}: {one}.h5 has changed since index.h5 was written")


def _analysis(group: h5py.Group) -> str:
    """What the matrices are: `weights` of a model, `difference`, `adapter`, `adapter-on-base`."""
    if "analysis" in group.attrs:
        return _text(group.attrs["analysis"])
    options = json.loads(_text(group.attrs["options"]) or "{}")  # before version 3
    if options.get("base") or options.get("with_base"):
        return "difference" if options.get("base") else "adapter-on-base"
    return "adapter" if _text(group.attrs["format"]) == "lora" else "weights"


def _frame(group: h5py.Group, name: str) -> pd.DataFrame:
    dataset = _dataset(group, name)
    where = f"{group.file.filename}: {name}"
    if dataset.ndim != 1 or not dataset.dtype.names:
        raise ArchiveError(f"{where} is no table. See wishart verify")
    try:
        rows = dataset[:]
    except OSError as error:
        raise ArchiveError(f"{where} cannot be read: {error}. See wishart verify") from error
    columns = {}
    for column in rows.dtype.names:
        values = rows[column]
        if values.dtype.kind not in "Sbiuf" or values.ndim != 1:
            raise ArchiveError(f"{where}: column {column} has neither texts nor numbers. See wishart verify")
        if values.dtype.kind == "S":
            values = np.array([_text(value) for value in values.tolist()], dtype=object)
        columns[column] = values
    return pd.DataFrame(columns)


def _row_of(group: h5py.Group, name: Name) -> int:
    """The index of a matrix."""
    layers = _frame(group, "layers")
    where = f"{group.file.filename}"
    if isinstance(name, (int, np.integer)) and not isinstance(name, bool):
        found = layers.index[layers["layer_id"] == name]
        if len(found) != 1:
            raise ArchiveError(f"{where}: has no layer_id {name}, they go from 0 to {len(layers) - 1}")
        return int(found[0])
    if not isinstance(name, str):
        raise ArchiveError(f"{where}: a matrix has a name or a layer_id, not {name!r}")
    for column in ("key", "longname", "name"):
        if column not in layers:
            continue
        found = layers.index[layers[column] == name]
        if len(found) == 1:
            return int(found[0])
        if len(found) > 1:
            keys = [str(key) for key in layers.loc[found, "key"]]
            raise ArchiveError(f"{where}: '{name}' consists of {len(found)} matrices. Name one of them: {_listed(keys)}")
    raise ArchiveError(f"{where}: has no matrix '{name}'. The column key of details() has the names")


def _values_of(group: h5py.Group, index: int) -> np.ndarray:
    row = _dataset(group, "layers")[index]
    key = _text(row["key"])
    sigma, offsets = _dataset(group, "spectra/sigma"), _dataset(group, "spectra/offset")
    begin, end = (int(offset) for offset in offsets[index : index + 2])
    if begin == end and not row["has_esd"]:
        reason = _text(row["reason"])
        raise ArchiveError(f"{key}: has no spectrum, its status is {_text(row['status'])}" + (f": {reason}" if reason else ""))
    count = int(row["num_evals"])
    if not 0 <= begin <= end <= len(sigma) or end - begin != count:
        raise ArchiveError(
            f"{group.file.filename}: {key} has values {begin} to {end} of {len(sigma)}, expected {count} of them. "
            "See wishart verify"
        )
    return sigma[begin:end]


# The types of columns in an export: a text may look like a number, a metric like a count. All others are metrics.
_TEXTS = frozenset(
    "aliases analysis best_law checkpoint detail dtype group group_by hash key layer layer_type longname method metric name "
    "precision products reason role same_as shape solver stack status tensor usual_group usual_status warning".split()
)
_FLAGS = frozenset("ambiguous change_point has_esd mp_at_bound".split())
_COUNTS = frozenset(
    "M N adapter_rank block cols count detX_num drowned elements_apart excluded exit_code expert fitted float64_panels "
    "index integer_bits integer_moduli integer_panels layer_id layers like_noise matrix_rank missing nonfinite null_spikes "
    "num_below_floor num_evals num_farms num_fingers num_fit_evals num_inf num_intruders num_nan num_outliers num_params "
    "num_pl_spikes num_rand num_spikes num_top num_traps order outliers over_trained rand_num_spikes rank_90 rank_95 "
    "rank_99 rank_collapsed rank_loss rf rows slice_id step team_size tokens trained trap_index traps_left_out "
    "unchanged under_trained view weak_rank_loss".split()
)

# The columns of tables that may have no rows, of which JSON then does not tell them.
_COLUMNS = {
    "adapter": "key role block adapter_rank adapter_effective_rank adapter_frobenius adapter_spectral delta_frobenius "
    "delta_spectral adapter_alignment top_overlap num_intruders warning",
    "map": "layer value",
    "skipped": "tensor dtype shape num_params reason detail",
    "traps": "layer_id name key order view trap_index sigma_perm eval_perm mp_bulk_max trap_p trap_delta trap_ipr trap_q "
    "trap_q_uniform trap_diffuseness trap_diffuseness_uniform trap_ipr_left trap_q_left trap_q_uniform_left top_5_mass "
    "top_10_mass rank1_mass_after_unpermute trap_top_sector_overlap trap_top_sector_overlap_left trap_variance_burden "
    "layer_trap_variance_burden trap_residual",
}


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table of texts or of JSON values with the types of its columns."""
    try:
        for column in table.columns:
            if column in _FLAGS:
                table[column] = table[column].map({"True": True, "False": False, True: True, False: False}).astype(bool)
            elif column in _COUNTS:
                table[column] = table[column].astype("int64")
            elif column not in _TEXTS:
                table[column] = table[column].astype("float64")  # null is NaN
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"{name}: column {column} is not as wishart exports it: {error}") from error
    return table


def _from_json(text: str, name: str) -> pd.DataFrame:
    try:
        if _is_lines(text):
            rows = [json.loads(line) for line in text.splitlines() if line]
        else:
            whole = json.loads(text)
            rows = whole["rows"]
        table = pd.DataFrame(rows)
        if not rows:
            table = pd.DataFrame(columns=_COLUMNS.get(whole["table"], "").split(), dtype=object)
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{name}: is not an export of wishart: {error}") from error
    return _typed(table.drop(columns="schema", errors="ignore"), name)


def _is_lines(text: str) -> bool:
    return text.startswith('{"schema": "wishart/exportrow/')
