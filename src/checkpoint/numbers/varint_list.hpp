#pragma once

/// @file
/// Elements stored in a Protocol Buffers file as variable-length numbers (varints), each with the
/// bits of one element.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

#include "bytes/wire_reader.hpp"

namespace wishart::checkpoint {

/// Elements between two stored offsets: at most this many are decoded to find one.
inline constexpr std::int64_t kVarintRun = 1024;

/// Walks over a packed list once and returns the offsets of elements 0, kVarintRun, 2 kVarintRun,
/// ... from its first byte.
/// @param what  the list, for messages
/// @param is_signed  numbers below 0 are stored in two's complement of 64 bits
/// @throws Error with Blame::input unless it is `count` numbers of at most `bits` bits
[[nodiscard]] std::vector<std::int64_t> varint_places(WireBytes& bytes, ByteRange list,
                                                      std::int64_t count, std::int64_t bits,
                                                      bool is_signed, const std::string& what);

/// Reads a block of a tensor of Encoding::varint.
/// @pre the block lies in the tensor and fills `out`
void read_varints(ElementReader& reader, const Tensor& tensor, const Block& block,
                  std::span<double> out);

}  // namespace wishart::checkpoint
