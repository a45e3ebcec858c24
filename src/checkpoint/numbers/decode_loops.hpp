#pragma once

/// @file
/// The loops behind `decode`, one for each instruction set. All give the same bits.

#include <cstddef>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// `decode` with the instructions of `set`, which the processor must have.
void decode_with(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                 std::span<double> out);

/// Converts a leading part of the elements with vector instructions.
/// @pre as for `decode`
/// @returns how many were converted: all but at most 15, or 0 if there is only a portable loop for
///          `set`, the dtype or the architecture
std::size_t decode_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                           std::span<double> out) noexcept;

}  // namespace wishart::checkpoint
