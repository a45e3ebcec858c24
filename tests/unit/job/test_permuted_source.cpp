/// @file
/// Elements in random order: every one once, whatever the way in which they are asked for.

#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"

#include "scan/work/permuted_source.hpp"

using namespace wishart;
using wishart::job::PermutedSource;

namespace {

/// Element (row, col) of view v: its linear position, divided by `divisor`.
class PositionSource : public spectrum::ElementSource {
public:
  PositionSource(const Matrix& matrix, double divisor) : matrix_(&matrix), divisor_(divisor) {}
  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    ++reads;
    std::size_t k = 0;
    for (std::int64_t row = row_begin; row < row_end; ++row) {
      for (std::int64_t col = col_begin; col < col_end; ++col) {
        out[k++] =
            static_cast<double>((view * matrix_->rows + row) * matrix_->cols + col) / divisor_;
      }
    }
  }
  int reads = 0;

private:
  const Matrix* matrix_;
  double divisor_;
};

Matrix matrix_of(std::int64_t rows, std::int64_t cols, std::int64_t views, Dtype dtype) {
  Matrix matrix;
  matrix.key = "model.layers.0.mlp.up_proj.weight";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.tensor.dtype = dtype;
  matrix.views.assign(static_cast<std::size_t>(views), View{});
  return matrix;
}

/// A view in parts of `height` x `width`, put together.
std::vector<double> whole(PermutedSource& source, const Matrix& matrix, std::int64_t view,
                          std::int64_t height, std::int64_t width) {
  std::vector<double> all(static_cast<std::size_t>(matrix.rows * matrix.cols));
  for (std::int64_t row = 0; row < matrix.rows; row += height) {
    const std::int64_t row_end = std::min(row + height, matrix.rows);
    for (std::int64_t col = 0; col < matrix.cols; col += width) {
      const std::int64_t col_end = std::min(col + width, matrix.cols);
      std::vector<double> part(static_cast<std::size_t>((row_end - row) * (col_end - col)));
      source.read(view, row, row_end, col, col_end, part);
      std::size_t k = 0;
      for (std::int64_t r = row; r < row_end; ++r) {
        for (std::int64_t c = col; c < col_end; ++c) {
          all[static_cast<std::size_t>(r * matrix.cols + c)] = part[k++];
        }
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("a view in random order has each of its own elements once", "[permuted]") {
  const Matrix matrix = matrix_of(31, 17, 3, Dtype::f32);
  PositionSource positions(matrix, 1);
  PermutedSource source(positions, matrix, 7, true);
  for (const std::int64_t view : {2, 0, 1}) {
    std::vector<double> values = whole(source, matrix, view, 31, 17);
    CHECK_FALSE(std::is_sorted(values.begin(), values.end()));
    std::sort(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i) {
      REQUIRE(values[i] == static_cast<double>(view * 31 * 17) + static_cast<double>(i));
    }
  }
  // The means of the integers.
  CHECK(source.view_means() ==
        std::vector<double>{(31 * 17 - 1) / 2.0, 31 * 17 * 1.5 - 0.5, 31 * 17 * 2.5 - 0.5});
  CHECK(positions.reads == 3);  // each view once
  // A rank without a share of the matrix finds the same means, and the elements after that.
  PermutedSource unread(positions, matrix, 7, true);
  CHECK(unread.view_means() == source.view_means());
  CHECK(whole(unread, matrix, 1, 31, 17) == whole(source, matrix, 1, 31, 17));
}

TEST_CASE("the order does not depend on parts, nor on how elements are kept", "[permuted]") {
  const Matrix matrix = matrix_of(40, 26, 1, Dtype::f64);
  PositionSource positions(matrix, 1);
  PermutedSource held(positions, matrix, 7, true);
  for (const std::int64_t order : {0, 1, 5}) {
    held.choose(order);
    const std::vector<double> reference = whole(held, matrix, 0, 40, 26);
    for (const bool hold : {true, false}) {
      for (const std::int64_t window_bytes : {8, 8 * 26, 8 * 26 * 7, 1 << 20}) {
        PermutedSource source(positions, matrix, 7, hold, window_bytes);
        source.choose(order);
        for (const auto& [height, width] :
             {std::pair{40, 26}, {7, 26}, {40, 5}, {3, 4}, {1, 26}, {40, 1}}) {
          CAPTURE(order, hold, window_bytes, height, width);
          CHECK(whole(source, matrix, 0, height, width) == reference);
        }
        CHECK(source.view_means() == held.view_means());
      }
    }
  }
}

TEST_CASE("another seed, key, view or number is another order", "[permuted]") {
  const Matrix matrix = matrix_of(20, 20, 1, Dtype::f32);
  Matrix other = matrix;
  other.key = "model.layers.1.mlp.up_proj.weight";
  PositionSource positions(matrix, 1);
  PermutedSource a(positions, matrix, 7, true);
  PermutedSource b(positions, matrix, 8, true);
  PermutedSource c(positions, other, 7, true);
  PermutedSource d(positions, matrix, 7, true);
  d.choose(1);
  const auto first = whole(a, matrix, 0, 20, 20);
  CHECK(whole(b, matrix, 0, 20, 20) != first);
  CHECK(whole(c, matrix, 0, 20, 20) != first);
  CHECK(whole(d, matrix, 0, 20, 20) != first);
  d.choose(0);
  CHECK(whole(d, matrix, 0, 20, 20) == first);
}

TEST_CASE("integers in random order keep the sum of their squares to the last bit", "[permuted]") {
  // Below 2^53 every sum of squares of integers is exact, in whatever order.
  const Matrix matrix = matrix_of(60, 50, 1, Dtype::f32);
  PositionSource positions(matrix, 1);
  PermutedSource source(positions, matrix, 7, false, 5000);
  double sum = 0;
  for (const double value : whole(source, matrix, 0, 9, 50)) sum += value * value;
  const double n = 60 * 50;
  CHECK(sum == (n - 1) * n * (2 * n - 1) / 6);
}

TEST_CASE("elements are held in as few bytes as hold them exactly", "[permuted]") {
  struct Case {
    Dtype dtype;
    double divisor;  // of the integers below 256, which have 8 bits
  };
  for (const Case& one : {Case{Dtype::bf16, 64}, Case{Dtype::f16, 1024}, Case{Dtype::f32, 4096},
                          Case{Dtype::f64, 3}, Case{Dtype::f8_e4m3, 8}}) {
    const Matrix matrix = matrix_of(16, 16, 1, one.dtype);
    PositionSource positions(matrix, one.divisor);
    PermutedSource source(positions, matrix, 7, true);
    std::vector<double> values = whole(source, matrix, 0, 16, 16);
    std::sort(values.begin(), values.end());
    for (std::size_t i = 0; i < values.size(); ++i) {
      REQUIRE(values[i] == static_cast<double>(i) / one.divisor);
    }
  }
  Matrix matrix = matrix_of(16, 16, 1, Dtype::bf16);
  CHECK(held_bytes(matrix) == 512);
  matrix.tensor.dtype = Dtype::f32;
  CHECK(held_bytes(matrix) == 1024);
  matrix.w_norm = std::sqrt(0.5);  // products of float64
  CHECK(held_bytes(matrix) == 2048);
  matrix.float32_arithmetic = true;
  CHECK(held_bytes(matrix) == 1024);
  matrix.w_norm = 1;
  matrix.tensor.encoding = Encoding::sum;
  matrix.float32_arithmetic = false;
  CHECK(held_bytes(matrix) == 2048);

  // A third has no eight bits: it is refused, not rounded.
  const Matrix narrow = matrix_of(16, 16, 1, Dtype::bf16);
  PositionSource thirds(narrow, 3);
  PermutedSource source(thirds, narrow, 7, true);
  std::vector<double> out(16);
  CHECK_THROWS_AS(source.read(0, 0, 1, 0, 16, out), Error);
}
