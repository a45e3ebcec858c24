/// @file
/// Packed records: they survive a round trip, and lengths are not trusted.

#include <catch2/catch.hpp>

#include "wishart/core/pack.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"

using namespace wishart;

TEST_CASE("a matrix comes back from its bytes", "[pack]") {
  Matrix matrix;
  matrix.key = "w[3]";
  matrix.tensor.shape = {4, 5, 6};
  matrix.tensor.dtype = Dtype::bf16;
  matrix.aliases = {"a", ""};
  matrix.views = {{1, 2, 3}, {4, 5, 6}};
  matrix.w_norm = 0.5;
  matrix.float32_arithmetic = true;
  const auto copy = unpacked<Matrix>(packed(matrix));
  CHECK(copy.key == matrix.key);
  CHECK(copy.tensor.shape == matrix.tensor.shape);
  CHECK(copy.tensor.dtype == Dtype::bf16);
  CHECK(copy.aliases == matrix.aliases);
  CHECK(copy.views[1].row_stride == 5);
  CHECK(copy.float32_arithmetic);
}

TEST_CASE("truncated or surplus bytes are refused at every length", "[pack]") {
  Spectrum spectrum;
  spectrum.sigma = {1, 2, 3};
  spectrum.solver = "dsyevd";
  std::vector<std::byte> bytes = packed(spectrum);
  CHECK(unpacked<Spectrum>(bytes).sigma == spectrum.sigma);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CHECK_THROWS_WITH(unpacked<Spectrum>(std::span(bytes).first(length)),
                      "a packed record ends before its last field");
  }
  bytes.push_back(std::byte{0});
  CHECK_THROWS_WITH(unpacked<Spectrum>(bytes), "a packed record is longer than its fields");
}

TEST_CASE("a length beyond the end of the bytes allocates nothing", "[pack]") {
  Packer pack;
  pack(std::uint64_t{1} << 61U);
  const std::vector<std::byte> bytes = pack.take();
  CHECK_THROWS_AS(unpacked<std::vector<double>>(bytes), Error);
  CHECK_THROWS_AS(unpacked<std::string>(bytes), Error);
}
