/// @file
/// Blocks of views against a naive reference: dense, strided, transposed, large and small.

#include <cmath>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/element_reader.hpp"

#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;

namespace {

/// Elements in memory; counts calls and elements.
class MemoryReader final : public ElementReader {
public:
  explicit MemoryReader(std::vector<double> values) : values_(std::move(values)) {}
  void read_elements(const Tensor&, std::int64_t first, std::span<double> out) override {
    const auto begin = static_cast<std::size_t>(first);
    if (begin + out.size() > values_.size()) throw Error(Blame::bug, "read outside the tensor");
    std::copy_n(values_.begin() + first, out.size(), out.begin());
    ++calls;
    elements += static_cast<std::int64_t>(out.size());
  }
  std::int64_t calls = 0;
  std::int64_t elements = 0;

private:
  std::vector<double> values_;
};

MemoryReader random_reader(std::int64_t count) {
  std::mt19937_64 random(42);
  std::normal_distribution<double> normal;
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = normal(random);
  return MemoryReader(std::move(values));
}

Matrix matrix_of(std::int64_t elements, std::int64_t rows, std::int64_t cols,
                 std::vector<View> views) {
  Matrix matrix;
  matrix.tensor.dtype = Dtype::f32;
  matrix.tensor.num_elements = elements;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = std::move(views);
  return matrix;
}

/// The block, one element at a time.
std::vector<double> naive(ElementReader& reader, const Matrix& matrix, std::int64_t view,
                          const Block& block) {
  const View& place = matrix.views[static_cast<std::size_t>(view)];
  std::vector<double> out;
  for (std::int64_t i = block.row_begin; i < block.row_end; ++i) {
    for (std::int64_t j = block.col_begin; j < block.col_end; ++j) {
      double value = 0;
      reader.read_elements(matrix.tensor, place.first + i * place.row_stride + j * place.col_stride,
                           {&value, 1});
      if (matrix.float32_arithmetic) {
        const float product = static_cast<float>(value) * static_cast<float>(matrix.w_norm);
        out.push_back(static_cast<double>(product));
      } else {
        out.push_back(value * matrix.w_norm);
      }
    }
  }
  return out;
}

std::vector<double> read(ElementReader& reader, const Matrix& matrix, std::int64_t view,
                         const Block& block) {
  std::vector<double> out(static_cast<std::size_t>((block.row_end - block.row_begin) *
                                                   (block.col_end - block.col_begin)),
                          NAN);
  read_block(reader, matrix, view, block, out);
  return out;
}

/// Compares `rounds` random blocks of every view.
void check_blocks(MemoryReader& reader, const Matrix& matrix, int rounds) {
  std::mt19937_64 random(1);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const auto range = [&](std::int64_t n) {
    const std::int64_t a = below(n + 1);
    const std::int64_t b = below(n + 1);
    return std::pair(std::min(a, b), std::max(a, b));
  };
  for (int round = 0; round < rounds; ++round) {
    const std::int64_t view = below(matrix.num_views());
    auto [r0, r1] = range(matrix.rows);
    auto [c0, c1] = range(matrix.cols);
    if (round % 3 == 0) c0 = 0, c1 = matrix.cols;
    if (round == 0) r0 = 0, r1 = matrix.rows;
    const Block block{r0, r1, c0, c1};
    CAPTURE(view, r0, r1, c0, c1);
    REQUIRE(read(reader, matrix, view, block) == naive(reader, matrix, view, block));
  }
}

/// The views of a convolution [a, b, kh, kw], one for each kernel offset.
Matrix convolution(std::int64_t a, std::int64_t b, std::int64_t kh, std::int64_t kw) {
  std::vector<View> views;
  for (std::int64_t k = 0; k < kh * kw; ++k) views.push_back({k, b * kh * kw, kh * kw});
  return matrix_of(a * b * kh * kw, a, b, std::move(views));
}

}  // namespace

TEST_CASE("blocks of dense views", "[checkpoint][read_block]") {
  const std::int64_t rows = GENERATE(1, 7, 60);
  const std::int64_t cols = GENERATE(1, 5, 1500);
  const std::int64_t before = GENERATE(0, 13);
  MemoryReader reader = random_reader(before + rows * cols + 3);
  check_blocks(reader, matrix_of(before + rows * cols + 3, rows, cols, {{before, cols, 1}}), 40);
}

TEST_CASE("blocks of a column part of a fused tensor", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(50 * 300);
  check_blocks(reader, matrix_of(50 * 300, 50, 100, {{100, 300, 1}, {200, 300, 1}}), 60);
}

TEST_CASE("blocks of convolutions", "[checkpoint][read_block]") {
  const auto [a, b, kh, kw] =
      GENERATE(table<std::int64_t, std::int64_t, std::int64_t, std::int64_t>(
          {{16, 3, 3, 3}, {8, 20, 1, 1}, {5, 7, 2, 4}, {1, 9, 7, 7}, {12, 1, 5, 5}}));
  const Matrix matrix = convolution(a, b, kh, kw);
  MemoryReader reader = random_reader(matrix.tensor.num_elements);
  check_blocks(reader, matrix, 60);
}

TEST_CASE("blocks of transposed views", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(70 * 90);
  check_blocks(reader, matrix_of(70 * 90, 90, 70, {{0, 1, 90}}), 60);
}

TEST_CASE("views larger than one read", "[checkpoint][read_block]") {
  // One row of the view covers 600 000 elements: read in parts.
  MemoryReader wide = random_reader(3 * 600'000);
  check_blocks(wide, matrix_of(3 * 600'000, 3, 6'000, {{0, 600'000, 100}, {99, 600'000, 100}}), 8);
  // Columns further apart than one read: element by element.
  MemoryReader sparse = random_reader(1'200'000);
  check_blocks(sparse, matrix_of(1'200'000, 4, 3, {{5, 300'000 / 4, 300'000}}), 8);
  // Rows that are interleaved with each other's columns.
  MemoryReader woven = random_reader(300'011);
  check_blocks(woven, matrix_of(300'011, 3, 100'000, {{0, 5, 3}}), 4);
  // Many rows in several reads.
  MemoryReader tall = random_reader(4'000 * 200);
  check_blocks(tall, matrix_of(4'000 * 200, 4'000, 100, {{1, 200, 2}}), 8);
}

TEST_CASE("whole rows are one read", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(1000 * 50);
  const Matrix matrix = matrix_of(1000 * 50, 1000, 50, {{0, 50, 1}});
  static_cast<void>(read(reader, matrix, 0, {10, 900, 0, 50}));
  CHECK(reader.calls == 1);
  CHECK(reader.elements == 890 * 50);
}

TEST_CASE("long pieces of rows are read without the gaps", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(10 * 4096);
  const Matrix matrix = matrix_of(10 * 4096, 10, 4096, {{0, 4096, 1}});
  static_cast<void>(read(reader, matrix, 0, {0, 10, 0, 1024}));
  CHECK(reader.calls == 10);
  CHECK(reader.elements == 10 * 1024);
}

TEST_CASE("short pieces are read together, unless they are far apart", "[checkpoint][read_block]") {
  MemoryReader near = random_reader(10 * 4096);
  static_cast<void>(read(near, matrix_of(10 * 4096, 10, 4096, {{0, 4096, 1}}), 0, {0, 10, 8, 16}));
  CHECK(near.calls == 1);
  MemoryReader far = random_reader(10 * 40'960);
  static_cast<void>(
      read(far, matrix_of(10 * 40'960, 10, 40'960, {{0, 40'960, 1}}), 0, {0, 10, 8, 16}));
  CHECK(far.calls == 10);
  CHECK(far.elements == 80);
}

TEST_CASE("a transposed view is read along its columns", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(1000 * 600);
  const Matrix matrix = matrix_of(1000 * 600, 600, 1000, {{0, 1, 600}});
  static_cast<void>(read(reader, matrix, 0, {0, 600, 0, 1000}));
  CHECK(reader.calls == 3);
  CHECK(reader.elements == 1000 * 600);
}

TEST_CASE("the factor is applied, in float32 if requested", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(1000);
  Matrix matrix = matrix_of(1000, 20, 50, {{0, 50, 1}});
  matrix.w_norm = 1.0 / 3;
  check_blocks(reader, matrix, 10);
  matrix.float32_arithmetic = true;
  check_blocks(reader, matrix, 10);
  matrix.w_norm = 1;
  check_blocks(reader, matrix, 10);
  const std::vector<double> values = read(reader, matrix, 0, {0, 20, 0, 50});
  CHECK(std::all_of(values.begin(), values.end(),
                    [](double v) { return v == static_cast<double>(static_cast<float>(v)); }));
}

TEST_CASE("non-finite elements stay non-finite", "[checkpoint][read_block]") {
  MemoryReader reader({NAN, HUGE_VAL, -HUGE_VAL, 1e300});
  Matrix matrix = matrix_of(4, 2, 2, {{0, 2, 1}});
  matrix.w_norm = 0.5;
  std::vector<double> values = read(reader, matrix, 0, {0, 2, 0, 2});
  CHECK(std::isnan(values[0]));
  CHECK(values[1] == HUGE_VAL);
  CHECK(values[2] == -HUGE_VAL);
  CHECK(values[3] == 5e299);
}

TEST_CASE("blocks and views outside the tensor are refused", "[checkpoint][read_block]") {
  MemoryReader reader = random_reader(20);
  const Matrix matrix = matrix_of(20, 4, 5, {{0, 5, 1}});
  const auto refused = [&](const Matrix& m, std::int64_t view, const Block& block,
                           std::size_t size) {
    std::vector<double> out(size);
    return error_of([&] { read_block(reader, m, view, block, out); }, Blame::bug);
  };
  const std::string end = ". This is a bug in wishart";
  CHECK(refused(matrix, 1, {0, 1, 0, 1}, 1) ==
        "a view that the matrix does not have was requested" + end);
  CHECK(refused(matrix, -1, {0, 1, 0, 1}, 1) ==
        "a view that the matrix does not have was requested" + end);
  CHECK(refused(matrix, 0, {0, 5, 0, 5}, 25) == "rows outside the matrix were requested" + end);
  CHECK(refused(matrix, 0, {-1, 1, 0, 1}, 2) == "rows outside the matrix were requested" + end);
  CHECK(refused(matrix, 0, {2, 1, 0, 1}, 0) == "rows outside the matrix were requested" + end);
  CHECK(refused(matrix, 0, {0, 1, 0, 6}, 6) == "columns outside the matrix were requested" + end);
  CHECK(refused(matrix, 0, {0, 2, 0, 5}, 9) ==
        "the output does not have the size of the block" + end);
  CHECK(refused(matrix, 0, {1, 1, 0, 5}, 0) == "nothing was thrown");
  CHECK(refused(matrix_of(20, 4, 5, {{1, 5, 1}}), 0, {0, 1, 0, 1}, 1) ==
        "a view extends beyond its tensor" + end);
  CHECK(refused(matrix_of(20, 4, 5, {{0, INT64_MAX, 1}}), 0, {0, 1, 0, 1}, 1) ==
        "a view extends beyond its tensor" + end);
  CHECK(refused(matrix_of(20, 4, 5, {{19, -5, 1}}), 0, {0, 1, 0, 1}, 1) ==
        "a view begins before its tensor or has a negative stride" + end);
  CHECK(refused(matrix_of(20, 4, 5, {{-1, 5, 1}}), 0, {0, 1, 0, 1}, 1) ==
        "a view begins before its tensor or has a negative stride" + end);
}

TEST_CASE("blocks of a file", "[checkpoint][read_block]") {
  const test::TempFolder folder;
  std::vector<std::uint16_t> codes(16 * 3 * 9);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint16_t>(0x3C00 + i);
  folder.write(
      "model.safetensors",
      test::safetensors_bytes(
          {{"conv", "F16", {16, 3, 3, 3}, test::bytes_of(std::span<const std::uint16_t>(codes))}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  const auto reader = make_reader(catalogue.root, catalogue.files);
  Matrix matrix = convolution(16, 3, 3, 3);
  matrix.tensor = catalogue.tensors.front();
  // 0x3C00 + i is 1 + i / 1024.
  const std::vector<double> block = read(*reader, matrix, 4, {2, 4, 1, 3});
  CHECK(block == std::vector<double>{1 + (2 * 27 + 9 + 4) / 1024.0, 1 + (2 * 27 + 18 + 4) / 1024.0,
                                     1 + (3 * 27 + 9 + 4) / 1024.0,
                                     1 + (3 * 27 + 18 + 4) / 1024.0});
}
