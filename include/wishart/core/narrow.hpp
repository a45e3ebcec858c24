#pragma once

/// @file
/// Checked arithmetic on sizes. Nothing that was read from a file is multiplied or narrowed without
/// it.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart {

/// `value` as a `To`, or Error with Blame::resource that says `what` does not fit.
template <class To, class From>
[[nodiscard]] To narrow(From value, const char* what) {
  if (!std::in_range<To>(value)) {
    throw Error(Blame::resource, std::string(what) + ": " + std::to_string(value) +
                                     " does not fit the integer type of the library it goes to");
  }
  return static_cast<To>(value);
}

/// The product, or nothing if it does not fit into 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// The product of all of them, 1 of none, or nothing if it does not fit into 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> checked_product(
    std::span<const std::int64_t> sizes) {
  std::optional<std::int64_t> product = 1;
  for (const std::int64_t size : sizes) {
    product = product ? checked_product(*product, size) : std::nullopt;
  }
  return product;
}

/// The sum, or nothing if it does not fit into 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> checked_sum(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) return std::nullopt;
  return result;
}

}  // namespace wishart
