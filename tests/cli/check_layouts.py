#!/usr/bin/python3
"""Are the quantised and sharded layouts of 2025 and 2026 read as numpy reads them?

    check_layouts.py WISHART [--seeds 0 1 2 3 4] [--teams 1 2 4] [--differences LAYOUT...] [--formats]

Makes the checkpoints of the shared fixtures' formats-2026/make.py, one set for each seed, and with each team size T scans
them on T ranks: each weight must have a row, no other tensor may, and singular values must agree with numpy's to 1e-12
of the largest. Then it scans each checkpoint, or those given, with `--base`, beside numpy's values of the same weights:
the difference must be zero, and the report must say so without a warning or a number that is not finite.

The same is done with the models of conversions.py: MLX's, llm-compressor's and gpt-oss's ways to store experts, and latent
attention. They must have no difference to the hub's model, and be what `check` says of a model in which nothing changed.

--formats does the last for the quantised models of tools/make-formats too. Ends with 1 if something is wrong, with 77 if
the fixtures or h5py are missing.
"""
import argparse
import json
import os
import pathlib
import re
import runpy
import struct
import subprocess
import sys
import tempfile

os.environ["OPENBLAS_NUM_THREADS"] = "1"
try:
    import h5py
    import numpy as np

    import conversions
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
MPIRUN = str(ROOT / "tools" / "mpirun")
BOUND = 1e-12
# Of shards whose headers do not tell the sizes of whole tensors.
SAID_ANYWAY = re.compile("sizes of tensors are not told by the files")


def run(command):
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done


def write_safetensors(folder, tensors):
    folder.mkdir()
    header, at = {}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F64", "shape": list(values.shape), "data_offsets": [at, at + values.nbytes]}
        at += values.nbytes
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(v.tobytes() for v in tensors.values()))


def made(folder, make, seed):
    """Runs make.py. Returns {layout: {weight: (its values, its singular values)}}."""
    weights, argv, svd, out = [], sys.argv, np.linalg.svd, sys.stdout

    def listening(values, **options):
        sigma = svd(values, **options)
        weights.append((np.array(values, np.float64), sigma))
        return sigma

    np.linalg.svd, sys.argv, sys.stdout = listening, [str(make), str(folder), str(seed)], open(os.devnull, "w")
    try:
        expected = runpy.run_path(str(make))["expected"]
    finally:
        np.linalg.svd, sys.argv, sys.stdout = svd, argv, out
    values = iter(weights)
    return {layout: {name: next(values) for name in names} for layout, names in expected.items()}


def weight_name(name):
    return name if name.endswith(".weight") else name + ".weight"


def texts(layers, column):
    return [text.decode() for text in layers[column]]


class Check:
    def __init__(self, wishart):
        self.wishart, self.wrong, self.spectra, self.worst, self.zeros = wishart, [], 0, 0.0, 0

    def scan(self, arguments, team):
        # A single process needs no mpirun.
        start = [] if team == 1 else [MPIRUN, "-np", str(team)]
        return run(start + [self.wishart, "scan", *map(str, arguments), "--team-size", str(team), "--min-evals", "1",
                            "--bootstrap", "0", "--progress", "none"])

    def spectra_of(self, seed, team, folder, weights):
        archive = folder / f"archive-{team}"
        self.scan([*(folder / layout for layout in weights), "--archive", archive], team)
        for layout, expected in weights.items():
            where = f"seed {seed}, team of {team}, {layout}"
            with h5py.File(archive / f"{layout}.h5") as file:
                keys = texts(file["layers"], "key")
                offset, sigma = file["spectra/offset"][:], file["spectra/sigma"][:]
            wanted = {weight_name(name): values for name, values in expected.items()}
            if sorted(map(weight_name, keys)) != sorted(wanted):
                self.wrong.append(f"{where}: rows {sorted(keys)}, expected {sorted(wanted)}")
                continue
            for i, key in enumerate(keys):
                _, values = wanted[weight_name(key)]
                found = np.sort(sigma[offset[i]:offset[i + 1]])[::-1]
                gap = np.abs(found - values).max() / values[0] if found.shape == values.shape else np.inf
                self.worst, self.spectra = max(self.worst, gap), self.spectra + 1
                if not gap <= BOUND:
                    self.wrong.append(f"{where}, {key}: singular values differ by {gap:.1e} of the largest")

    def difference(self, where, checkpoint, base, archive):
        """The number of rows of the difference. Records what is not as that of equal weights."""
        done = self.scan([checkpoint, "--base", base, "--archive", archive, "--id", "difference"], 1)
        if done.stderr and not SAID_ANYWAY.search(done.stderr):
            self.wrong.append(f"{where}: {done.stderr}")
        with h5py.File(archive / "difference.h5") as file:
            layers, sigma = file["layers"][:], file["spectra/sigma"][:]
        if np.abs(sigma).max(initial=0) != 0:
            self.wrong.append(f"{where}: the difference is not zero")
        for key, *found in zip(*(texts(layers, name) for name in ("key", "status", "warning", "reason"))):
            self.zeros += 1
            if found != ["no-tail", "no-tail", "the same as in the base"]:
                self.wrong.append(f"{where}, {key}: {'; '.join(found)}")
        # NaN: a weight of zeros, of which no change can be measured.
        if np.nan_to_num(layers["delta_frobenius"]).any() or layers["exit_code"].any() or layers["num_nan"].any():
            self.wrong.append(f"{where}: change {layers['delta_frobenius']}, exit codes {layers['exit_code']}")
        report = json.loads(run([self.wishart, "report", str(archive), "--format", "json"]).stdout,
                            parse_constant=lambda word: self.wrong.append(f"{where}: the report says {word}"))
        if report["attention"]:
            self.wrong.append(f"{where}: needs attention: {report['attention']}")
        return len(layers)

    def differences(self, seed, folder, weights):
        for layout, values in weights.items():
            base = folder / f"{layout}.values"
            write_safetensors(base, {weight_name(name): value for name, (value, _) in values.items()})
            rows = self.difference(f"seed {seed}, {layout} beside its values", folder / layout, base, folder / f"{layout}.archive")
            if rows != len(values):
                self.wrong.append(f"seed {seed}, {layout} beside its values: {rows} rows, expected {len(values)}")

    def conversions(self, seed, folder):
        layouts, copies = {}, list(conversions.conversions(folder, np.random.default_rng(seed)))
        for copy, hub, values in copies:
            layouts[copy] = layouts[hub] = {name: (value, np.linalg.svd(value, compute_uv=False)) for name, value in values.items()}
        self.spectra_of(seed, 1, folder, layouts)
        for copy, hub, values in copies:
            where = f"seed {seed}, {copy} beside {hub}"
            rows = self.difference(where, folder / copy, folder / hub, folder / f"{copy}.archive")
            if rows != len(values):
                self.wrong.append(f"{where}: {rows} rows, expected {len(values)}")
            if copy.endswith("-mlx-mxfp4"):  # as `check` sees it, the same as the other copy of MLX
                continue
            done = subprocess.run([self.wishart, "check", str(folder / copy), "--base", str(folder / hub), "--progress", "none"],
                                  text=True, capture_output=True)
            if done.returncode != 0 or "nothing changed" not in done.stdout:
                self.wrong.append(f"{where}: check says {done.stdout or done.stderr}")

    def formats(self, folder):
        run(["/usr/bin/python3", str(ROOT / "tools" / "make-formats"), str(folder)])
        for base in sorted(folder.glob("*.expected")):
            model = folder / base.name.removesuffix(".expected")
            # Adapters are no whole models, and their products are sums that numpy rounds otherwise.
            if not model.exists() or model.name.startswith("lora"):
                continue
            if not self.difference(model.name, model, base, folder / f"{model.name}.archive"):
                self.wrong.append(f"{model.name}: no rows")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wishart")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--teams", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--differences", nargs="*", help="layouts; all if not given")
    parser.add_argument("--formats", action="store_true")
    options = parser.parse_args()
    shared = pathlib.Path(os.environ.get("WISHART_SHARED") or ROOT.parent / "shared")
    make = shared / "fixtures" / "formats-2026" / "make.py"
    if not make.exists():
        print(f"skipped: no shared fixtures in {shared}")
        sys.exit(77)
    check = Check(options.wishart)
    for seed in options.seeds:
        with tempfile.TemporaryDirectory(prefix="wishart-layouts-") as name:
            folder = pathlib.Path(name)
            weights = made(folder, make, seed)
            for team in options.teams:
                check.spectra_of(seed, team, folder, weights)
            check.conversions(seed, folder)
            check.differences(seed, folder, {layout: values for layout, values in weights.items()
                                             if options.differences is None or layout in options.differences})
    if options.formats:
        with tempfile.TemporaryDirectory(prefix="wishart-layouts-") as name:
            check.formats(pathlib.Path(name))
    print("\n".join(check.wrong))
    print(f"{check.spectra} spectra, at most {check.worst:.1e} of the largest value from numpy's; {check.zeros} differences of "
          f"equal weights; {len(check.wrong)} wrong")
    sys.exit(1 if check.wrong or check.spectra == 0 or check.zeros == 0 else 0)


if __name__ == "__main__":
    main()
