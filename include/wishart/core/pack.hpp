#pragma once

/// @file
/// Serialises values to bytes and back, for messages between ranks and for the journal
/// (little-endian hosts only).

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "wishart/core/error.hpp"

namespace wishart {

static_assert(std::endian::native == std::endian::little,
              "checkpoint formats and the journal are read as little-endian");

/// Appends values to a byte buffer. Types with a `void visit_fields(T&, auto&& f)` overload found
/// by argument-dependent lookup are written field by field.
class Packer {
public:
  template <class T>
  void operator()(const T& value) {
    if constexpr (std::is_enum_v<T> || std::is_arithmetic_v<T>) {
      append(&value, sizeof(T));
    } else {
      visit_fields(const_cast<T&>(value), *this);  // the visitor only reads here
    }
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint64_t>(text.size()));
    append(text.data(), text.size());
  }
  template <class T>
  void operator()(const std::vector<T>& values) {
    (*this)(static_cast<std::uint64_t>(values.size()));
    if constexpr (std::is_arithmetic_v<T>) {
      append(values.data(), values.size() * sizeof(T));
    } else {
      for (const T& value : values) (*this)(value);
    }
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

private:
  void append(const void* from, std::size_t count) {
    if (count == 0) return;
    const std::size_t end = bytes_.size();
    bytes_.resize(end + count);
    std::memcpy(bytes_.data() + end, from, count);
  }

  std::vector<std::byte> bytes_;
};

/// Reads what a Packer wrote, in the same order. Every length is checked against the remaining
/// bytes before anything is allocated.
class Unpacker {
public:
  explicit Unpacker(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <class T>
  void operator()(T& value) {
    if constexpr (std::is_enum_v<T> || std::is_arithmetic_v<T>) {
      copy(&value, sizeof(T));
    } else {
      visit_fields(value, *this);
    }
  }
  void operator()(std::string& text) {
    text.resize(length(1));
    copy(text.data(), text.size());
  }
  template <class T>
  void operator()(std::vector<T>& values) {
    if constexpr (std::is_arithmetic_v<T>) {
      values.resize(length(sizeof(T)));
      copy(values.data(), values.size() * sizeof(T));
    } else {
      values.clear();
      const std::size_t count = length(1);
      values.reserve(std::min<std::size_t>(count, kMostReserved));
      for (std::size_t i = 0; i < count; ++i) (*this)(values.emplace_back());
    }
  }
  [[nodiscard]] bool at_end() const noexcept { return bytes_.empty(); }

private:
  /// How many elements to reserve before it is known that the bytes contain that many.
  static constexpr std::size_t kMostReserved = 1024;

  std::size_t length(std::size_t element_bytes) {
    std::uint64_t count = 0;
    copy(&count, sizeof(count));
    if (count > bytes_.size() / element_bytes) throw_short();
    return static_cast<std::size_t>(count);
  }
  void copy(void* to, std::size_t count) {
    if (count > bytes_.size()) throw_short();
    if (count > 0) std::memcpy(to, bytes_.data(), count);
    bytes_ = bytes_.subspan(count);
  }
  [[noreturn]] static void throw_short() {
    throw Error(Blame::input, "a packed record ends before its last field");
  }

  std::span<const std::byte> bytes_;
};

/// `value` as bytes.
template <class T>
[[nodiscard]] std::vector<std::byte> packed(const T& value) {
  Packer pack;
  pack(value);
  return pack.take();
}

/// The value stored in `bytes`, all of which must be used.
/// @throws Error with Blame::input if there are too few or too many bytes
template <class T>
[[nodiscard]] T unpacked(std::span<const std::byte> bytes) {
  T value{};
  Unpacker unpack(bytes);
  unpack(value);
  if (!unpack.at_end()) throw Error(Blame::input, "a packed record is longer than its fields");
  return value;
}

}  // namespace wishart
