#pragma once

/// @file
/// The loops behind `decode`, one for each instruction set. All give the same bits.

#include <array>
#include <cstddef>
#include <span>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// `decode` with the instructions of `set`, which the processor must have.
void decode_with(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                 std::span<double> out);

/// `decode`, and every element times `factor`.
/// @pre `raw` does not overlap `out`
void decode_scaled(InstructionSet set, Dtype dtype, std::span<const std::byte> raw, double factor,
                   std::span<double> out);

/// Converts a leading part of the elements with vector instructions.
/// @pre as for `decode`
/// @returns how many were converted: all but at most 15, or 0 if there is only a portable loop for
///          `set`, the dtype or the architecture
std::size_t decode_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                           std::span<double> out) noexcept;

/// The same, times `factor`.
std::size_t decode_scaled_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                                  double factor, std::span<double> out) noexcept;

/// What 4-bit codes stand for, times `factor`: table[low half of byte 0], table[high half of byte
/// 0], and so on, for a leading part of `out`.
/// @param codes  at least out.size() / 2 bytes
/// @returns how many were looked up: all but at most 7, or 0 without vector instructions
std::size_t look_up_vectors(InstructionSet set, const std::byte* codes,
                            const std::array<float, 16>& table, double factor,
                            std::span<double> out) noexcept;

}  // namespace wishart::checkpoint
