#!/usr/bin/python3
"""alpha and D by the rule of the population's tables beside those of wishart's corrected mode, on the same matrices.

    population_rules.py WISHART [--sides 128,256,512,1024,2048] [--matrices 400] [--seed 1]      (needs numpy)

The rule of the tables is WeightWatcher's full scan, written anew here: eigenvalues of the float32 Gram matrix in
float32, those up to 1e-5 left out, smallest tail 2. WISHART is the program; it scans the same matrices. For each
shorter side prints a line of Markdown: the D of the matrices; how often the two alphas differ by more than rounding
(0.1 %), of all and by D; mean and root mean square of the difference; which percentile by wishart's rule a percentile
by the other rule is.

The matrices are mixtures of what layers look like: noise, noise with rows of different size, heavy-tailed elements,
products of two matrices, and noise with learned directions whose strengths follow a power law. Their aspect ratios
are 1 to 16, from 1024 on 1 to 4. Larger sides have fewer matrices: 400 are 400 up to 256, then half as many for each
doubling.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import tempfile

import numpy

LEVELS = [1, 5, 10, 25, 50, 75, 90, 95, 99]


def full_scan(x, min_tail):
    """(D, alpha) of the best tail of ascending x, as WeightWatcher 0.7.5.5 chooses it."""
    y = numpy.log(x.astype(numpy.float64))
    n = len(y)
    best = (numpy.inf, numpy.nan)
    for i in range(n - min_tail + 1):
        gaps = y[i:] - y[i]
        m = n - i
        total = gaps.sum()
        if total <= 0:
            continue
        alpha = 1 + m / total
        D = numpy.abs(1 - numpy.exp((1 - alpha) * gaps) - numpy.arange(m) / m).max()
        if D < best[0]:
            best = (D, alpha)
    return best


def weight_matrix(random, side):
    """A matrix of a kind and shape drawn at random."""
    rows = int(side * 2 ** random.uniform(0, 4 if side < 1024 else 2))
    kind = random.choice(["noise", "rows", "elements", "product", "learned", "learned", "learned"])
    noise = random.standard_normal((rows, side))
    if kind == "rows":
        noise *= numpy.exp(random.uniform(0.2, 1) * random.standard_normal((rows, 1)))
    elif kind == "elements":
        noise = random.standard_t(random.uniform(2.5, 6), (rows, side))
    elif kind == "product":
        noise = noise @ random.standard_normal((side, side)) / side ** 0.5
    elif kind == "learned":
        count = max(2, int(side * random.uniform(0.05, 0.5)))
        exponent = random.uniform(2, 5)  # alpha of the eigenvalues that are added
        strength = random.random(count) ** (-0.5 / (exponent - 1))
        left = numpy.linalg.qr(random.standard_normal((rows, count)))[0]
        right = numpy.linalg.qr(random.standard_normal((side, count)))[0]
        edge = rows ** 0.5 + side ** 0.5
        noise += random.uniform(0.3, 1.5) * edge * (left * strength) @ right.T
    return (0.02 * noise).astype(numpy.float32)


def by_the_tables(matrix):
    gram = matrix.T @ matrix
    values = numpy.linalg.eigvalsh(gram)
    values = numpy.sort(values[values > 1e-5])
    return full_scan(values, 2)


def by_wishart(program, matrices, folder):
    """The layer table of the matrices, by name."""
    numpy.savez(folder / "matrices.npz", **matrices)
    archive = folder / "archive"
    scan = [program, "scan", folder / "matrices.npz", "--archive", archive, "--bootstrap", "0", "--progress", "none"]
    subprocess.run(scan, check=True, stdout=subprocess.DEVNULL)
    table = subprocess.run([program, "export", archive, "--table", "layers", "--format", "csv"], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    return {row["key"]: row for row in csv.DictReader(io.StringIO(table))}


def line(side, theirs, ours):
    """The line of one side. Rows of (D, alpha), those without an alpha left out."""
    D, alpha = theirs.T
    our_D, our_alpha = ours.T
    differ = numpy.abs(our_alpha / alpha - 1) > 1e-3
    change = our_alpha - alpha
    cells = [side, len(D), "{1:.3f} ({0:.3f} to {2:.3f})".format(*numpy.percentile(D, [5, 50, 95]))]
    for low, high in [(0, 9), (0, 0.08), (0.08, 0.1), (0.1, 0.12), (0.12, 9)]:
        there = (our_D > low) & (our_D <= high)
        cells.append(f"{100 * differ[there].mean():.1f} % of {there.sum()}" if there.any() else "none")
    cells += [f"{change.mean():.3f}", f"{(change ** 2).mean() ** 0.5:.2f}"]
    for x, y in [(alpha, our_alpha), (D, our_D)]:
        shifted = [100 * numpy.mean(y <= numpy.percentile(x, p) * (1 + 1e-5)) for p in LEVELS]
        cells.append(", ".join(f"{s:.1f}" for s in shifted))
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("wishart")
    parser.add_argument("--sides", default="128,256,512,1024,2048")
    parser.add_argument("--matrices", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| M | matrices | D | differ | D <= 0.08 | to 0.1 | to 0.12 | above | mean difference | rms "
          "| 1, 5, 10, 25, 50, 75, 90, 95, 99 % of alpha are | of D |")
    print("|" + "---|" * 12)
    for side in map(int, options.sides.split(",")):
        random = numpy.random.RandomState(options.seed * 100003 + side)
        count = max(2, min(options.matrices, options.matrices * 256 // side))
        rows = []
        for first in range(0, count, 50):  # so that few matrices are in memory at once
            matrices = {f"m{i}": weight_matrix(random, side) for i in range(first, min(first + 50, count))}
            with tempfile.TemporaryDirectory() as folder:
                table = by_wishart(options.wishart, matrices, pathlib.Path(folder))
            for name, matrix in matrices.items():
                if table[name]["status"] == "success":
                    rows.append(by_the_tables(matrix) + (float(table[name]["D"]), float(table[name]["alpha"])))
        rows = numpy.array(rows)
        print(line(side, rows[:, :2], rows[:, 2:]), flush=True)


if __name__ == "__main__":
    main()
