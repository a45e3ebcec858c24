#pragma once

/// @file
/// Hashes: of byte strings (XXH3, 128 bits), and of matrices, element by element.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "wishart/core/instruction_set.hpp"

namespace wishart {

/// XXH3-128 of `bytes` as 32 hexadecimal digits.
[[nodiscard]] std::string hash_hex(std::span<const std::byte> bytes);
[[nodiscard]] std::string hash_hex(std::string_view text);

/// XXH3-64 of `bytes`, as the checksum of a journal record.
[[nodiscard]] std::uint64_t hash64(std::span<const std::byte> bytes);

/// hash_hex of bytes that arrive in pieces.
class StreamHash {
public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;

  void add(std::span<const std::byte> bytes);
  /// hash_hex of everything added so far.
  [[nodiscard]] std::string hex() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A hash of the values of a matrix. It does not depend on the order in which they were read, on
/// which rank read them, or on the processor: it consists of the sums, modulo 2^64, of two mixing
/// functions of each element's position and float64 bit pattern. Equal values stored in different
/// dtypes have the same hash. It detects changes, not deliberate forgery.
struct ElementHash {
  std::uint64_t first = 0;
  std::uint64_t second = 0;

  /// Adds `values`, which are at linear positions `position`, `position + 1`, ...
  void add(std::uint64_t position, std::span<const double> values) noexcept {
    add(position, values, best_instruction_set());
  }
  void add(std::uint64_t position, std::span<const double> values, InstructionSet set) noexcept;
  void add(const ElementHash& other) noexcept;
  [[nodiscard]] std::string hex() const;
  friend bool operator==(const ElementHash&, const ElementHash&) = default;
};

}  // namespace wishart
