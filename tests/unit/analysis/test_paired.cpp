/// @file
/// The change that layers share: means, intervals and sign tests against known answers, and what
/// may not matter.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include <catch2/catch.hpp>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/paired.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::add_layer;
using test::error_of;
using test::sample_checkpoint;
using test::sample_layer;

namespace {

using Values = std::vector<double>;

/// P(|T| < t) by Simpson's rule over Student's density, another way than the program's.
double probability_within(double t, double freedom) {
  const double scale = std::exp(std::lgamma((freedom + 1) / 2) - std::lgamma(freedom / 2)) /
                       std::sqrt(freedom * std::numbers::pi);
  const auto density = [&](double x) {
    return scale * std::pow(1 + x * x / freedom, -(freedom + 1) / 2);
  };
  constexpr int steps = 20000;
  const double width = t / steps;
  double sum = density(0) + density(t);
  for (int i = 1; i < steps; ++i) sum += density(i * width) * (i % 2 == 1 ? 4 : 2);
  return 2 * sum * width / 3;
}

/// The two-sided sign test with exact binomial coefficients.
double counted_p(std::int64_t fell, std::int64_t rose) {
  const std::int64_t n = fell + rose;
  std::vector<double> row{1};  // of Pascal's triangle; below 2^53 exact
  for (std::int64_t i = 0; i < n; ++i) {
    row.push_back(0);
    for (std::size_t k = row.size() - 1; k > 0; --k) row[k] += row[k - 1];
  }
  double sum = 0;
  for (std::int64_t k = 0; k <= std::min(fell, rose); ++k) sum += row[static_cast<std::size_t>(k)];
  return std::min(1.0, std::ldexp(2 * sum, -static_cast<int>(n)));
}

/// Differences of which every second is negative, in pairs that look like alphas.
std::pair<Values, Values> drawn_pairs(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(3, 0.5);
  std::pair<Values, Values> out;
  for (std::size_t i = 0; i < count; ++i) {
    out.first.push_back(normal(random));
    out.second.push_back(normal(random) - 0.2);
  }
  return out;
}

const PairedRow& row_of(const std::vector<PairedRow>& rows, const std::string& group,
                        const std::string& metric) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const PairedRow& row) {
    return row.group == group && row.metric == metric;
  });
  REQUIRE(found != rows.end());
  return *found;
}

}  // namespace

TEST_CASE("the paired change of five layers, by hand", "[paired]") {
  // Differences -1, -2, -3, +1, 0: mean -1, sum of squares about it 10, s^2 = 10 / 4, standard
  // error sqrt(2.5 / 5). The quantile 0.975 of Student's t with 4 degrees is 2.7764451051977987.
  const PairedRow row = paired_change(Values{5, 5, 5, 5, 5}, Values{4, 3, 2, 6, 5});
  CHECK(row.pairs == 5);
  CHECK(row.left_out == 0);
  CHECK(row.fell == 3);
  CHECK(row.rose == 1);
  CHECK(row.tied == 1);
  CHECK(row.mean == Approx(-1).epsilon(1e-15));
  CHECK(row.median == Approx(-1).epsilon(1e-15));
  const double reach = 2.7764451051977987 * std::sqrt(0.5);
  CHECK(row.low == Approx(-1 - reach).epsilon(1e-13));
  CHECK(row.high == Approx(-1 + reach).epsilon(1e-13));
  CHECK(row.sign_p == Approx(0.625).epsilon(1e-14));  // 2 (1 + 4) / 2^4
}

TEST_CASE("half the interval is t standard errors, for few layers and for many", "[paired]") {
  int checked = 0;
  for (const std::size_t count : {2U, 3U, 4U, 7U, 10U, 31U, 32U, 250U, 1001U, 1002U, 5000U}) {
    CAPTURE(count);
    const auto [a, b] = drawn_pairs(count, count);
    const PairedRow row = paired_change(a, b);
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) sum += b[i] - a[i];
    const auto n = static_cast<double>(count);
    for (std::size_t i = 0; i < count; ++i) squares += std::pow(b[i] - a[i] - sum / n, 2);
    const double t = (row.high - row.low) / 2 / std::sqrt(squares / (n - 1) / n);
    // Simpson's error is far below; the program promises t to 3e-9 of itself, of which the
    // probability keeps less than a tenth.
    CHECK(probability_within(t, n - 1) == Approx(0.95).epsilon(1e-9));
    CHECK((row.low + row.high) / 2 == Approx(sum / n).epsilon(1e-12));
    ++checked;
  }
  CHECK(checked == 11);
}

TEST_CASE("the sign test counts exactly", "[paired]") {
  int checked = 0;
  for (std::int64_t n = 1; n <= 50; ++n) {
    for (std::int64_t k = 0; k <= n; ++k, ++checked) {
      CAPTURE(n, k);
      // n logarithms, each right to an epsilon of at most n ln 2.
      CHECK(sign_test(k, n - k) == Approx(counted_p(k, n - k)).epsilon(1e-12));
      CHECK(sign_test(k, n - k) == sign_test(n - k, k));
    }
  }
  CHECK(checked == 1325);
  CHECK(sign_test(5, 0) == Approx(0.0625));  // five layers cannot reach 5 %
  CHECK(sign_test(kLeastForSignTest, 0) == Approx(0.03125));
  CHECK(std::isnan(sign_test(0, 0)));
  // 2^-n is no double any more.
  CHECK(sign_test(1000, 1000) == 1);
  CHECK(sign_test(2000, 2100) == Approx(0.1220).epsilon(0.01));  // by the normal law, 1.5469 sd
  CHECK(sign_test(5000, 0) == 0);
}

TEST_CASE("exchanging A and B flips the signs", "[paired]") {
  const auto [a, b] = drawn_pairs(40, 7);
  const PairedRow there = paired_change(a, b);
  const PairedRow back = paired_change(b, a);
  // Sums in long double, rounded once: an epsilon or two of the largest term.
  CHECK(back.mean == Approx(-there.mean).epsilon(1e-14));
  CHECK(back.low == Approx(-there.high).epsilon(1e-14));
  CHECK(back.high == Approx(-there.low).epsilon(1e-14));
  CHECK(back.median == -there.median);
  CHECK(back.fell == there.rose);
  CHECK(back.rose == there.fell);
  CHECK(back.sign_p == there.sign_p);
}

TEST_CASE("the order of layers does not matter, to the last bit", "[paired]") {
  auto [a, b] = drawn_pairs(40, 8);
  const PairedRow first = paired_change(a, b);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    const std::size_t x = random() % a.size();
    const std::size_t y = random() % a.size();
    std::swap(a[x], a[y]);
    std::swap(b[x], b[y]);
    const PairedRow row = paired_change(a, b);
    CHECK(row.mean == first.mean);
    CHECK(row.low == first.low);
    CHECK(row.high == first.high);
    CHECK(row.median == first.median);
  }
}

TEST_CASE("values that are not finite leave their pair out, and are counted", "[paired]") {
  const double inf = std::numeric_limits<double>::infinity();
  const PairedRow row = paired_change(Values{1, kNan, 3, 4, 5}, Values{2, 3, kNan, inf, 7});
  CHECK(row.pairs == 2);
  CHECK(row.left_out == 3);
  CHECK(row.mean == 1.5);
  CHECK(row.rose == 2);
}

TEST_CASE("no layer has no mean, one layer no interval", "[paired]") {
  const PairedRow none = paired_change(Values{kNan}, Values{1});
  CHECK(none.pairs == 0);
  CHECK(std::isnan(none.mean));
  CHECK(std::isnan(none.low));
  CHECK(std::isnan(none.median));
  CHECK(std::isnan(none.sign_p));
  const PairedRow one = paired_change(Values{3}, Values{2});
  CHECK(one.mean == -1);
  CHECK(one.median == -1);
  CHECK(std::isnan(one.low));
  CHECK(std::isnan(one.high));
  CHECK(one.sign_p == 1);
  CHECK(error_of([] { (void)paired_change(Values{1}, Values{}); }) ==
        "70: paired_change needs two series of the same length. This is a bug in wishart");
}

TEST_CASE("equal values, and those that differ by rounding, are tied", "[paired]") {
  const PairedRow row = paired_change(Values{3, 4, 0, -2}, Values{3, 4 + 4e-10, 0, -2 - 1e-10});
  CHECK(row.tied == 4);
  CHECK(row.mean == 0);
  CHECK(row.low == 0);
  CHECK(row.high == 0);
  CHECK(std::isnan(row.sign_p));
  CHECK(paired_change(Values{3, 4}, Values{3 + 1e-8, 4}).rose == 1);
}

TEST_CASE("layers pair by key; what is in one, reshaped or without a fit stays out", "[paired]") {
  CheckpointRecord a = sample_checkpoint("a");  // a.mlp, b.attn, c.mlp
  add_layer(a, sample_layer("gone.mlp"));
  add_layer(a, sample_layer("e.mlp[1]"));
  CheckpointRecord b = sample_checkpoint("b");
  add_layer(b, sample_layer("e.mlp[1]"));
  add_layer(b, sample_layer("new.attn"));
  std::reverse(b.layers.begin(), b.layers.end());
  std::reverse(b.spectra.begin(), b.spectra.end());
  for (LayerRow& row : b.layers) row.alpha = 2.5, row.log_norm = 1.25;
  for (LayerRow& row : b.layers) {
    if (row.key == "b.attn") row.status = "failed", row.alpha = -1;  // WeightWatcher's alpha
    if (row.key == "c.mlp") row.rows = row.N = 16;
  }
  const std::vector<PairedRow> rows = compare(a, b).paired;
  const PairedRow& alpha = row_of(rows, "all", "alpha");
  CHECK(alpha.pairs == 2);  // a.mlp and e.mlp[1]
  CHECK(alpha.left_out == 4);
  CHECK(alpha.mean == -0.5);
  CHECK(row_of(rows, "mlp.up", "alpha").pairs == 2);
  CHECK(row_of(rows, "mlp.up", "alpha").left_out == 2);
  CHECK(row_of(rows, "attention.q", "alpha").pairs == 0);
  CHECK(row_of(rows, "attention.q", "alpha").left_out == 2);
  // A norm needs no fit.
  CHECK(row_of(rows, "all", "log_norm").pairs == 3);
  CHECK(row_of(rows, "all", "log_norm").mean == 0.25);
  for (const char* metric :
       {"D", "alpha_weighted", "log_spectral_norm", "stable_rank", "entropy", "matrix_rank"}) {
    CHECK(row_of(rows, "all", metric).pairs + row_of(rows, "all", metric).left_out == 6);
  }
  CHECK(rows.size() == 3 * 8);
  CHECK(rows.front().group_by == "all");
  CHECK(rows.back().group_by == "role");
}

TEST_CASE("two empty checkpoints have no change", "[paired]") {
  const std::vector<PairedRow> rows = compare({}, {}).paired;
  CHECK(rows.size() == 8);
  for (const PairedRow& row : rows) CHECK(row.pairs == 0);
}
