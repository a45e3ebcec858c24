#pragma once

/// @file
/// Matrices for the tests of the engine: functions of the position, the same on every rank.

#include <cstdint>
#include <functional>
#include <vector>

#include "wishart/record/matrix.hpp"
#include "wishart/spectrum/element_source.hpp"

namespace wishart::test {

using ElementFunction = std::function<double(std::int64_t row, std::int64_t col)>;

/// A matrix given by a function. View v is the function times v + 1.
class FunctionSource : public spectrum::ElementSource {
public:
  explicit FunctionSource(ElementFunction element) : element_(std::move(element)) {}
  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    std::size_t k = 0;
    for (std::int64_t row = row_begin; row < row_end; ++row) {
      for (std::int64_t col = col_begin; col < col_end; ++col) {
        out[k++] = element_(row, col) * static_cast<double>(view + 1);
      }
    }
  }

private:
  ElementFunction element_;
};

/// A bit mixer: pseudo-random numbers, uniform over (-1, 1).
inline double noise(std::int64_t row, std::int64_t col) {
  auto z = static_cast<std::uint64_t>(row) * 0x9e3779b97f4a7c15ULL +
           static_cast<std::uint64_t>(col) * 0xbf58476d1ce4e5b9ULL + 1;
  z = (z ^ (z >> 31U)) * 0x94d049bb133111ebULL;
  z ^= z >> 29U;
  z *= 0xff51afd7ed558ccdULL;
  z ^= z >> 32U;
  return static_cast<double>(z >> 11U) * 0x1p-52 - 1.0;
}

inline Matrix matrix_of(std::int64_t rows, std::int64_t cols, std::int64_t views = 1) {
  Matrix matrix;
  matrix.key = "w";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views.assign(static_cast<std::size_t>(views), View{0, cols, 1});
  return matrix;
}

/// rows x cols elements in memory, row-major.
struct Dense {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::vector<double> values;

  [[nodiscard]] ElementFunction elements() const {
    return [this](std::int64_t row, std::int64_t col) {
      return values[static_cast<std::size_t>(row * cols + col)];
    };
  }
};

/// A matrix with these singular values, cols of them: a diagonal between two reflections, which are
/// orthogonal up to the last bit or two.
inline Dense with_values(std::int64_t rows, std::int64_t cols, const std::vector<double>& sigma) {
  Dense dense{rows, cols, std::vector<double>(static_cast<std::size_t>(rows * cols), 0.0)};
  std::vector<double> u(static_cast<std::size_t>(rows));
  std::vector<double> v(static_cast<std::size_t>(cols));
  double uu = 0;
  double vv = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    u[static_cast<std::size_t>(i)] = noise(i, 17);
    uu += u[static_cast<std::size_t>(i)] * u[static_cast<std::size_t>(i)];
  }
  for (std::int64_t j = 0; j < cols; ++j) {
    v[static_cast<std::size_t>(j)] = noise(j, 23);
    vv += v[static_cast<std::size_t>(j)] * v[static_cast<std::size_t>(j)];
  }
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      // (I - 2 u u^T / uu) D (I - 2 v v^T / vv), element by element.
      long double sum =
          i == j ? static_cast<long double>(sigma[static_cast<std::size_t>(i)]) : 0.0L;
      const long double ui = u[static_cast<std::size_t>(i)];
      const long double vj = v[static_cast<std::size_t>(j)];
      if (j < cols && j < rows) {
        sum -= 2 * ui * u[static_cast<std::size_t>(j)] / uu * sigma[static_cast<std::size_t>(j)];
      }
      if (i < cols) {
        sum -= 2 * static_cast<long double>(sigma[static_cast<std::size_t>(i)]) *
               v[static_cast<std::size_t>(i)] * vj / vv;
      }
      long double both = 0;
      for (std::int64_t k = 0; k < cols; ++k) {
        both += static_cast<long double>(u[static_cast<std::size_t>(k)]) *
                sigma[static_cast<std::size_t>(k)] * v[static_cast<std::size_t>(k)];
      }
      sum += 4 * ui * both * vj / (static_cast<long double>(uu) * vv);
      dense.values[static_cast<std::size_t>(i * cols + j)] = static_cast<double>(sum);
    }
  }
  return dense;
}

}  // namespace wishart::test
