/// @file
/// The alpha of untrained matrices: generates src/fit/null_alpha_table.hpp.
///
///     bench_null_alpha [--repeats 100] [--sides 9] > src/fit/null_alpha_table.hpp
///
/// For short sides 16, 32, ... and aspect ratios 1, 2, ... 32: the default fit (corrected mode) of
/// the spectra of Gaussian matrices of that shape; mean and standard deviation of alpha.

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "wishart/fit/power_law.hpp"
#include "wishart/fit/thresholds.hpp"

#include "bidiagonal.hpp"

namespace {

constexpr int kFirstSide = 4;  // 2^4
constexpr int kAspects = 6;

}  // namespace

int main(int argc, char** argv) {
  int repeats = 100;
  int sides = 9;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--repeats") repeats = std::stoi(argv[i + 1]);
    if (name == "--sides") sides = std::stoi(argv[i + 1]);
  }
  std::printf(
      "#pragma once\n\n/// @file\n/// alpha of Gaussian matrices by shape. Made by "
      "tests/bench/null_alpha.cpp; do not edit.\n/// Row i: short side 2^(%d + i); column j: "
      "aspect "
      "ratio 2^j.\n\n#include <array>\n\n#include \"wishart/fit/null_model.hpp\"\n\nnamespace "
      "wishart::fit {\n\ninline constexpr double kNullAlphaFirstSide = %d;\n// clang-format "
      "off\ninline constexpr std::array<std::array<NullAlpha, %d>, %d> kNullAlpha{{\n",
      kFirstSide, kFirstSide, kAspects, sides);
  for (int i = 0; i < sides; ++i) {
    std::printf("    {{");
    for (int j = 0; j < kAspects; ++j) {
      const std::int64_t cols = std::int64_t{1} << (kFirstSide + i);
      const std::int64_t rows = cols << j;
      double sum = 0;
      double squares = 0;
      int count = 0;
      for (int r = 0; r < repeats; ++r) {
        wishart::fit::CounterRandom random(
            wishart::fit::kDefaultSeed,
            static_cast<std::uint64_t>((i * kAspects + j) * 10'000 + r));
        const std::vector<double> lambda =
            wishart::bench::gaussian_eigenvalues(rows, cols, 0, random);
        const double floor = lambda.back() * std::pow(static_cast<double>(rows) * 0x1p-52, 2);
        std::size_t first = 0;
        while (lambda[first] <= floor) ++first;
        const auto fit = wishart::fit::scan_power_law(
            std::span(lambda).subspan(first),
            {.min_tail = wishart::fit::kMinTail, .skip_repeated = true});
        if (!fit) continue;
        sum += fit->alpha;
        squares += fit->alpha * fit->alpha;
        ++count;
      }
      const double mean = sum / count;
      const double sd = std::sqrt((squares - sum * mean) / (count - 1));
      std::printf("{%.2f, %.2f}%s", mean, sd, j + 1 < kAspects ? ", " : "");
    }
    std::printf("}},\n");
    std::fflush(stdout);
  }
  std::printf("}};\n// clang-format on\n\n}  // namespace wishart::fit\n");
  return 0;
}
