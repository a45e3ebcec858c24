#pragma once

/// @file
/// Checked arithmetic on sizes. Every number read from a file must go through it before it is
/// multiplied or narrowed.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart {

/// `value` converted to `To`. @throws Error with Blame::resource, naming `what`, if it does not fit
template <class To, class From>
[[nodiscard]] To narrow(From value, const char* what) {
  if (!std::in_range<To>(value)) {
    throw Error(Blame::resource,
                std::string(what) + ": " + std::to_string(value) +
                    " does not fit the integer type of the library it is passed to");
  }
  return static_cast<To>(value);
}

/// The product, or nothing if it does not fit into 64 bits.
[[nodiscard]] inline std::optional<std::int64_t> checked_product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) return std::nullopt;
  return result;
}

/// The product of all sizes (1 if there are none), or nothing if it does not fit into 64 bits.
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
