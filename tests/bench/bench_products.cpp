/// @file
/// Gram matrices of bf16 values from integers against float64, side by side in one run, on one
/// core, reading from the page cache and tallying included. One CSV line per way and stage.
///
///     OPENBLAS_NUM_THREADS=1 build/release/tests/bench/bench_products
///         --rows 4096 --cols 4096 [--runs 3] [--residues 1]
///
/// With --residues the elements are F16, whose integers have 24 bits.
///
/// Exits with 1 if the two matrices differ in a bit: the float64 products of Gaussian bf16 values
/// have no rounding errors either (docs/numerics.md, "Integer products").

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"

#include "argument.hpp"
#include "gaussian_file.hpp"
#include "gram.hpp"
#include "integer/byte_products.hpp"
#include "median.hpp"

namespace {

using namespace wishart;
using bench::argument;
using bench::median;

const char* unit_text(spectrum::ByteUnit unit) {
  switch (unit) {
    case spectrum::ByteUnit::tiles:
      return "AMX";
    case spectrum::ByteUnit::vectors:
      return "VNNI";
    case spectrum::ByteUnit::none:
      break;
  }
  return "portable";
}

int run(int argc, char** argv) {
  const Dtype dtype = argument(argc, argv, "residues", 0) == 1 ? Dtype::f16 : Dtype::bf16;
  bench::GaussianFile source(dtype, argument(argc, argv, "rows", 4096),
                             argument(argc, argv, "cols", 4096));
  const Matrix& matrix = source.matrix();
  const std::int64_t m = matrix.short_side();
  spectrum::SolveOptions options;
  // As in a scan: the workspace asks for huge pages.
  spectrum::Workspace results;
  const std::span<double> gram = results.take<double>(m * m);
  const std::span<double> exact = results.take<double>(m * m);
  std::vector<double> ratios;
  std::vector<double> plain_times;
  std::vector<double> integer_times;
  spectrum::Workspace workspace;
  ProductRecord record;
  const auto timed = [&](Products products, std::span<double> out) {
    options.products = products;
    workspace.reset();
    spectrum::Tally tally;
    const auto start = std::chrono::steady_clock::now();
    record = *spectrum::gram_of_slice({&matrix, &source, 0}, {0, matrix.long_side()}, options,
                                      tally, workspace, out);
    return seconds_since(start);
  };
  for (std::int64_t k = 0; k <= argument(argc, argv, "runs", 3); ++k) {
    const double plain = timed(Products::float64, gram);
    const double integer = timed(Products::integer, exact);
    if (k == 0) continue;  // a warm-up
    plain_times.push_back(plain);
    integer_times.push_back(integer);
    ratios.push_back(plain / integer);
  }
  std::printf(
      "%s,products,%s,%lldx%lld,float64 %.4f s,integer %.4f s,ratio %.2f,bytes %d,panels %lld,"
      "float64 panels %lld,apart %.3g\n",
      std::string(build_info().version).c_str(), unit_text(spectrum::byte_unit()),
      static_cast<long long>(matrix.rows), static_cast<long long>(matrix.cols), median(plain_times),
      median(integer_times), median(ratios), record.bytes, static_cast<long long>(record.panels),
      static_cast<long long>(record.float64_panels),
      static_cast<double>(record.apart) / static_cast<double>(matrix.rows * matrix.cols));
  // Both are exact but for elements whose sum needs more than 53 bits, because a tiny element is in
  // it: these are rounded at different places.
  std::int64_t differ = 0;
  double largest = 0;
  for (std::int64_t col = 0; col < m; ++col) {
    for (std::int64_t row = col; row < m; ++row) {
      const auto at = static_cast<std::size_t>(col * m + row);
      if (gram[at] == exact[at]) continue;
      ++differ;
      const double scale = std::sqrt(gram[static_cast<std::size_t>(col * m + col)] *
                                     gram[static_cast<std::size_t>(row * m + row)]);
      largest = std::max(largest, std::abs(gram[at] - exact[at]) / scale);
    }
  }
  std::printf("differ in %lld of %lld elements, by %.2g of the norms at most\n",
              static_cast<long long>(differ), static_cast<long long>(m * (m + 1) / 2), largest);
  return largest > 1e-15 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << describe(error) << '\n';
    return 2;
  }
}
