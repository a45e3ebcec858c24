#include <algorithm>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/metric.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::error_of;
using test::sample_layer;

TEST_CASE("a metric is a numeric column, unknown counts are NaN", "[metric]") {
  LayerRow row = sample_layer("a.mlp");
  CHECK(metric_value(row, "alpha") == 3);
  CHECK(metric_value(row, "matrix_rank") == 4);
  CHECK(metric_value(row, "has_esd") == 1);
  CHECK(std::isnan(metric_value(row, "num_spikes")));
  CHECK(metric_value(row, "failed") == 0);
  row.status = "failed";
  CHECK(metric_value(row, "failed") == 1);
  row.status = "no-tail";  // nothing failed
  CHECK(metric_value(row, "failed") == 0);
  row.warning = "small-tail;rank-collapse";
  CHECK(metric_value(row, "warning.rank-collapse") == 1);
  CHECK(metric_value(row, "warning.like-noise") == 0);
}

TEST_CASE("every name of a metric has a value, a text column is none", "[metric]") {
  const std::vector<std::string> names = metric_names();
  CHECK(names.size() > 80);
  for (const std::string& name : names) (void)metric_value(LayerRow{}, name);
  CHECK(std::count(names.begin(), names.end(), "role") == 0);
  CHECK(error_of([] { (void)metric_value(LayerRow{}, "alfa"); }) ==
        "2: unknown metric 'alfa'. Did you mean 'alpha'? It is a column of the layer table "
        "(docs/metrics.md)");
}

TEST_CASE("the error of alpha comes from its interval, else from the fit", "[metric]") {
  LayerRow row = sample_layer("a.mlp");
  CHECK(alpha_error(row) == 0.3);
  row.alpha_low = 2;
  row.alpha_high = 2 + 2 * 1.6448536269514722;  // 5 to 95 % of a normal distribution
  CHECK(alpha_error(row) == Approx(1).epsilon(1e-15));
  row.alpha_high = 2;  // an interval without width says nothing
  CHECK(alpha_error(row) == 0.3);
  CHECK(std::isnan(alpha_error(LayerRow{})));
}

TEST_CASE("means and medians leave out what is not finite", "[metric]") {
  const std::vector<double> values{1, kNan, 3, std::numeric_limits<double>::infinity(), 8};
  const Mean mean = mean_of(values);
  CHECK(mean.count == 3);
  CHECK(mean.value == 4);
  CHECK(mean.error == Approx(std::sqrt(13.0 / 3)).epsilon(1e-15));  // sd^2 = (9 + 1 + 16) / 2
  CHECK(median_of(values) == 3);
  CHECK(median_of({4, 1}) == 2.5);
  CHECK(std::isnan(median_of({})));
  CHECK(std::isnan(mean_of({kNan}).value));
  CHECK(std::isnan(mean_of({2}).error));
}

TEST_CASE("a percentile is a metric", "[metric]") {
  LayerRow row = sample_layer("a.attn");
  row.M = 4096;
  row.N = 4096;
  row.xmax = row.lambda_max = 16;
  const double percentile = metric_value(row, "alpha_percentile");
  CHECK(percentile > 20);
  CHECK(percentile < 30);
  CHECK(std::isfinite(metric_value(row, "stable_rank_percentile")));
  row.role = "conv";
  CHECK(std::isnan(metric_value(row, "alpha_percentile")));
  CHECK(error_of([&] { (void)metric_value(row, "alfa_percentile"); }) ==
        "2: unknown metric 'alfa_percentile'. Did you mean 'alpha_percentile'? It is a column of "
        "the layer table (docs/metrics.md)");
}
