#pragma once

/// @file
/// Vectors as NumPy files.

#include <span>
#include <string>

namespace wishart {

/// The bytes of a `.npy` file (format 1.0) that holds `values` as one dimension of float64.
[[nodiscard]] std::string npy_bytes(std::span<const double> values);

}  // namespace wishart
