/// @file
/// The measures of a correlation trap: known answers.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/fit/traps.hpp"

#include "draw.hpp"

using namespace wishart;
using namespace wishart::fit;

namespace {

/// Sums of up to 10^5 terms.
constexpr double kRounding = 1e-12;

std::vector<double> unit_vector(std::size_t length, std::size_t at) {
  std::vector<double> vector(length);
  vector[at] = 1;
  return vector;
}

std::vector<double> gaussian(std::size_t length, std::uint64_t seed) {
  test::Draw draw(seed);
  std::vector<double> values(length);
  for (double& value : values) value = draw.normal();
  return values;
}

}  // namespace

TEST_CASE("a single component is localised, equal ones and random directions are not", "[traps]") {
  const std::vector<double> one = unit_vector(50, 7);
  CHECK(inverse_participation(one) == 1);
  CHECK(localisation_uniform(1, 50) == 1);
  CHECK(localisation_porter_thomas(1, 50) == 1);

  const std::vector<double> equal(50, -3.0);  // the length does not matter
  CHECK(inverse_participation(equal) == Approx(0.02).epsilon(kRounding));
  CHECK(localisation_uniform(0.02, 50) == Approx(0).margin(kRounding));
  CHECK(localisation_porter_thomas(0.02, 50) == 0);  // below what is expected: cut

  // Two components of ten: (1/2 - 3/12) / (1 - 3/12) and (1/2 - 1/10) / (1 - 1/10).
  std::vector<double> two(10);
  two[2] = two[8] = 1;
  CHECK(inverse_participation(two) == Approx(0.5).epsilon(kRounding));
  CHECK(localisation_porter_thomas(0.5, 10) == Approx(1.0 / 3).epsilon(kRounding));
  CHECK(localisation_uniform(0.5, 10) == Approx(4.0 / 9).epsilon(kRounding));

  // A random direction: 3 / (n + 2), with a standard deviation of about sqrt(24 / n^3).
  const double ipr = inverse_participation(gaussian(10'000, 1));
  CHECK(std::abs(ipr - 3.0 / 10'002) < 4 * std::sqrt(24e-12));

  CHECK(inverse_participation(std::vector<double>{5.0}) == 1);
  CHECK(localisation_uniform(1, 1) == 1);
  CHECK(localisation_porter_thomas(1, 1) == 1);
  CHECK(std::isnan(inverse_participation(std::vector<double>(3))));
  CHECK(std::isnan(localisation_uniform(TrapRow::kUnknown, 3)));
}

TEST_CASE("the mass of the largest products is that of a sorted list of all", "[traps]") {
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {7, 1}, {3, 33}, {40, 25}, {101, 99}}) {
    const std::vector<double> left = gaussian(rows, 2);
    std::vector<double> right = gaussian(cols, 3);
    right[0] = 0;
    if (cols > 4) right[4] = -right[3];  // equal products
    if (cols == 1) right[0] = 2;
    std::vector<double> all;
    for (const double a : left) {
      for (const double b : right) all.push_back(std::abs(a * b));
    }
    std::sort(all.rbegin(), all.rend());
    double total = 0;
    for (const double value : all) total += value;
    for (const std::int64_t percent : {1, 5, 10, 50, 99, 100}) {
      double sum = 0;
      const std::size_t count = (all.size() * static_cast<std::size_t>(percent) + 99) / 100;
      for (std::size_t i = 0; i < count; ++i) sum += all[i];
      CAPTURE(rows, cols, percent);
      CHECK(top_mass(left, right, percent) == Approx(sum / total).epsilon(kRounding));
    }
  }
  CHECK(top_mass(unit_vector(30, 4), unit_vector(20, 9), 5) == 1);
  CHECK(top_mass(std::vector<double>(10, 1.0), std::vector<double>(20, -2.0), 5) ==
        Approx(0.05).epsilon(kRounding));
  CHECK(std::isnan(top_mass(std::vector<double>(3), std::vector<double>(3), 5)));
  // Of random directions, as docs/metrics.md says; within five standard deviations at this length.
  const std::vector<double> left = gaussian(3000, 4);
  const std::vector<double> right = gaussian(3000, 5);
  CHECK(top_mass(left, right, 5) == Approx(0.241).epsilon(0.04));
  CHECK(top_mass(left, right, 10) == Approx(0.386).epsilon(0.04));
}

TEST_CASE("overlaps are squared cosines", "[traps]") {
  const std::vector<double> a{3, 4};
  CHECK(squared_cosine(a, std::vector<double>{-6, -8}) == Approx(1).epsilon(kRounding));
  CHECK(squared_cosine(a, std::vector<double>{4, -3}) == Approx(0).margin(kRounding));
  CHECK(squared_cosine(a, std::vector<double>{2, 0}) == Approx(0.36).epsilon(kRounding));
  CHECK(std::isnan(squared_cosine(a, std::vector<double>(2))));
}

TEST_CASE("a trap that is one element has the measures that follow from it", "[traps]") {
  // 60 x 40: in random order element (11, 3) is 10 and leads; it belongs to (20, 30), where the
  // matrix has its leading vectors too.
  const std::vector<double> left = unit_vector(60, 11);
  const std::vector<double> right = unit_vector(40, 3);
  const std::vector<double> own_left = unit_vector(60, 20);
  const std::vector<double> own_right = unit_vector(40, 30);
  TrapRow row;
  measure_trap(row, {10, 25, {left, right}, {own_left, own_right}, 1, {own_left, own_right}});
  CHECK(row.sigma_perm == 10);
  CHECK(row.eval_perm == 100);
  CHECK(row.mp_bulk_max == 25);
  CHECK(row.trap_delta == 3);
  CHECK(row.trap_ipr == 1);
  CHECK(row.trap_q == 1);
  CHECK(row.trap_diffuseness == 0);
  CHECK(row.trap_q_left == 1);
  CHECK(row.top_5_mass == 1);
  CHECK(row.rank1_mass_after_unpermute == 1);
  CHECK(row.trap_top_sector_overlap == 1);
  CHECK(row.trap_top_sector_overlap_left == 1);
  CHECK(row.trap_variance_burden == 9);

  // Elsewhere in the matrix it burdens nothing; below the edge it exceeds nothing.
  measure_trap(row, {4, 25, {left, right}, {left, right}, 1, {own_left, own_right}});
  CHECK(row.trap_delta == 0);
  CHECK(row.trap_top_sector_overlap == 0);
  CHECK(row.trap_variance_burden == 0);
}
