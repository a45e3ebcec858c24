#!/usr/bin/env python3
"""The goodness-of-fit test of Clauset, Shalizi and Newman (SIAM Review 51 (2009) 661, section 4.1) written anew
with numpy, and how often it rejects.

    numpy_gof.py [--samples 200] [--replicas 100] [--min-tail 10] [--truth body|tail] LAW N...

LAW is an exponent (a pure power law), `lognormal` or `exponential`. For each N prints a line with the share of
p below 0.1, the distance of the p-values from uniform, and the mean tail: the same figures as
bench_simulate_fit prints, from other samples and other random numbers.
With --min-tail 2 every value but the last is tried as xmin, as in the paper. --truth, for an exponent only, draws
that part of the replicas from the law of the samples, instead of the data's own body or of the fitted tail.
"""

import argparse

import numpy


def fit(x, min_tail):
    """(D, alpha, size of the tail) of the best tail of ascending x: all tails as the rows of one array."""
    y = numpy.log(x)
    n = len(y)
    first = numpy.arange(n - min_tail + 1)
    if len(first) > 1:  # one candidate for each distinct value
        first = first[numpy.concatenate(([True], numpy.diff(y[:len(first)]) > 0))]
    best = (numpy.inf, 0, 0)
    for rows in numpy.array_split(first, max(1, len(first) * n // 1000000)):
        gaps = numpy.maximum(y[None, :] - y[rows, None], 0)
        m = n - rows
        alpha = 1 + m / gaps.sum(axis=1)
        rank = (numpy.arange(n)[None, :] - rows[:, None]) / m[:, None]
        distance = numpy.abs(1 - numpy.exp((1 - alpha)[:, None] * gaps) - rank)
        distance[rank < 0] = 0
        D = distance.max(axis=1)
        k = numpy.argmin(D)
        if D[k] < best[0]:
            best = (D[k], alpha[k], m[k])
    return best


def p_value(x, options, random):
    D, alpha, m = fit(x, options.min_tail)
    n = len(x)
    xmin = x[n - m]
    farther = 0
    for _ in range(options.replicas):
        num_tail = random.binomial(n, m / n)
        slope = 1 - (float(options.law) if options.truth == "tail" else alpha)
        tail = xmin * (1 - random.random(num_tail)) ** (1 / slope)
        if options.truth == "body":  # of the law from 1 on, what is below xmin
            slope = 1 - float(options.law)
            body = (1 - (1 - xmin ** slope) * random.random(n - num_tail)) ** (1 / slope)
        else:
            body = random.choice(x[:n - m], n - num_tail) if num_tail < n else []
        farther += fit(numpy.sort(numpy.concatenate((body, tail))), options.min_tail)[0] >= D
    return farther / options.replicas, m


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--replicas", type=int, default=100)
    parser.add_argument("--min-tail", type=int, default=10)
    parser.add_argument("--truth", choices=("body", "tail"))
    parser.add_argument("law")
    parser.add_argument("n", type=int, nargs="+")
    options = parser.parse_args()
    draws = {"lognormal": lambda r, n: numpy.exp(r.standard_normal(n)), "exponential": lambda r, n: r.exponential(size=n)}
    draw = draws.get(options.law) or (lambda r, n: r.random(n) ** (-1 / (float(options.law) - 1)))
    print("law,n,samples,p_below_0.1,distance_from_uniform,mean_tail")
    for n in options.n:
        random = numpy.random.default_rng([n, 7])
        found = [p_value(numpy.sort(draw(random, n)), options, random) for _ in range(options.samples)]
        p = numpy.sort([value for value, _ in found])
        steps = numpy.arange(len(p) + 1) / len(p)
        distance = max(numpy.max(numpy.abs(p - steps[:-1])), numpy.max(numpy.abs(p - steps[1:])))
        print(options.law, n, len(p), f"{numpy.mean(p < 0.1):.3f}", f"{distance:.3f}",
              f"{numpy.mean([m for _, m in found]):.0f}", sep=",", flush=True)


main()
