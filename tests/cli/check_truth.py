"""Compares an archive with the truth of a synthetic checkpoint.

    check_truth.py PROGRAM CHECKPOINT ARCHIVE

Every singular value must lie within the rounding bound of truth.json, and every exponent within its
standard error of what a fit of the planted values gives. Prints the largest shares of both.
"""

import csv
import io
import json
import pathlib
import subprocess
import sys

import numpy

program, checkpoint, archive = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]

# Short tails may lose to part of the bulk: docs/synth.md.
SHORTEST_TAIL = 16
# The Gram matrix in float64: eps lambda_max / (2 sigma), plus rounding of the solver.
GRAM = 64 * 2.0**-52


def export(*arguments):
    return subprocess.run([program, "export", archive, *arguments], check=True, capture_output=True).stdout


truth = json.loads((checkpoint / "truth.json").read_text())
rows = {row["key"]: row for row in csv.DictReader(io.StringIO(export().decode()))}
worst_sigma, worst_alpha, spectra, fits = 0.0, 0.0, 0, 0
for matrix in truth["matrices"]:
    key = matrix["key"]
    if min(matrix["rows"], matrix["cols"]) < 10:
        continue  # wishart skips it as too small
    row = rows[key]
    planted = numpy.load(checkpoint / truth["spectra"][matrix["spectrum"]]["file"]) * matrix["scale"]
    zeros = min(matrix["rows"], matrix["cols"]) - matrix["rank"]
    planted = numpy.concatenate([numpy.zeros(zeros), planted])
    found = numpy.load(io.BytesIO(export("--table", "spectrum", "--matrix", key, "--format", "npy")))
    assert found.shape == planted.shape, key
    gram = GRAM * planted[-1] ** 2 / numpy.maximum(planted, numpy.sqrt(GRAM) * planted[-1])
    share = (abs(found - planted) / (matrix["rounding_bound"] + gram)).max()
    assert share <= 1, f"{key}: singular values differ by {share} times the bound"
    worst_sigma, spectra = max(worst_sigma, share), spectra + 1
    if matrix["alpha"] is not None and matrix["num_tail"] >= SHORTEST_TAIL and zeros == 0:
        share = abs(float(row["alpha"]) - matrix["alpha_fit"]) / float(row["sigma"])
        assert share <= 1, f"{key}: alpha {row['alpha']}, planted {matrix['alpha_fit']}"
        assert int(row["num_pl_spikes"]) == matrix["num_tail"] + matrix["spikes"], key
        worst_alpha, fits = max(worst_alpha, share), fits + 1
print(f"{spectra} spectra within {worst_sigma:.3f} of the bound, "
      f"{fits} exponents within {worst_alpha:.4f} standard errors")
