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

/// Converts a leading part of the elements.
/// @pre as for `decode`
/// @returns how many: all but fewer than 8, or 0 if there is no faster loop for the dtype or the
///          architecture than the portable one
std::size_t decode_avx2(Dtype dtype, std::span<const std::byte> raw,
                        std::span<double> out) noexcept;

}  // namespace wishart::checkpoint
