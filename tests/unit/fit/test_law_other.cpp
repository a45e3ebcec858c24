/// @file
/// The other laws: their maximum likelihood, and which can be distinguished.

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/fit/laws.hpp"

#include "unit/fit/draw.hpp"

using namespace wishart::fit;
using wishart::test::Draw;
using wishart::test::sorted_sample;

namespace {

/// The 19 values of WeightWatcher's reference G2 from xmin on are needed; the matrix is there.
double g2_element(int i, int j) {
  return std::sin(0.37 * i * j) + 0.5 * std::cos(0.11 * i * i + j);
}

/// Sum of log densities by the formulas of docs/metrics-methods.md, normalised by Simpson's rule on
/// a fine grid in ln x: slow and independent of the code under test.
template <class F>
double log_likelihood(const std::vector<double>& tail, F&& log_density) {
  const double low = std::log(tail.front());
  const double high = low + 60;
  const int steps = 200'000;
  const double h = (high - low) / steps;
  double z = 0;
  for (int i = 0; i <= steps; ++i) {
    const double x = std::exp(low + i * h);
    const double weight = i == 0 || i == steps ? 1 : (i % 2 == 1 ? 4 : 2);
    z += weight * std::exp(log_density(x) + std::log(x)) * h / 3;
  }
  double sum = 0;
  for (const double x : tail) sum += log_density(x) - std::log(z);
  return sum;
}

double power_law_likelihood(const std::vector<double>& tail) {
  double sum = 0;
  for (const double x : tail) sum += std::log(x / tail.front());
  const double alpha = 1 + static_cast<double>(tail.size()) / sum;
  return log_likelihood(tail, [&](double x) { return -alpha * std::log(x); });
}

std::vector<double> truncated_sample(std::int64_t n, double alpha, double lambda, Draw& draw) {
  return sorted_sample(n, [&] {
    while (true) {  // rejection from the power law
      const double x = draw.power_law(alpha);
      if (draw.uniform() < std::exp(-lambda * (x - 1))) return x;
    }
  });
}

}  // namespace

TEST_CASE("the likelihood of each fit agrees with its parameters, and is a maximum", "[laws]") {
  Draw draw(1);
  const std::vector<double> x = truncated_sample(300, 1.8, 0.3, draw);
  const double base = power_law_likelihood(x);
  const TailLaws laws = fit_laws(x);
  const auto truncated = [&](double alpha, double lambda) {
    return log_likelihood(x, [&](double v) { return -alpha * std::log(v) - lambda * v; });
  };
  const auto lognormal = [&](double mu, double sigma) {
    return log_likelihood(
        x, [&](double v) { return -std::log(v) - std::pow((std::log(v) - mu) / sigma, 2) / 2; });
  };
  const auto stretched = [&](double lambda, double beta) {
    return log_likelihood(
        x, [&](double v) { return (beta - 1) * std::log(v) - std::pow(lambda * v, beta); });
  };
  const auto exponential = [&](double lambda) {
    return log_likelihood(x, [&](double v) { return -lambda * v; });
  };
  // Simpson's rule with 200000 steps is good to 1e-9 for each of the 300 values.
  const double margin = 1e-6;
  CHECK(laws.truncated.log_likelihood_gain ==
        Approx(truncated(laws.truncated.shape, laws.truncated.rate) - base).margin(margin));
  CHECK(laws.lognormal.log_likelihood_gain ==
        Approx(lognormal(laws.lognormal.rate, laws.lognormal.shape) - base).margin(margin));
  CHECK(laws.stretched.log_likelihood_gain ==
        Approx(stretched(laws.stretched.rate, laws.stretched.shape) - base).margin(margin));
  CHECK(laws.exponential.log_likelihood_gain ==
        Approx(exponential(laws.exponential.rate) - base).margin(margin));
  for (const double away : {0.97, 1.03}) {
    const double gain = laws.truncated.log_likelihood_gain + base;
    CHECK(truncated(laws.truncated.shape * away, laws.truncated.rate) < gain);
    CHECK(truncated(laws.truncated.shape, laws.truncated.rate * away) < gain);
    CHECK(lognormal(laws.lognormal.rate + (away - 1), laws.lognormal.shape) <
          laws.lognormal.log_likelihood_gain + base);
    CHECK(lognormal(laws.lognormal.rate, laws.lognormal.shape * away) <
          laws.lognormal.log_likelihood_gain + base);
    CHECK(stretched(laws.stretched.rate, laws.stretched.shape * away) <
          laws.stretched.log_likelihood_gain + base);
    CHECK(exponential(laws.exponential.rate * away) < laws.exponential.log_likelihood_gain + base);
  }
}

TEST_CASE("parameters are recovered from samples of each law", "[laws]") {
  Draw draw(2);
  const std::int64_t n = 20'000;
  const TailLaws truncated = fit_laws(truncated_sample(n, 2, 0.1, draw));
  // Alpha and lambda are correlated: their errors were measured as 0.02 and 0.004; five of them.
  CHECK(truncated.truncated.shape == Approx(2).margin(0.1));
  CHECK(truncated.truncated.rate == Approx(0.1).margin(0.02));
  CHECK(truncated.best == Law::truncated);

  const TailLaws exponential =
      fit_laws(sorted_sample(n, [&] { return 2 + draw.exponential() / 3; }));
  CHECK(exponential.exponential.rate == Approx(3).margin(5 * 3 / std::sqrt(n)));
  CHECK(exponential.stretched.shape == Approx(1).margin(0.1));
  CHECK(exponential.exponential.p < 1e-6);
  CHECK(exponential.exponential.R < 0);

  const TailLaws lognormal = fit_laws(sorted_sample(n, [&] {
    while (true) {
      const double x = std::exp(0.5 + draw.normal());
      if (x > 1) return x;
    }
  }));
  CHECK(lognormal.lognormal.rate == Approx(0.5).margin(0.15));
  CHECK(lognormal.lognormal.shape == Approx(1).margin(0.07));
  CHECK(lognormal.best == Law::lognormal);

  // (lambda x)^beta = exponential beyond xmin = 1, with lambda = 0.5, beta = 0.7.
  const TailLaws stretched = fit_laws(sorted_sample(
      n, [&] { return std::pow(std::pow(0.5, 0.7) + draw.exponential(), 1 / 0.7) / 0.5; }));
  CHECK(stretched.stretched.shape == Approx(0.7).margin(0.05));
  CHECK(stretched.stretched.rate == Approx(0.5).margin(0.1));
}

TEST_CASE("a power law is called a power law", "[laws]") {
  int other = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Draw draw(seed);
    const TailLaws laws = fit_laws(sorted_sample(200, [&] { return draw.power_law(2.5); }));
    other += laws.best == Law::power_law ? 0 : 1;
    for (const LawFit& fit : {laws.truncated, laws.exponential, laws.stretched, laws.lognormal}) {
      CHECK((fit.p >= 0 && fit.p <= 1));
      CHECK(std::isfinite(fit.D));
    }
  }
  // Three tests of one kind at 5 %, two-sided: a few. More than 8 of 40 have a probability of 0.1
  // %.
  CHECK(other <= 8);
}

TEST_CASE("a tail heavier than every power law gives the power law itself", "[laws]") {
  // ln x is Pareto itself.
  Draw draw(5);
  const TailLaws laws =
      fit_laws(sorted_sample(500, [&] { return std::exp(draw.power_law(2.5) - 1); }));
  // With alpha below 2, a cut-off far beyond the data always improves the likelihood a little.
  CHECK(laws.truncated.rate < 1e-9 / std::exp(laws.truncated.shape));
  CHECK(laws.truncated.p > 0.99);
  CHECK(laws.stretched.shape == 0);
  CHECK(laws.lognormal.shape == std::numeric_limits<double>::infinity());
  CHECK(laws.best == Law::power_law);
}

TEST_CASE("scaling the values scales the rates and changes no comparison", "[laws]") {
  Draw draw(6);
  std::vector<double> x = truncated_sample(200, 2, 0.2, draw);
  const TailLaws before = fit_laws(x);
  for (double& value : x) value *= 1000;
  const TailLaws after = fit_laws(x);
  // Each value rounds differently, by 1e-16; the maximum is found to ten digits all the same.
  CHECK(after.truncated.shape == Approx(before.truncated.shape).epsilon(1e-10));
  CHECK(after.truncated.rate == Approx(before.truncated.rate / 1000).epsilon(1e-10));
  CHECK(after.exponential.rate == Approx(before.exponential.rate / 1000).epsilon(1e-10));
  CHECK(after.lognormal.rate == Approx(before.lognormal.rate + std::log(1000)).epsilon(1e-10));
  CHECK(after.stretched.shape == Approx(before.stretched.shape).epsilon(1e-10));
  CHECK(after.stretched.rate == Approx(before.stretched.rate / 1000).epsilon(1e-10));
  CHECK(after.lognormal.R == Approx(before.lognormal.R).epsilon(1e-10));
  CHECK(after.stretched.p == Approx(before.stretched.p).epsilon(1e-10));
}

TEST_CASE("law names are those of the table", "[laws]") {
  CHECK(law_name(Law::power_law) == "power_law");
  CHECK(law_name(Law::lognormal) == "lognormal");
}

extern "C" void dsyev_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda,
                       double* w, double* work, const int* lwork, int* info);

TEST_CASE("likelihood ratios are those of WeightWatcher's comparison", "[laws]") {
  // Reference G2: its matrix, its tail of 19 eigenvalues.
  std::vector<double> gram(64 * 64);
  for (int i = 1; i <= 96; ++i) {
    for (std::size_t a = 0; a < 64; ++a) {
      for (std::size_t b = 0; b < 64; ++b) {
        gram[a * 64 + b] +=
            g2_element(i, static_cast<int>(a) + 1) * g2_element(i, static_cast<int>(b) + 1);
      }
    }
  }
  const int n = 64;
  std::vector<double> lambda(64);
  std::vector<double> work(64 * 40);
  const int size = static_cast<int>(work.size());
  int info = 0;
  dsyev_("N", "U", &n, gram.data(), &n, lambda.data(), work.data(), &size, &info);
  REQUIRE(info == 0);
  const std::vector<double> tail(lambda.end() - 19, lambda.end());
  REQUIRE(tail.front() == Approx(86.9064733077052).epsilon(1e-10));
  const TailLaws laws = fit_laws(tail);
  // Its fits stop at Nelder and Mead's tolerance of 1e-4, not quite at the maximum. The effect is
  // largest in p of the exponential.
  CHECK(laws.lognormal.R == Approx(-1.242254700).epsilon(1e-3));
  CHECK(laws.lognormal.p == Approx(0.214142603).epsilon(1e-3));
  CHECK(laws.exponential.R == Approx(-1.527576231).epsilon(1e-3));
  CHECK(laws.exponential.p == Approx(0.126617787).epsilon(4e-3));
  CHECK(laws.stretched.R == Approx(-1.389011676).epsilon(1e-3));
  CHECK(laws.stretched.p == Approx(0.164829199).epsilon(1e-3));
  CHECK(laws.truncated.R < 0);
}
