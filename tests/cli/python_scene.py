"""What the checks of python/wishart.py share: the program, small checkpoints, and how a check fails.

Imported by check_python.py, whose argument is the program.
"""

import json
import pathlib
import subprocess
import sys
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
