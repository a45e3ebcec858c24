#!/usr/bin/env python3
"""The power-law scan as a loop over numpy arrays, for bench_scan.

    numpy_scan.py FOLDER [--runs N]

FOLDER is what `bench_scan --write FOLDER` wrote. For every candidate the exponent and the distance of its
whole tail, one candidate after the other, each by array operations: the way WeightWatcher 0.7.5.5 works,
and at the same cost. Run it on one core: OPENBLAS_NUM_THREADS=1 taskset -c 1.
"""

import pathlib
import sys
import time

import numpy


def scan(x):
    y = numpy.log(x)
    n = len(x)
    alphas = numpy.zeros(n - 1)
    distances = numpy.ones(n - 1)
    for i in range(n - 1):
        m = n - i
        alphas[i] = 1 + m / (numpy.sum(y[i:]) - m * y[i])
        if alphas[i] > 1:
            model = 1 - (x[i:] / x[i]) ** (1 - alphas[i])
            distances[i] = numpy.max(numpy.abs(model - numpy.arange(m) / m))
    best = numpy.argmin(distances)
    return alphas[best], x[best], distances[best]


def main():
    folder = pathlib.Path(sys.argv[1])
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    print("kind,n,seconds,alpha,xmin,D")
    for file in sorted(folder.glob("*.f64")):
        x = numpy.fromfile(file)
        seconds = []
        for _ in range(runs):
            start = time.perf_counter()
            answer = scan(x)
            seconds.append(time.perf_counter() - start)
        print(file.stem, len(x), f"{min(seconds):.4f}", *(f"{v:.12g}" for v in answer), sep=",")


main()
