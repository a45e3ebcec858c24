#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/correlation.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

const std::vector<double> kX{1.5, 2, 3, 3, 5, 8, 1, 9, 4, 4};
const std::vector<double> kY{2, 1, 4, 3, 6, 6, 0.5, 5, 7, 4};

}  // namespace

TEST_CASE("coefficients with ties are those computed apart in rational arithmetic",
          "[correlation]") {
  const Correlation p = correlate(Coefficient::pearson, kX, kY);
  CHECK(p.value == Approx(0.7122047862196883).epsilon(1e-12));
  CHECK(p.low == Approx(0.1497133955369796).epsilon(1e-12));
  CHECK(p.high == Approx(0.9264083848311118).epsilon(1e-12));
  CHECK(p.count == 10);
  CHECK(correlate(Coefficient::spearman, kX, kY).value ==
        Approx(0.8404907975460123).epsilon(1e-12));
  CHECK(correlate(Coefficient::kendall, kX, kY).value == Approx(0.6744186046511628).epsilon(1e-12));
}

TEST_CASE("a monotone series has 1, its mirror -1, a constant one nothing", "[correlation]") {
  const std::vector<double> x{1, 2, 3, 4, 5, 6};
  const std::vector<double> y{1, 10, 11, 50, 51, 1000};
  const std::vector<double> constant(6, 2.0);
  for (const Coefficient c : {Coefficient::spearman, Coefficient::kendall}) {
    CHECK(correlate(c, x, y).value == Approx(1).epsilon(1e-14));
    std::vector<double> mirrored = y;
    for (double& value : mirrored) value = -value;
    CHECK(correlate(c, x, mirrored).value == Approx(-1).epsilon(1e-14));
    CHECK(std::isnan(correlate(c, x, constant).value));
    CHECK(std::isnan(correlate(c, x, constant).low));
  }
}

TEST_CASE("pairs that are not finite stay out, and few pairs have no interval", "[correlation]") {
  const std::vector<double> x{1, 2, kNan, 4, 5};
  const std::vector<double> y{2, 4, 6, kNan, 1};
  const Correlation c = correlate(Coefficient::spearman, x, y);
  CHECK(c.count == 3);
  CHECK(c.value == Approx(-0.5).epsilon(1e-14));
  CHECK(std::isnan(c.low));
  CHECK(std::isnan(
      correlate(Coefficient::pearson, std::vector<double>{1, 2}, std::vector<double>{1, 2}).value));
}

TEST_CASE("the interval holds the coefficient, and is wider for fewer pairs", "[correlation]") {
  const std::span<const double> x(kX);
  const std::span<const double> y(kY);
  for (const Coefficient c : {Coefficient::pearson, Coefficient::spearman, Coefficient::kendall}) {
    const Correlation all = correlate(c, x, y);
    const Correlation some = correlate(c, x.first(6), y.first(6));
    CHECK(all.low < all.value);
    CHECK(all.value < all.high);
    CHECK(std::atanh(some.high) - std::atanh(some.low) >
          std::atanh(all.high) - std::atanh(all.low));
  }
}

TEST_CASE("groups are pooled by their weight, small ones stay out", "[correlation]") {
  const Correlation one{0.5, 0.1, 0.8, 20};
  const Correlation small{-1, kNan, kNan, 4};
  CHECK(pooled(Coefficient::pearson, std::vector<Correlation>{one, one}).value ==
        Approx(0.5).epsilon(1e-14));
  const Correlation two = pooled(Coefficient::pearson, std::vector<Correlation>{one, one, small});
  CHECK(two.count == 40);
  CHECK(two.low > one.low);
  CHECK(std::isnan(pooled(Coefficient::pearson, std::vector<Correlation>{small}).value));
  const Correlation whole{1, 1, 1, 10};
  CHECK(pooled(Coefficient::spearman, std::vector<Correlation>{whole}).value <= 1);
}
