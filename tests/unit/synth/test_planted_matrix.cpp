/// @file
/// Planted matrices: the singular values are the given ones, and a row does not depend on how it
/// was requested.

#include <algorithm>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/synth/planted_matrix.hpp"
#include "wishart/synth/planted_spectrum.hpp"

extern "C" void dgesdd_(const char* jobz, const int* m, const int* n, double* a, const int* lda,
                        double* s, double* u, const int* ldu, double* vt, const int* ldvt,
                        double* work, const int* lwork, int* iwork, int* info);

using namespace wishart::synth;

namespace {

struct Shape {
  std::int64_t rows;
  std::int64_t cols;
};
const std::vector<Shape> kShapes{{1, 1},   {1, 9},    {9, 1},    {8, 8},    {13, 13},  {17, 40},
                                 {40, 17}, {31, 101}, {101, 31}, {64, 176}, {176, 64}, {128, 128}};

std::vector<double> whole(PlantedMatrix& matrix) {
  std::vector<double> values(static_cast<std::size_t>(matrix.rows() * matrix.cols()));
  matrix.fill_rows(0, matrix.rows(), values);
  return values;
}

/// Ascending, by LAPACK.
std::vector<double> singular_values(std::vector<double> a, const Shape& shape) {
  const int m = static_cast<int>(shape.cols);  // column-major: the transpose
  const int n = static_cast<int>(shape.rows);
  const int one = 1;
  std::vector<double> s(static_cast<std::size_t>(std::min(m, n)));
  std::vector<int> integers(8 * s.size());
  std::vector<double> work(200'000);
  const int size = static_cast<int>(work.size());
  double unused = 0;
  int info = 0;
  dgesdd_("N", &m, &n, a.data(), &m, s.data(), &unused, &one, &unused, &one, work.data(), &size,
          integers.data(), &info);
  REQUIRE(info == 0);
  std::reverse(s.begin(), s.end());
  return s;
}

}  // namespace

TEST_CASE("the singular values are the planted ones to rounding", "[planted]") {
  HartleyTables tables;
  for (const Shape& shape : kShapes) {
    CAPTURE(shape.rows, shape.cols);
    const PlantedSpectrum planted = planted_spectrum(shape.rows, shape.cols, {3.0, 0.25, 1});
    PlantedMatrix matrix(shape.rows, shape.cols, planted.sigma, 42, "a.weight", tables);
    const std::vector<double> found = singular_values(whole(matrix), shape);
    REQUIRE(found.size() == planted.sigma.size());
    // Weyl: the error of every value is at most that of the matrix, eps times a small multiple of
    // the largest, and so is LAPACK's.
    const double bound = 32 * std::numeric_limits<double>::epsilon() * planted.sigma.back();
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(std::abs(found[i] - planted.sigma[i]) < bound);
    }
  }
}

TEST_CASE("any range of rows has the bits of the whole matrix", "[planted]") {
  HartleyTables tables;
  for (const Shape& shape : kShapes) {
    CAPTURE(shape.rows, shape.cols);
    const auto sigma = planted_spectrum(shape.rows, shape.cols, {}).sigma;
    PlantedMatrix matrix(shape.rows, shape.cols, sigma, 1, "m", tables);
    const std::vector<double> all = whole(matrix);
    for (std::int64_t begin = 0; begin < shape.rows; begin += 5) {
      const std::int64_t end = std::min(begin + 7, shape.rows);
      HartleyTables others;
      PlantedMatrix again(shape.rows, shape.cols, sigma, 1, "m", others);
      std::vector<double> part(static_cast<std::size_t>((end - begin) * shape.cols));
      again.fill_rows(begin, end, part);
      CHECK(std::equal(part.begin(), part.end(), all.begin() + begin * shape.cols));
    }
  }
}

TEST_CASE("seed and name choose the factors; elements look like weights", "[planted]") {
  HartleyTables tables;
  const auto sigma = planted_spectrum(200, 160, {}).sigma;
  PlantedMatrix first(200, 160, sigma, 1, "a", tables);
  PlantedMatrix same(200, 160, sigma, 1, "a", tables);
  PlantedMatrix other_seed(200, 160, sigma, 2, "a", tables);
  PlantedMatrix other_name(200, 160, sigma, 1, "b", tables);
  const std::vector<double> values = whole(first);
  CHECK(values == whole(same));
  CHECK(values != whole(other_seed));
  CHECK(values != whole(other_name));
  double sum = 0;
  double squares = 0;
  double fourth = 0;
  for (const double x : values) {
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  const auto count = static_cast<double>(values.size());
  CHECK(squares / count == Approx(1).epsilon(1e-12));
  CHECK(std::abs(sum / count) < 5 / std::sqrt(count));  // five standard errors
  CHECK(fourth / count == Approx(3).margin(0.5));       // Gaussian: 3
}
