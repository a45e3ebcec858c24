/// @file
/// Leading singular vectors, and the measures of correlation traps from them: the numbers of numpy
/// on every team.

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/fit/null_model.hpp"
#include "wishart/fit/traps.hpp"
#include "wishart/spectrum/leading_vectors.hpp"

#include "mpi/matrices.hpp"
#include "mpi/trap_numbers.hpp"
#include "support/mpi_main.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::ElementFunction;
using wishart::test::FunctionSource;
using wishart::test::kTrapNumbers;
using wishart::test::matrix_of;
using wishart::test::noise;
using wishart::test::TrapNumbers;
using wishart::test::world;

namespace {

/// Residuals of 1e-10 of the largest value, over gaps between values of a hundredth of it or more.
constexpr double kVectors = 1e-7;

LeadingVectors leading(const Matrix& matrix, const ElementFunction& element, std::int64_t count,
                       std::int64_t view = 0) {
  FunctionSource source(element);
  Team team(world());
  Workspace workspace;
  SolveOptions options;
  options.panel_bytes = 4000;  // several panels
  return leading_vectors(matrix, source, view, count, team, options, workspace);
}

std::span<const double> column(const std::vector<double>& all, std::int64_t k,
                               std::int64_t length) {
  return std::span(all).subspan(static_cast<std::size_t>(k * length),
                                static_cast<std::size_t>(length));
}

/// The largest |W v - sigma u| and |W^T u - sigma v|.
double error_of(const LeadingVectors& found, const Matrix& matrix, const ElementFunction& element) {
  double largest = 0;
  for (std::int64_t k = 0; k < found.count; ++k) {
    const auto left = column(found.left, k, matrix.rows);
    const auto right = column(found.right, k, matrix.cols);
    const double sigma = found.sigma[static_cast<std::size_t>(k)];
    std::vector<double> back(static_cast<std::size_t>(matrix.cols));
    for (std::int64_t i = 0; i < matrix.rows; ++i) {
      double sum = 0;
      for (std::int64_t j = 0; j < matrix.cols; ++j) {
        const double value = element(i, j);
        sum += value * right[static_cast<std::size_t>(j)];
        back[static_cast<std::size_t>(j)] += value * left[static_cast<std::size_t>(i)];
      }
      largest = std::max(largest, std::abs(sum - sigma * left[static_cast<std::size_t>(i)]));
    }
    for (std::size_t j = 0; j < back.size(); ++j) {
      largest = std::max(largest, std::abs(back[j] - sigma * right[j]));
    }
  }
  return largest;
}

/// The matrix of make_trap_numbers.py.
double planted(std::int64_t cols, std::int64_t place) {
  if (place == cols + 3) return 9000;
  if (place == 5 * cols + 7) return -6000;
  return static_cast<double>((place * place * 31 + place * 17) % 1009 - 504);
}

/// Where element p of the matrix in random order comes from, for each p.
std::vector<std::int64_t> order_of(std::int64_t size) {
  std::vector<std::int64_t> order;
  for (std::int64_t p = 0; p < size; ++p) order.push_back((p * 7919 + 101) % size);
  return order;
}

TrapRow measured(const TrapNumbers& expected) {
  const std::int64_t cols = expected.cols;
  const Matrix matrix = matrix_of(expected.rows, cols);
  const std::int64_t size = expected.rows * cols;
  const std::vector<std::int64_t> order = order_of(size);
  std::vector<std::int64_t> back(order.size());
  double sum = 0;
  double squares = 0;
  for (std::int64_t p = 0; p < size; ++p) {
    back[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])] = p;
    sum += planted(cols, p);
    squares += planted(cols, p) * planted(cols, p);
  }
  const double mean = sum / static_cast<double>(size);
  const double variance = squares / static_cast<double>(size) - mean * mean;

  const LeadingVectors own = leading(
      matrix, [&](auto row, auto col) { return planted(cols, row * cols + col); }, 1);
  const LeadingVectors permuted = leading(
      matrix,
      [&](auto row, auto col) {
        return planted(cols, order[static_cast<std::size_t>(row * cols + col)]);
      },
      2);
  const auto left = column(permuted.left, expected.trap_index, matrix.rows);
  const auto right = column(permuted.right, expected.trap_index, matrix.cols);
  const LeadingVectors restored = leading(
      matrix,
      [&](auto row, auto col) {
        const std::int64_t p = back[static_cast<std::size_t>(row * cols + col)];
        return left[static_cast<std::size_t>(p / cols)] * right[static_cast<std::size_t>(p % cols)];
      },
      1);
  TrapRow row;
  const double edge = fit::bulk_of(static_cast<double>(matrix.long_side()),
                                   static_cast<double>(matrix.short_side()), variance)
                          .high;
  fit::measure_trap(row, {permuted.sigma[static_cast<std::size_t>(expected.trap_index)],
                          edge,
                          {left, right},
                          {restored.left, restored.right},
                          restored.sigma[0],
                          {own.left, own.right}});
  return row;
}

}  // namespace

TEST_CASE("leading vectors are singular vectors, of every shape and view", "[traps]") {
  struct Case {
    std::int64_t rows, cols, count;
  };
  // Small ones by the whole space, large ones by iteration; ranks without a column or row.
  for (const Case& c : {Case{300, 130, 4}, Case{130, 300, 4}, Case{90, 90, 2}, Case{5, 3, 2},
                        Case{1, 7, 1}, Case{7, 1, 1}, Case{2, 2, 5}}) {
    const Matrix matrix = matrix_of(c.rows, c.cols, 2);
    const ElementFunction element = [&](std::int64_t row, std::int64_t col) {
      // Noise, and large values on the diagonal: there are gaps between the leading ones.
      return noise(row, col) + (row == col && row < 6 ? 100.0 - 10 * static_cast<double>(row) : 0);
    };
    const LeadingVectors found = leading(matrix, element, c.count);
    CAPTURE(c.rows, c.cols, found.residual);
    CHECK(found.count == std::min(c.count, matrix.short_side()));
    CHECK(found.residual <= 1e-10);
    CHECK(std::is_sorted(found.sigma.rbegin(), found.sigma.rend()));
    CHECK(error_of(found, matrix, element) <= kVectors * found.sigma[0]);
    // View 1 is twice view 0.
    const LeadingVectors second = leading(matrix, element, c.count, 1);
    CHECK(second.sigma[0] == Approx(2 * found.sigma[0]).epsilon(1e-12));
  }
}

TEST_CASE("the measures of a trap are those that numpy finds", "[traps]") {
  for (const TrapNumbers& expected : kTrapNumbers) {
    const TrapRow row = measured(expected);
    CAPTURE(expected.rows, expected.cols, expected.trap_index);
    const auto check = [](double found, double numpy) {
      CHECK(found == Approx(numpy).epsilon(kVectors).margin(1e-12));
    };
    check(row.sigma_perm, expected.sigma_perm);
    check(row.eval_perm, expected.sigma_perm * expected.sigma_perm);
    check(row.trap_ipr, expected.trap_ipr);
    check(row.trap_q, expected.trap_q);
    check(row.trap_q_uniform, expected.trap_q_uniform);
    check(row.trap_diffuseness, 1 - expected.trap_q);
    check(row.trap_diffuseness_uniform, 1 - expected.trap_q_uniform);
    check(row.trap_ipr_left, expected.trap_ipr_left);
    check(row.trap_q_left, expected.trap_q_left);
    check(row.trap_q_uniform_left, expected.trap_q_uniform_left);
    check(row.top_5_mass, expected.top_5_mass);
    check(row.top_10_mass, expected.top_10_mass);
    check(row.rank1_mass_after_unpermute, expected.rank1_mass_after_unpermute);
    check(row.trap_top_sector_overlap, expected.trap_top_sector_overlap);
    check(row.trap_top_sector_overlap_left, expected.trap_top_sector_overlap_left);
    check(row.trap_delta, expected.trap_delta);
    check(row.trap_variance_burden, expected.trap_variance_burden);
  }
}
