#!/usr/bin/python3
"""How far the eigenvalues of noise are from the Marchenko-Pastur law: mp_D times M, and the limit of `like-noise`.

    noise_deviation.py [--matrices 1000] [--seed 1]      (needs numpy)

mp_D is computed anew here, with the variance from the mean square of the elements. Prints a line of Markdown for each
shorter side, number of views and law of the elements: Gaussian, uniform, Student's t with 6 degrees of freedom. Aspect
ratios are 1, 2 and 8 in turn. `--matrices` is their number up to a side of 64; larger ones have fewer.
"""
import argparse

import numpy


def law(x, aspect):
    """Share of the Marchenko-Pastur law at or below x, in units of variance times the longer side."""
    s = aspect ** 0.5
    theta = numpy.arccos(numpy.clip((1 + aspect - x) / (2 * s), -1, 1))
    angle = numpy.arctan2((1 + s) * numpy.sin(theta / 2), (1 - s) * numpy.cos(theta / 2))
    return numpy.clip((numpy.sin(theta) / (2 * s) + (1 + aspect) * theta / (4 * aspect)
                       - (1 - aspect) / (2 * aspect) * angle) * 2 / numpy.pi, 0, 1)


def deviation(views):
    """KS distance of the eigenvalues of all views from the law."""
    rows, cols = views.shape[1:]
    x = numpy.sort(numpy.concatenate([numpy.linalg.svd(view, compute_uv=False) ** 2 for view in views]))
    share = law(x / (x.sum() / (rows * cols * len(views)) * rows), cols / rows)
    place = numpy.arange(len(x)) / len(x)
    return max((share - place).max(), (place + 1 / len(x) - share).max())


def limit(side, views):
    """As noise_limit of src/record/row_warnings.cpp."""
    of_one = (1.2 + 0.4 * numpy.log2(side)) / side
    return of_one if views == 1 else of_one / views ** 0.5 + 0.2 / side


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--matrices", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = numpy.random.RandomState(options.seed)
    laws = {"Gaussian": random.standard_normal, "uniform": lambda shape: random.uniform(-1, 1, shape),
            "Student's t, 6": lambda shape: random.standard_t(6, shape)}
    print("| M | views | elements | matrices | M mp_D: median | 99 % | largest | limit | above it |")
    print("|---|---|---|---|---|---|---|---|---|")
    for side, views in [(20, 1), (32, 1), (64, 1), (128, 1), (256, 1), (512, 1), (16, 9), (64, 9), (64, 49)]:
        count = max(2, int(options.matrices * min(1, (64 / side) ** 2) / min(views, 10)))
        for name, draw in laws.items() if views == 1 else [("Gaussian", laws["Gaussian"])]:
            found = side * numpy.array([deviation(draw((views, side * (1, 2, 8)[i % 3], side))) for i in range(count)])
            most = side * limit(side, views)
            print(f"| {side} | {views} | {name} | {count} | {numpy.median(found):.2f} | {numpy.percentile(found, 99):.2f} "
                  f"| {found.max():.2f} | {most:.2f} | {(found > most).sum()} |", flush=True)


if __name__ == "__main__":
    main()
