/// @file
/// Keyed permutations of elements, traps, distances; and the recipes by layer.

#include <algorithm>
#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/fit/permutation.hpp"
#include "wishart/fit/random.hpp"
#include "wishart/fit/recommend.hpp"

#include "bench/bidiagonal.hpp"

using namespace wishart::fit;
using wishart::kNan;
using wishart::LayerRow;

TEST_CASE("a keyed bijection visits every index once, and its inverse leads back", "[random]") {
  for (const std::uint64_t size : {1U, 2U, 3U, 17U, 64U, 65U, 1000U, 4096U, 30000U}) {
    const KeyedBijection map(size, 5, 6);
    std::vector<bool> seen(size);
    for (std::uint64_t i = 0; i < size; ++i) {
      const std::uint64_t to = map(i);
      REQUIRE(to < size);
      REQUIRE(!seen[to]);
      seen[to] = true;
      REQUIRE(map.inverse(to) == i);
    }
  }
  const KeyedBijection large((std::uint64_t{1} << 40U) + 12345, 5, 6);
  for (std::uint64_t i = 0; i < 1000; ++i)
    CHECK(large.inverse(large(i * 1'000'003)) == i * 1'000'003);
}

TEST_CASE("runs agree with single indices", "[random]") {
  for (const std::uint64_t size : {1U, 3U, 65U, 1000U, 4097U, 30000U}) {
    const KeyedBijection map(size, 9, 10);
    for (const std::uint64_t first : {std::uint64_t{0}, size / 3}) {
      std::vector<std::uint64_t> forth(size - first);
      std::vector<std::uint64_t> back(size - first);
      map.map_run(first, forth);
      map.inverse_run(first, back);
      for (std::uint64_t i = 0; i < forth.size(); ++i) {
        REQUIRE(forth[i] == map(first + i));
        REQUIRE(back[i] == map.inverse(first + i));
      }
    }
  }
}

TEST_CASE("bijections of different keys are different and unordered", "[random]") {
  const std::uint64_t size = 10'000;
  const KeyedBijection a(size, 1, 0);
  const KeyedBijection b(size, 1, 1);
  double products = 0;
  int fixed = 0;
  int same = 0;
  for (std::uint64_t i = 0; i < size; ++i) {
    const double centre = (size - 1) / 2.0;
    products += (static_cast<double>(i) - centre) * (static_cast<double>(a(i)) - centre);
    fixed += a(i) == i ? 1 : 0;
    same += a(i) == b(i) ? 1 : 0;
  }
  const double correlation = products / (static_cast<double>(size) * size * size / 12.0);
  CHECK(std::abs(correlation) < 5 / std::sqrt(static_cast<double>(size)));
  // Both are Poisson with mean 1: more than 8 has a probability of 1e-6.
  CHECK(fixed <= 8);
  CHECK(same <= 8);
}

TEST_CASE("a bijection of nothing is refused", "[random]") {
  CHECK_THROWS_AS(KeyedBijection(0, 1, 1), wishart::Error);
}

TEST_CASE("the distance of two spectra is WeightWatcher's", "[rmt]") {
  std::vector<double> x;
  std::vector<double> y;
  for (int i = 1; i <= 20; ++i) {
    x.push_back(i * i / 10.0);
    y.push_back(std::pow(x.back(), 1.1));
  }
  CHECK(rand_distance(x, y) == Approx(0.023045002609342516).epsilon(1e-12));
  CHECK(rand_distance(x, x) == 0);
  // Disjoint: the largest distance there is.
  CHECK(rand_distance(std::vector<double>{0, 1}, std::vector<double>{1, 0}) ==
        Approx(std::sqrt(std::log(2.0))).epsilon(1e-12));
}

TEST_CASE("independent elements have no traps, whatever their mean", "[rmt]") {
  int alarms = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CounterRandom random(6, seed);
    const Shape shape{200, 100};
    const double mean = 0.5;
    // A constant mean is the spike sqrt(N M) mean along the two vectors of equal elements.
    const auto lambda =
        wishart::bench::gaussian_eigenvalues(200, 100, std::sqrt(200.0 * 100.0) * mean, random);
    alarms += correlation_traps(lambda, shape, mean).num > 0 ? 1 : 0;
    CHECK(correlation_traps(lambda, shape, 0).num >= 1);
  }
  CHECK(alarms <= 4);
}

TEST_CASE("the eigenvalue of the mean is told from traps on both sides of it", "[rmt]") {
  const Shape shape{200, 100};
  CounterRandom random(6, 1000);
  const double mean = 0.25;
  const double theta = std::sqrt(200.0 * 100.0) * mean;  // 35.4, expected at 40.2
  const auto noise = wishart::bench::gaussian_eigenvalues(200, 100, theta, random);
  const Traps alone = correlation_traps(noise, shape, mean);
  CHECK(alone.num == 0);
  CHECK(alone.of_mean == 0);
  CHECK(alone.p > 0.01);
  const auto with_trap = [&](double sigma) {
    std::vector<double> lambda = noise;
    lambda[98] = sigma * sigma;
    std::sort(lambda.begin(), lambda.end());
    return correlation_traps(lambda, shape, mean);
  };
  const Traps below = with_trap(32);
  CHECK(below.num == 1);
  CHECK(below.of_mean == 0);
  const Traps above = with_trap(60);
  CHECK(above.num == 1);
  CHECK(above.of_mean == 1);
  CHECK(above.p < below.p);

  // Equal elements have rounding errors beside the mean's eigenvalue, which are no traps.
  std::vector<double> constant(100, 1e-14);
  constant[98] = 3e-13;
  constant[99] = 200.0 * 100.0 * 0.01;
  CHECK(correlation_traps(constant, shape, 0.1).num == 0);
  CHECK(correlation_traps(std::vector<double>(100, 0.0), shape, 0).num == 0);
  CHECK(correlation_traps({}, {200, 0}, 0).num == 0);

  // A mean that hardly shows has no eigenvalue that stands out, and does not hide the trap.
  const double weak = 1.05 / std::pow(200.0 * 100.0, 0.25);
  auto lambda = wishart::bench::gaussian_eigenvalues(200, 100, 1.05 * std::pow(2e4, 0.25), random);
  CHECK(correlation_traps(lambda, shape, weak).num == 0);
  lambda.back() = 3600;
  const Traps hidden = correlation_traps(lambda, shape, weak);
  CHECK(hidden.num == 1);
  CHECK(hidden.of_mean == -1);
}

namespace {

LayerRow layer(std::int64_t block, double alpha, std::int64_t params) {
  LayerRow row;
  row.stack = "model";
  row.block = block;
  row.alpha_hill = alpha;
  row.num_evals = 100;
  row.num_params = params;
  return row;
}

}  // namespace

TEST_CASE("recipes map alpha linearly, as published", "[recommend]") {
  std::vector<LayerRow> layers{layer(0, 2, 100), layer(0, 4, 100), layer(1, 6, 300),
                               layer(-1, 9, 1000)};
  layers.push_back(layer(1, 1, 10));
  layers.back().num_evals = 49;
  recommend(layers);
  CHECK(layers[0].tempbalance_lr == Approx(0.5));
  CHECK(layers[1].tempbalance_lr == Approx(1.0));
  CHECK(layers[2].tempbalance_lr == Approx(1.5));
  CHECK(layers[0].alphadecay_wd == Approx(2.0 / 3));
  CHECK(layers[2].alphadecay_wd == Approx(3.0));
  // Block means 3 and 6: 0.7 and 1.3, of 200 and 300 parameters, whose mean is 1.06.
  CHECK(layers[1].alphapruning_sparsity == Approx(0.7 / 1.06));
  CHECK(layers[2].alphapruning_sparsity == Approx(1.3 / 1.06));
  CHECK(std::isnan(layers[3].tempbalance_lr));  // not in a block
  CHECK(std::isnan(layers[4].tempbalance_lr));  // too few eigenvalues
}

TEST_CASE("recipes leave equal layers alone", "[recommend]") {
  std::vector<LayerRow> layers{layer(-1, 3, 5), layer(-1, 3, 7)};
  recommend(layers);
  for (const LayerRow& row : layers) {
    CHECK(row.tempbalance_lr == 1);
    CHECK(row.alphapruning_sparsity == 1);
    CHECK(row.alphadecay_wd == 1);
  }
}
