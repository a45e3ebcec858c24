#pragma once

/// @file
/// Gaussian bf16 values in memory, decoded as they are read: the elements of a benchmark.

#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <vector>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/spectrum/element_source.hpp"

namespace wishart::bench {

/// A matrix of Gaussian bf16 values in memory.
class Bf16Source : public spectrum::ElementSource {
public:
  Bf16Source(std::int64_t rows, std::int64_t cols, std::uint64_t seed)
      : cols_(cols), codes_(static_cast<std::size_t>(rows * cols)) {
    std::uint64_t state = seed * 0x9e3779b97f4a7c15ULL + 1;
    const auto uniform = [&state] {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      return (static_cast<double>(state >> 11U) + 0.5) * 0x1p-53;
    };
    for (std::uint16_t& code : codes_) {
      const double gauss =
          std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(0.02 * gauss));
      code = static_cast<std::uint16_t>((bits + 0x8000U) >> 16U);
    }
  }
  void read(std::int64_t, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    const std::int64_t width = col_end - col_begin;
    for (std::int64_t row = row_begin; row < row_end; ++row) {
      const auto* from = codes_.data() + row * cols_ + col_begin;
      checkpoint::decode(Dtype::bf16,
                         std::as_bytes(std::span(from, static_cast<std::size_t>(width))),
                         out.subspan(static_cast<std::size_t>((row - row_begin) * width),
                                     static_cast<std::size_t>(width)));
    }
  }

private:
  std::int64_t cols_;
  std::vector<std::uint16_t> codes_;
};

}  // namespace wishart::bench
