#!/usr/bin/python3
"""How often warnings strike the layers of public models, as far as the tables of the population tell.

    population_warnings.py [--from FOLDER]      (needs numpy)

FOLDER has `percentiles.csv` and `models.csv`, by default that of the shared fixtures. Single matrices are not in it, so
the first table is a bound for each role and class of sizes, from the percentiles:

unusual         2 % by alpha, 1 % by D: outside of 1 and 99 %
unlike-blocks   1 %: a log_norm above 99 % (what it needs of alpha is counted under `unusual`)
like-noise      the share of layers whose stable rank is large enough for a matrix of noise. The longer side is not known:
                MLPs, experts, and key and value projections up to 512 (grouped queries) are taken as twice as long as
                wide, all others as square. Longer ones need a larger stable rank. It is only a bound: the warning looks
                at all eigenvalues, not only at the largest

The second table splits the models by a hash of their base, so that all models derived from one base are in one half,
and asks how well a range from 1 to 99 % of one half holds in the other: the mean alpha of a model by role.
"""
import argparse
import csv
import hashlib
import os
import pathlib

import numpy

LEVELS = [1, 5, 10, 25, 50, 75, 90, 95, 99]
NOT_USED = {"other", "embedding.token"}
ROLES = ["q", "k", "v", "o", "gate", "up", "down"]
BY_CONSTRUCTION = 2 + 1 + 1


def least_noise_share(side, aspect):
    """The smallest stable rank / M of a matrix of noise of this shorter side: its largest eigenvalue is at 1 %."""
    a, b = (aspect * side - 0.5) ** 0.5, (side - 0.5) ** 0.5
    return aspect * side / ((a + b) ** 2 + 2.02 * (a + b) * (1 / a + 1 / b) ** (1 / 3))


def least_aspect(role, side):
    grouped = role in ("attention.k", "attention.v") and side <= 512
    return 2 if grouped or role.startswith(("mlp.", "expert")) else 1


def bounds(folder):
    classes = {}
    with open(folder / "percentiles.csv") as file:
        for row in csv.DictReader(file):
            if row["metric"] == "stable_rank_share" and row["role"] not in NOT_USED:
                values = [float(row[f"p{level}"]) for level in LEVELS]
                classes.setdefault(row["role"], []).append((int(row["max_M"]), int(row["matrices"]), values))
    for role, sizes in sorted(classes.items()):
        for side, matrices, values in sorted(sizes):
            limit = least_noise_share(side / 2, least_aspect(role, side))
            noise = 1.0 if limit >= values[-1] else 100 - float(numpy.interp(limit, values, LEVELS))
            yield role, side, matrices, noise


def noise_is_rare(share):
    return share <= 1.2


def half(model):
    return hashlib.sha256((model["base"] or model["model"]).encode()).digest()[0] & 1


def halves(folder):
    with open(folder / "models.csv") as file:
        models = list(csv.DictReader(file))
    for role in ROLES:
        values = [[], []]
        for model in models:
            value = float(model["alpha_" + role])
            if numpy.isfinite(value):
                values[half(model)].append(value)
        learn, judge = map(numpy.array, values)
        low, high = numpy.percentile(learn, [1, 99])
        yield role, len(learn), len(judge), 100 * numpy.mean((judge < low) | (judge > high))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    shared = pathlib.Path(os.environ.get("WISHART_SHARED", "../shared"))
    parser.add_argument("--from", dest="folder", type=pathlib.Path, default=shared / "fixtures/llm-population")
    folder = parser.parse_args().folder
    there = list(bounds(folder))
    print("| role | M up to | matrices | `like-noise` at most | any warning at most |\n|---|---|---|---|---|")
    for role, side, matrices, noise in there:
        print(f"| `{role}` | {side} | {matrices} | {noise:.1f} % | {min(100, noise + BY_CONSTRUCTION):.1f} % |")
    good = [one for one in there if noise_is_rare(one[3])]
    print(f"\nAt most {BY_CONSTRUCTION + 1.2:.1f} %: {len(good)} of {len(there)} classes, "
          f"{100 * sum(one[2] for one in good) / sum(one[2] for one in there):.0f} % of the matrices")
    print("\n| mean alpha of | models to learn from | to judge | outside 1 to 99 % |\n|---|---|---|---|")
    for role, learn, judge, outside in halves(folder):
        print(f"| {role} | {learn} | {judge} | {outside:.1f} % |")


if __name__ == "__main__":
    main()
