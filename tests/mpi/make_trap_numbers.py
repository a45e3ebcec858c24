#!/usr/bin/python3
"""The measures of correlation traps of small matrices, by numpy alone.

    make_trap_numbers.py > trap_numbers.hpp

The matrices and the orders of their elements are functions of the position, which test_traps.cpp computes too. All vectors come from
full singular value decompositions. The formulas are those of WeightWatcher 0.8 (docs/metrics-methods.md, "Correlation traps").
"""

import numpy as np

SHAPES = [(24, 16), (16, 24), (20, 20), (90, 70)]
COLUMNS = ["sigma_perm", "trap_ipr", "trap_q", "trap_q_uniform", "trap_ipr_left", "trap_q_left", "trap_q_uniform_left", "top_5_mass",
           "top_10_mass", "rank1_mass_after_unpermute", "trap_top_sector_overlap", "trap_top_sector_overlap_left", "trap_delta",
           "trap_variance_burden"]


def matrix_of(rows, cols):
    """Integers from -504 to 504, and two large ones."""
    place = np.arange(rows * cols, dtype=np.int64)
    values = ((place * place * 31 + place * 17) % 1009 - 504).astype(float)
    values[cols + 3] = 9000
    values[5 * cols + 7] = -6000
    return values.reshape(rows, cols)


def order_of(size):
    """Where element p of the matrix in random order comes from. 7919 is a prime that divides no size here."""
    return (np.arange(size, dtype=np.int64) * 7919 + 101) % size


def localisation(ipr, expected):
    return float(np.clip((ipr - expected) / (1 - expected), 0, 1))


def top_mass(trap, percent):
    sizes = np.sort(np.abs(trap).ravel())[::-1]
    return sizes[: -(-sizes.size * percent // 100)].sum() / sizes.sum()


def measures(matrix, trap_index):
    rows, cols = matrix.shape
    order = order_of(matrix.size)
    assert len(set(order)) == matrix.size
    u, sigma, vt = np.linalg.svd(matrix.ravel()[order].reshape(rows, cols), full_matrices=False)
    left, right = u[:, trap_index], vt[trap_index]
    trap = sigma[trap_index] * np.outer(left, right)
    restored = np.empty(matrix.size)
    restored[order] = trap.ravel()
    ru, rs, rvt = np.linalg.svd(restored.reshape(rows, cols), full_matrices=False)
    own_u, _, own_vt = np.linalg.svd(matrix, full_matrices=False)
    found = {"sigma_perm": sigma[trap_index]}
    for side, vector in ("", right), ("_left", left):
        ipr = float((vector ** 4).sum())
        found["trap_ipr" + side] = ipr
        found["trap_q" + side] = localisation(ipr, 3 / (vector.size + 2))
        found["trap_q_uniform" + side] = localisation(ipr, 1 / vector.size)
    found["top_5_mass"], found["top_10_mass"] = top_mass(trap, 5), top_mass(trap, 10)
    found["rank1_mass_after_unpermute"] = rs[0] ** 2 / (rs ** 2).sum()
    found["trap_top_sector_overlap"] = (own_vt[0] @ rvt[0]) ** 2
    found["trap_top_sector_overlap_left"] = (own_u[:, 0] @ ru[:, 0]) ** 2
    edge = matrix.var() * (np.sqrt(rows) + np.sqrt(cols)) ** 2
    found["trap_delta"] = max(sigma[trap_index] ** 2 - edge, 0) / edge
    found["trap_variance_burden"] = found["trap_delta"] ** 2 * found["trap_q"] * found["trap_top_sector_overlap"] ** 2
    return [found[column] for column in COLUMNS]


def main():
    print("#pragma once\n\n/// @file\n/// Made by tests/mpi/make_trap_numbers.py with numpy.\n\n#include <cstdint>\n\nnamespace wishart::test {\n")
    print("// clang-format off\nstruct TrapNumbers {\n  std::int64_t rows, cols, trap_index;\n  double " + ",\n    ".join(COLUMNS) + ";\n};\n")
    print("inline constexpr TrapNumbers kTrapNumbers[] = {")
    for rows, cols in SHAPES:
        for trap_index in 0, 1:
            numbers = measures(matrix_of(rows, cols), trap_index)
            print(f"  {{{rows}, {cols}, {trap_index},\n    " + ",\n    ".join(repr(float(x)) for x in numbers) + "},")
    print("};\n// clang-format on\n\n}  // namespace wishart::test")


main()
