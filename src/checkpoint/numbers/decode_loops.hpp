#pragma once

/// @file
/// The loops behind `decode`, for one instruction set each. All give the same bits.

#include <cstddef>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// `decode` with the instructions of `set`, which the processor must have.
void decode_with(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                 std::span<double> out);

/// Converts a leading part of the elements by vectors.
/// @pre as for `decode`
/// @returns how many: all but fewer than 16, or 0 if `set`, the dtype or the architecture has only
///          the portable loop
std::size_t decode_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                           std::span<double> out) noexcept;

}  // namespace wishart::checkpoint
