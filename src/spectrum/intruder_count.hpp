#pragma once

/// @file
/// Internal: counts the leading left singular vectors of a matrix that its base does not have.

#include <cstdint>

#include "wishart/mpi/comm.hpp"

#include "comparison_sums.hpp"
#include "top_vectors.hpp"

namespace wishart::spectrum {

/// Comparison::num_intruders of one view. Overwrites the Gram matrix of the base. Collective over
/// `comm`; the same on every rank.
/// @param own  leading vectors of the Gram matrix of the matrix
/// @param base  of that of the base
[[nodiscard]] std::int64_t count_intruders(const mpi::Comm& comm, Sums& sums, const TopVectors& own,
                                           const TopVectors& base);

}  // namespace wishart::spectrum
