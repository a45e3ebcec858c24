#pragma once

/// @file
/// Gaussian weights in a file, read as in a scan: copied out of the page cache, then converted.

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/spectrum/element_source.hpp"

#include "../support/temp_folder.hpp"

namespace wishart::bench {

/// The nearest BF16 value.
inline std::uint16_t bf16_code(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return static_cast<std::uint16_t>((bits + 0x8000U) >> 16U);
}

/// The nearest F16 value.
/// @pre |value| < 2^15
inline std::uint16_t f16_code(double value) {
  const unsigned sign = std::signbit(value) ? 0x8000U : 0U;
  const double size = std::abs(value);
  if (size < 0x1p-14) return static_cast<std::uint16_t>(sign + std::lround(size * 0x1p24));
  const int exponent = std::ilogb(size);
  const auto steps = static_cast<unsigned>(std::lround(std::ldexp(size, 10 - exponent)));
  return static_cast<std::uint16_t>(sign + (static_cast<unsigned>(exponent + 14) << 10U) + steps);
}

/// A checkpoint of one matrix with elements of deviation 0.02, and the reader of its numbers.
class GaussianFile : public spectrum::ElementSource {
public:
  /// @pre `dtype` is bf16 or f16
  GaussianFile(Dtype dtype, std::int64_t rows, std::int64_t cols) {
    write(dtype, rows, cols);
    checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(folder_ / kName);
    matrix_.key = "bench";
    matrix_.rows = rows;
    matrix_.cols = cols;
    matrix_.tensor = catalogue.tensors.at(0);
    matrix_.views = {View{0, cols, 1}};
    reader_ = checkpoint::make_reader(catalogue.root, catalogue.files);
  }

  [[nodiscard]] const Matrix& matrix() const { return matrix_; }

  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    checkpoint::read_block(*reader_, matrix_, view, {row_begin, row_end, col_begin, col_end}, out);
  }

private:
  static constexpr const char* kName = "bench.safetensors";

  void write(Dtype dtype, std::int64_t rows, std::int64_t cols) const {
    const std::string header = "{\"w\":{\"dtype\":\"" + std::string(dtype_name(dtype)) +
                               "\",\"shape\":[" + std::to_string(rows) + "," +
                               std::to_string(cols) + "],\"data_offsets\":[0," +
                               std::to_string(2 * rows * cols) + "]}}";
    const std::uint64_t length = header.size();
    std::ofstream file(folder_ / kName, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file << header;
    std::uint64_t state = 0x9e3779b97f4a7c16ULL;
    const auto uniform = [&state] {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      return (static_cast<double>(state >> 11U) + 0.5) * 0x1p-53;
    };
    std::vector<std::uint16_t> row(static_cast<std::size_t>(cols));
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::uint16_t& code : row) {
        const double gauss =
            std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
        code = dtype == Dtype::f16 ? f16_code(0.02 * gauss) : bf16_code(0.02 * gauss);
      }
      const auto bytes = std::as_bytes(std::span(row));
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
    }
    file.close();
    if (!file) throw Error(Blame::resource, "the file of the benchmark could not be written");
  }

  test::TempFolder folder_;
  Matrix matrix_;
  std::unique_ptr<checkpoint::ElementReader> reader_;
};

}  // namespace wishart::bench
