#!/usr/bin/python3
"""Singular values and measures of 200 small matrices that lie, by mpmath (Debian: python3-mpmath) with 2600 bits.

    make_extreme_numbers.py > extreme_numbers.hpp

The matrices are functions of the position, which test_extremes.cpp computes too: integers times powers of two, exact in
float64. The values are square roots of the eigenvalues of W^T W, which is exact here: their errors are below 2^-1300 of
the largest.
"""

import sys

from mpmath import mp, mpf

mp.prec = 2600
SHAPES = [(16, 8), (8, 16), (1, 7), (9, 1), (12, 12), (32, 16), (20, 5), (5, 31), (24, 23), (3, 3)]
KINDS = 20
DISTINCT = (0, 1, 17, 18)  # kinds whose values are distinct, so that rounding does not decide about ties
MIN_TAIL = 10


def noise(p, s):
    """From -504 to 504, never 0."""
    value = (p * p * 31 + p * 17 + s * 101) % 1009 - 504
    return value if value else 1


def power(e):
    return mpf(2) ** e


def sign(x):
    return 1 if x > 0 else -1


def element(kind, rows, cols, i, j):
    p = i * cols + j
    t = noise(p, kind)
    hadamard = -1 if bin(i & j).count("1") % 2 else 1
    if kind == 0:
        return mpf(t)
    if kind == 1:  # denormals of F32
        return t * power(-149)
    if kind == 2:  # the largest of F32, BF16, F16
        return sign(t) * (2 ** 24 - 1) * power(104)
    if kind == 3:
        return sign(t) * 255 * power(120)
    if kind == 4:
        return mpf(sign(t) * 65504)
    if kind == 5:
        return (2 ** 24 - 1) * power(104)
    if kind == 6:  # one huge element
        return power(120) if p == (rows * cols) // 2 else t * power(-9)
    if kind == 7:  # low rank
        return mpf(noise(i, 1) * noise(j, 2))
    if kind == 8:
        return mpf(sum(noise(i, s) * noise(j, s + 3) for s in range(3)))
    if kind == 9:  # equal rows and columns
        return mpf(noise(i // 2 * cols + j // 2, kind))
    if kind == 10:  # orthogonal where the longer side is a power of two
        return mpf(hadamard)
    if kind == 11:  # repeated values there
        return hadamard * power((j if rows >= cols else i) % 3)
    if kind == 12:  # graded over 300 decades
        return t * power(200 - i * 996 // rows)
    if kind == 13:
        return t * power(200 - j * 996 // cols)
    if kind == 14:
        return t * power(200 - (i + j) * 996 // (rows + cols))
    if kind == 15:
        return power(240 - i * 480 // min(rows, cols)) if i == j else mpf(0)
    if kind == 16:  # -0.0 and a constant
        return mpf(0) if (i + j) % 2 else mpf(0.7)
    if kind == 17:  # the ends of the range
        return t * power(240)
    if kind == 18:
        return t * power(-250)
    return mpf(1) if i == 0 else (power(-30) if i == j + 1 else mpf(0))  # Laeuchli's


def singular_values(kind, rows, cols):
    tall = rows >= cols
    n, m = max(rows, cols), min(rows, cols)
    a = [[element(kind, rows, cols, *((i, j) if tall else (j, i))) for j in range(m)] for i in range(n)]
    gram = mp.matrix(m, m)
    for j in range(m):
        for k in range(j + 1):
            gram[j, k] = gram[k, j] = mp.fsum(row[j] * row[k] for row in a)
    values = sorted(mp.eigsy(gram, eigvals_only=True)) if m > 1 else [gram[0, 0]]
    largest = values[-1]
    return [mp.sqrt(v) if v > largest * power(-2500) else mpf(0) for v in values]


def measures(sigma):
    total = mp.fsum(sigma)
    squares = [s * s for s in sigma]
    norm = mp.fsum(squares)
    shares = [s / total for s in sigma if s > 0]
    return [mp.log10(norm), norm / squares[-1], total, mp.exp(-mp.fsum(p * mp.log(p) for p in shares)),
            norm ** 2 / mp.fsum(x * x for x in squares)]


def fit(sigma):
    """alpha and D of the scan over xmin (docs/metrics-methods.md), or NaN."""
    x = [s * s for s in sigma]
    best = (mpf(2), mp.nan)
    for i in range(len(x) - MIN_TAIL + 1):
        m = len(x) - i
        alpha = 1 + m / mp.fsum(mp.log(v / x[i]) for v in x[i:])
        distance = max(abs(1 - (x[i + k] / x[i]) ** (1 - alpha) - mpf(k) / m) for k in range(m))
        if distance < best[0]:
            best = (distance, alpha)
    return [best[1], best[0]] if best[1] == best[1] else [mp.nan, mp.nan]


def text(value):
    if value != value:
        return "kNone"
    return float(value).hex()


def main():
    print("#pragma once\n\n/// @file\n/// Made by tests/mpi/make_extreme_numbers.py with mpmath.\n")
    print("#include <cstdint>\n#include <limits>\n\nnamespace wishart::test {\n\n// clang-format off")
    print("inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();")
    print("struct ExtremeNumbers {\n  std::int64_t kind, rows, cols;")
    print("  double log_norm, stable_rank, nuclear_norm, effective_rank, participation_ratio, alpha, D;")
    print("  double sigma[23];  ///< ascending, min(rows, cols) of them\n};\n")
    print("inline constexpr ExtremeNumbers kExtremeNumbers[] = {")
    for kind in range(KINDS):
        for rows, cols in SHAPES:
            sigma = singular_values(kind, rows, cols)
            numbers = measures(sigma) + (fit(sigma) if kind in DISTINCT else [mp.nan, mp.nan])
            print(f"  {{{kind}, {rows}, {cols}, {', '.join(map(text, numbers))},")
            print(f"   {{{', '.join(map(text, sigma))}}}}},")
            sys.stdout.flush()
    print("};\n// clang-format on\n\n}  // namespace wishart::test")


main()
