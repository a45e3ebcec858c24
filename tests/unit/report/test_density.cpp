/// @file
/// The drawn densities of eigenvalues: that they are densities, of which layers, and what a drawing
/// shows.

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/fit/null_model.hpp"
#include "wishart/report/report.hpp"

#include "figure/density.hpp"
#include "figure/density_figures.hpp"
#include "page/html.hpp"
#include "rendered.hpp"
#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// A layer that has a spectrum, without a bulk.
LayerRow fitted(const std::string& key, double alpha, const std::string& warning = "") {
  LayerRow row = layer(key, alpha, warning);
  row.has_esd = true;
  row.lambda_max = 100;
  row.xmin = 1;
  row.xmax = 100;
  return row;
}

/// Singular values whose squares follow lambda^-alpha from 1 on: the quantiles in the middle of
/// each of `n` equal shares.
std::vector<double> power_law(double alpha, int n) {
  std::vector<double> sigma;
  for (int i = 0; i < n; ++i) {
    sigma.push_back(std::pow(1 - (i + 0.5) / n, -0.5 / (alpha - 1)));
  }
  return sigma;
}

/// The integral of a curve of logarithms: the trapezoid rule over the logarithm of the value.
double integral(const std::vector<Point>& points) {
  double sum = 0;
  for (std::size_t k = 0; k + 1 < points.size(); ++k) {
    const auto height = [&](const Point& point) { return std::pow(10.0, point.x + point.y); };
    sum += (points[k + 1].x - points[k].x) * (height(points[k]) + height(points[k + 1])) / 2;
  }
  return sum * std::log(10.0);
}

double integral(const Histogram& bins) {
  double sum = 0;
  for (std::size_t k = 0; k < bins.density.size(); ++k) {
    const double left = bins.first + static_cast<double>(k) * bins.step;
    sum +=
        std::pow(10.0, bins.density[k]) * (std::pow(10.0, left + bins.step) - std::pow(10.0, left));
  }
  return sum;
}

std::vector<std::string> keys(const std::vector<LayerRow>& layers, std::size_t most) {
  std::vector<std::string> found;
  for (const std::size_t i : layers_to_draw(layers, most)) found.push_back(layers.at(i).key);
  return found;
}

}  // namespace

TEST_CASE("a histogram holds the share of the eigenvalues that it draws", "[density]") {
  const Histogram all = histogram_of(power_law(3, 500), 0);
  CHECK(all.left_out == 0);
  CHECK(all.density.size() == 16);  // 2 * 500^(1/3), rounded up
  CHECK(integral(all) == Approx(1));
  // 100 zeros, 100 below the floor, 200 above it.
  std::vector<double> sigma(100, 0);
  sigma.resize(200, 1e-3);
  for (int i = 0; i < 200; ++i) sigma.push_back(1 + 0.01 * i);
  const Histogram half = histogram_of(sigma, 1e-5);
  CHECK(half.left_out == 200);
  CHECK(half.least == Approx(-5));
  CHECK(half.first == Approx(0).margin(1e-12));
  CHECK(integral(half) == Approx(0.5));
  // Without a floor those more than kMostDecades below the largest are left out.
  CHECK(histogram_of({1e-5, 1, 1}, kNan).left_out == 1);
  CHECK(histogram_of({1e-3, 1, 1}, kNan).left_out == 0);
}

TEST_CASE("a histogram has finite numbers or no bins, whatever the values", "[density]") {
  const double nan = kNan;
  const double inf = -kNone;
  for (const std::vector<double>& sigma : std::vector<std::vector<double>>{
           {}, {0}, {0, 0}, {nan}, {inf}, {1, inf}, {inf, 1}, {nan, 1}, {3, 1}}) {
    const Histogram bins = histogram_of(sigma, 0);
    for (const double density : bins.density) CHECK_FALSE(std::isnan(density));
    CHECK(std::isfinite(bins.first));
  }
  for (const double scale : {1e-150, 1e-300, 1e150, 1e300}) {
    const Histogram bins = histogram_of({scale, 2 * scale, 3 * scale}, 0);
    CAPTURE(scale);
    CHECK(bins.density.size() == 8);
    CHECK(bins.first == Approx(2 * std::log10(scale)));
    CHECK(std::isfinite(bins.density.front()));
  }
  CHECK(integral(histogram_of({2, 2, 2}, 0)) == Approx(1));  // all equal
}

TEST_CASE("a drawn tail lies on the histogram of a power law", "[density]") {
  LayerRow row = fitted("a", 2.5);
  // A tenth of the values below it: the tail holds the rest.
  std::vector<double> sigma = power_law(2.5, 9000);
  sigma.insert(sigma.begin(), 1000, 0.5);
  row.xmax = sigma.back() * sigma.back();
  const std::vector<Point> tail = tail_of(row, sigma);
  REQUIRE(tail.size() > 2);
  CHECK(tail.front().x == Approx(0).margin(1e-12));
  CHECK(tail.front().y == Approx(std::log10(0.9 * 1.5)));
  for (const Point& point : tail) CHECK(point.y == Approx(tail.front().y - 2.5 * point.x));
  // The bins beside it: within what the law changes over a bin, alpha times its width.
  const Histogram bins = histogram_of(sigma, 0.3);
  int compared = 0;
  for (std::size_t k = 0; k < bins.density.size(); ++k) {
    const double middle = bins.first + (static_cast<double>(k) + 0.5) * bins.step;
    if (middle - bins.step / 2 < 0 || middle > 2) continue;  // further out a bin has few values
    ++compared;
    CHECK(std::abs(bins.density[k] - (tail.front().y - 2.5 * middle)) < 2.5 * bins.step / 2);
  }
  CHECK(compared > 5);
}

TEST_CASE("a tail without eigenvalues is not drawn", "[density]") {
  LayerRow row = fitted("a", 2.5);
  const std::vector<double> sigma = power_law(2.5, 100);
  row.xmax = row.xmin;
  CHECK(tail_of(row, sigma).empty());
  row.xmin = 4 * sigma.back() * sigma.back();
  row.xmax = 2 * row.xmin;
  CHECK(tail_of(row, sigma).empty());
}

TEST_CASE("a truncated tail holds the share that it was fitted to", "[density]") {
  const std::vector<double> sigma = power_law(2, 100);
  for (const double lambda : {0.01, 0.3, 5.0}) {
    for (const double alpha : {0.5, 1.0, 2.5}) {
      LayerRow row = fitted("a", alpha);
      row.Lambda = lambda;
      row.xmax = 1e4;
      CAPTURE(lambda, alpha);
      // 64 cosine-spaced panels over four decades of x, each at most 0.2 wide in ln x over which a
      // term decays by at most e^-1: 0.2^2 / 12 of the integral.
      CHECK(integral(tail_of(row, sigma)) == Approx(1).epsilon(0.02));
    }
  }
  LayerRow none = fitted("a", 0.9);  // no density without the cut
  CHECK(tail_of(none, sigma).empty());
  none = fitted("a", 3);
  none.status = "failed";
  CHECK(tail_of(none, sigma).empty());
  CHECK(tail_of(layer("a"), sigma).empty());  // no xmin: an old archive
}

TEST_CASE("the drawn bulk is that of Marchenko and Pastur between its ends", "[density]") {
  for (const double aspect : {0.01, 0.25, 0.9, 1.0}) {
    // Elements of variance 2, long side 300.
    const double s = std::sqrt(aspect);
    const double scale = 2 * 300;
    Bulk bulk{scale * (1 - s) * (1 - s), scale * (1 + s) * (1 + s), 0.75, ""};
    CAPTURE(aspect);
    const std::vector<Point> whole = curve_of(bulk, -8);
    // A trapezoid rule of cosine-spaced points: of a density that goes to its ends as a root.
    CHECK(integral(whole) == Approx(0.75).epsilon(0.01));
    const double middle = std::log10(scale * (1 + aspect));
    const double share = 1 - fit::marchenko_pastur_cdf(1 + aspect, aspect);
    CHECK(integral(curve_of(bulk, middle)) == Approx(0.75 * share).epsilon(0.01));
    CHECK(curve_of(bulk, std::log10(bulk.high)).empty());
  }
  CHECK(curve_of({kNan, 1, 1, ""}, -8).empty());
  CHECK(curve_of({0, kNan, 1, ""}, -8).empty());
}

TEST_CASE("the bulk without spikes is drawn, else that of independent elements", "[density]") {
  LayerRow row = fitted("a", 3);
  row.N = 400;
  row.M = 100;
  row.num_evals = 100;
  row.null_edge = 9;
  CHECK(bulk_of(row).low == Approx(1));  // ((20 - 10) / (20 + 10))^2 of the upper end
  CHECK(bulk_of(row).share == 1);
  CHECK(bulk_of(row).name == "Marchenko-Pastur bulk of independent elements up to 9");
  row.bulk_min = 0.5;
  row.bulk_max = 4.5;
  row.num_spikes = 10;
  CHECK(bulk_of(row).low == 0.5);
  CHECK(bulk_of(row).high == 4.5);
  CHECK(bulk_of(row).share == Approx(0.9));
  CHECK(bulk_of(row).name == "Marchenko-Pastur bulk up to 4.5, 10 above it");
  row.mp_at_bound = true;
  CHECK(bulk_of(row).high == 9);
}

TEST_CASE("the worst of each warning are drawn first, then those with the smallest alpha",
          "[density]") {
  LayerRow broken = fitted("broken", kNan, "error");
  broken.status = "error";
  broken.has_esd = false;
  LayerRow failed = fitted("failed", -1, "fit-failed");
  failed.status = "failed";
  LayerRow zero = fitted("zero", kNan, "fit-failed;rank-collapse");
  zero.status = "failed";
  zero.lambda_max = 0;
  const std::vector<LayerRow> layers{fitted("good", 4),
                                     fitted("better", 3),
                                     broken,
                                     zero,
                                     fitted("noise-1", 4.5, "like-noise"),
                                     fitted("unusual-1", 7, "unusual"),
                                     fitted("noise-2", 4.2, "like-noise"),
                                     fitted("unusual-2", 9, "small-tail;unusual"),
                                     failed};
  // "zero" comes before "failed" among the failed fits, and has nothing to draw.
  const std::vector<std::string> all{"noise-1",   "unusual-1", "failed", "noise-2",
                                     "unusual-2", "better",    "good"};
  CHECK(keys(layers, 100) == all);
  for (std::size_t most = 0; most <= all.size(); ++most) {
    CHECK(keys(layers, most) ==
          std::vector<std::string>(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most)));
  }
  CHECK(layers_to_draw({}, 12).empty());
}

TEST_CASE("a drawing shows bins, tail, xmin and bulk, of each spectrum that is there",
          "[density]") {
  LayerRow both = fitted("both", 2.5, "unusual");
  both.null_edge = 9;
  LayerRow unfitted = fitted("unfitted", kNan, "fit-failed");
  unfitted.status = "failed";
  unfitted.null_edge = 9;
  CheckpointRecord record = record_of({both, unfitted, fitted("not drawn", 3)});
  record.spectra[0].sigma = power_law(2.5, 50'000);
  record.spectra[1].sigma = power_law(2.5, 100);
  record.spectra[2].sigma.clear();
  std::vector<std::string> figures;
  for (const Figure& figure : density_figures(record)) figures.push_back(html_figure(figure));
  REQUIRE(figures.size() == 2);
  const std::string& first = figures[1].find("both") == std::string::npos ? figures[0] : figures[1];
  const std::string& second = &first == &figures[0] ? figures[1] : figures[0];
  CHECK(first.find("<figcaption>both: unusual<") != std::string::npos);
  CHECK(count(first, "<polygon class=\"s0\"") == 1);
  CHECK(count(first, "<polyline class=\"s1\"") == 1);
  CHECK(count(first, "<polyline class=\"s2\"") == 1);
  CHECK(count(first, "class=\"mark\"") == 1);
  CHECK(first.find("50000 eigenvalues<") != std::string::npos);
  CHECK(first.find("power law, alpha 2.5 above 1<") != std::string::npos);
  CHECK(first.find("independent elements up to 9<") != std::string::npos);
  CHECK(first.size() < 8000);  // 60 bins, not 50000 values
  CHECK(count(second, "<polyline class=\"s1\"") == 0);
  CHECK(second.find("no power law<") != std::string::npos);
  CHECK(count(second, "class=\"mark\"") == 0);
  CHECK(count(second, "<polyline class=\"s2\"") == 1);
  for (const std::string& figure : figures) {
    CHECK(figure.find("nan") == std::string::npos);
    CHECK(figure.find("inf") == std::string::npos);
  }
  record.spectra.clear();
  CHECK(density_figures(record).empty());
  CHECK(render_report(record, ReportFormat::html).find("id=\"sec-eigenvalues\"") ==
        std::string::npos);
}

TEST_CASE("a logarithmic axis tells the numbers themselves", "[density]") {
  const Axis decades = log_axis("x", -3.5, 2.2);
  REQUIRE(decades.ticks.size() == 6);
  CHECK(decades.ticks.front().at == -3);
  CHECK(decades.ticks.front().text == "0.001");
  CHECK(decades.ticks.back().text == "100");
  const Axis two = log_axis("x", -0.5, 1.5);
  REQUIRE(two.ticks.size() == 6);
  CHECK(two.ticks[0].text == "0.5");
  CHECK(two.ticks[5].text == "20");
  const Axis narrow = log_axis("x", 0.2, 0.5);
  REQUIRE(narrow.ticks.size() > 2);
  for (const Tick& tick : narrow.ticks) {
    CHECK(std::pow(10.0, tick.at) == Approx(std::stod(tick.text)));
  }
  for (const double at : {-600.0, -300.0, 300.0, 600.0}) {
    for (const double length : {0.1, 8.0, 200.0}) {
      for (const Tick& tick : log_axis("x", at, at + length).ticks) {
        CHECK(std::isfinite(tick.at));
        CHECK(at <= tick.at);
      }
      CHECK(log_axis("x", at, at + length).ticks.size() < 22);
    }
  }
}
