"""Times the singular values that WeightWatcher's way gives: GESDD by scipy, else by numpy.

    peer_scipy.py [--threads N] [--runs R] ROWSxCOLS...

One CSV line a shape: the best of R runs. The values are checked: their squares must sum to those of
the elements. Packages: tools/install-deps --bench. Exits with 77 if neither numpy nor scipy is there.
"""

import argparse
import os
import resource
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--runs", type=int, default=1)
parser.add_argument("shapes", nargs="+")
options = parser.parse_args()
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(options.threads)  # before the libraries read them

try:
    import numpy
except ImportError:
    print("skipped: no numpy (tools/install-deps --bench)")
    sys.exit(77)
try:
    import scipy
    import scipy.linalg

    library = f"scipy {scipy.__version__}"

    def singular_values(matrix):
        return scipy.linalg.svd(matrix, compute_uv=False, lapack_driver="gesdd", check_finite=False)
except ImportError:
    library = f"numpy {numpy.__version__}"

    def singular_values(matrix):
        return numpy.linalg.svd(matrix, compute_uv=False)


def flop(rows, cols):
    """As bench_peers.cpp counts it: the bidiagonalisation."""
    return 4 * max(rows, cols) * min(rows, cols) ** 2 - 4 / 3 * min(rows, cols) ** 3


print("version,what,rows,cols,ranks,threads,seconds,gflops,peak_rss_mib,error")
for shape in options.shapes:
    rows, cols = (int(side) for side in shape.split("x"))
    matrix = numpy.random.default_rng(1).standard_normal((rows, cols))
    best = float("inf")
    for _ in range(options.runs):
        start = time.perf_counter()
        sigma = singular_values(matrix)
        best = min(best, time.perf_counter() - start)
    squares = (matrix**2).sum()
    error = abs((sigma**2).sum() - squares) / squares
    assert error < 1e-12 * max(rows, cols), f"{shape}: sum of squares is wrong by {error}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{library},gesdd,{rows},{cols},1,{options.threads},{best:.6f},"
          f"{flop(rows, cols) / best / 1e9:.3f},{peak:.0f},{error:.1e}", flush=True)
