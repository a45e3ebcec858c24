#pragma once

/// @file
/// WeightWatcher 0.8's measures of a correlation trap, from its singular vectors.

#include <cstdint>
#include <span>

#include "wishart/record/trap_row.hpp"

namespace wishart::fit {

/// sum v^4 / (sum v^2)^2, from 1 / length for equal magnitudes to 1 for a single nonzero component;
/// NaN for a vector of zeros.
[[nodiscard]] double inverse_participation(std::span<const double> vector);

/// (ipr - expected) / (1 - expected), cut to 0 ... 1: how far a vector of this length is from one
/// whose inverse participation is as expected; 1 for a length of 1.
///
/// Uniform: expected is 1 / length, that of equal magnitudes. Porter-Thomas: 3 / (length + 2), that
/// of a random direction.
[[nodiscard]] double localisation_uniform(double ipr, std::int64_t length);
[[nodiscard]] double localisation_porter_thomas(double ipr, std::int64_t length);

/// The share of sum |left_i right_j| that is in its largest elements, `percent` of all, rounded up.
///
/// Exact to rounding in O((rows + cols) log) operations: the largest products of two sorted lists.
/// NaN if all products are zero.
[[nodiscard]] double top_mass(std::span<const double> left, std::span<const double> right,
                              std::int64_t percent);

/// (a . b)^2 / (|a|^2 |b|^2). @pre of one length
[[nodiscard]] double squared_cosine(std::span<const double> a, std::span<const double> b);

/// The two vectors of a singular value.
struct VectorPair {
  std::span<const double> left;
  std::span<const double> right;
};

/// What the measures of a trap are computed from.
struct TrapParts {
  double sigma = 0;     ///< its singular value
  double edge = 0;      ///< upper end of the bulk, an eigenvalue
  VectorPair permuted;  ///< its vectors
  VectorPair restored;  ///< leading vectors of sigma left right^T, its elements put back in place
  double restored_sigma = 0;  ///< the largest singular value of left right^T, put back in place
  VectorPair own;             ///< leading vectors of the matrix itself
};

/// Fills in the measures of one trap.
void measure_trap(TrapRow& row, const TrapParts& parts);

}  // namespace wishart::fit
