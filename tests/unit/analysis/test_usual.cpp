#include <cmath>

#include <catch2/catch.hpp>

#include "wishart/analysis/usual.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using test::sample_layer;

namespace {

/// A fitted layer of 4096 x 2048 with the median alpha, D and stable rank of its kind.
LayerRow value_projection() {
  LayerRow row = sample_layer("model.layers.0.self_attn.v_proj.weight");
  row.role = "attention.v";
  row.N = 4096;
  row.M = 2048;
  row.alpha = 6.745;
  row.D = usual_value(row.role, row.M, UsualMetric::distance, 50);
  row.stable_rank = 2048 * usual_value(row.role, row.M, UsualMetric::stable_rank_share, 50);
  row.xmax = row.lambda_max = 16;
  return row;
}

/// The percentile of a value among layers of a role whose shorter side is `side`.
double usual_percentile(std::string_view role, std::int64_t side, UsualMetric metric,
                        double value) {
  LayerRow row = value_projection();
  row.role = role;
  row.M = side;
  if (metric == UsualMetric::alpha) row.alpha = value;
  if (metric == UsualMetric::distance) row.D = value;
  if (metric == UsualMetric::stable_rank_share) {
    row.stable_rank = value * static_cast<double>(side);
  }
  if (metric == UsualMetric::log_norm) row.log_norm = value;
  if (metric == UsualMetric::log_spectral_norm) row.log_spectral_norm = value;
  const Usual usual = usual_of(row);
  if (metric == UsualMetric::alpha) return usual.alpha;
  if (metric == UsualMetric::distance) return usual.D;
  if (metric == UsualMetric::stable_rank_share) return usual.stable_rank;
  return metric == UsualMetric::log_norm ? usual.log_norm : usual.log_spectral_norm;
}

}  // namespace

TEST_CASE("a layer is compared with those of its role and size", "[usual]") {
  const LayerRow row = value_projection();
  const Usual usual = usual_of(row);
  REQUIRE(usual.status == UsualStatus::known);
  CHECK(usual.group.from_side == 1025);
  CHECK(usual.group.to_side == 2048);
  CHECK(usual.group.matrices == 13374);
  CHECK(usual.alpha == Approx(50));
  CHECK(usual.D == Approx(50));
  CHECK(usual.stable_rank == Approx(50));
  CHECK(group_text(usual.group) == "value projections of 1025 to 2048");
  CHECK(usual_text("alpha", row.alpha, usual.alpha, usual) ==
        "alpha 6.75: median of value projections of 1025 to 2048");
  CHECK(why_unknown(usual, row).empty());
  // The shorter side decides, and a class begins where the one before ends.
  LayerRow smaller = row;
  smaller.M = 1024;
  CHECK(usual_of(smaller).group.to_side == 1024);
  smaller.M = 1025;
  CHECK(usual_of(smaller).group.to_side == 2048);
}

TEST_CASE("percentiles are interpolated linearly", "[usual]") {
  const auto at = [](double alpha) {
    return usual_percentile("attention.v", 2048, UsualMetric::alpha, alpha);
  };
  CHECK(at(6.745) == Approx(50));
  CHECK(at(8.688) == Approx(75));
  CHECK(at((6.745 + 8.688) / 2) == Approx(62.5));
  CHECK(at(2.073) == 1);
  CHECK(at(0) == 1);
  CHECK(at(1e9) == 99);
  CHECK(std::isnan(at(kNan)));
  CHECK(std::isnan(at(std::numeric_limits<double>::infinity())));
  CHECK(std::isnan(usual_percentile("conv", 2048, UsualMetric::alpha, 3)));
  CHECK(std::isnan(usual_value("attention.v", 9000, UsualMetric::alpha, 50)));
}

TEST_CASE("value and percentile are inverse to each other, in every class", "[usual]") {
  int compared = 0;
  for (const char* role : {"attention.q", "attention.k", "attention.v", "attention.o",
                           "attention.qkv", "mlp.gate", "mlp.up", "mlp.down", "expert.up"}) {
    for (const std::int64_t side : {192, 512, 1024, 2048, 3072, 4096, 5120, 8192}) {
      for (const UsualMetric metric :
           {UsualMetric::alpha, UsualMetric::distance, UsualMetric::stable_rank_share,
            UsualMetric::log_norm, UsualMetric::log_spectral_norm}) {
        double before = -std::numeric_limits<double>::infinity();
        for (double p = 1; p <= 99; p += 0.5) {
          const double value = usual_value(role, side, metric, p);
          if (std::isnan(value)) break;
          CHECK(value >= before);
          // Where the table repeats a number, its percentile is the middle of several.
          if (value > before) {
            const double back = usual_percentile(role, side, metric, value);
            CHECK(std::abs(back - p) < 16);
            ++compared;
          }
          before = value;
        }
      }
    }
  }
  CHECK(compared > 40'000);
  for (const double p : {1., 5., 20., 50., 74., 99.}) {
    const double value = usual_value("mlp.up", 4096, UsualMetric::alpha, p);
    CHECK(usual_percentile("mlp.up", 4096, UsualMetric::alpha, value) == Approx(p));
  }
}

TEST_CASE("small sides have their own levels for alpha and D", "[usual]") {
  const double median = usual_value("attention.k", 256, UsualMetric::alpha, 51.7);
  CHECK(median == Approx(4.95));  // the table's median
  CHECK(usual_percentile("attention.k", 200, UsualMetric::alpha, 4.95) == Approx(51.7));
  CHECK(usual_percentile("attention.k", 200, UsualMetric::stable_rank_share, 0.1904) == Approx(50));
  CHECK(usual_percentile("attention.k", 512, UsualMetric::alpha, 6.22) == Approx(50));
}

TEST_CASE("a layer that cannot be compared says why", "[usual]") {
  LayerRow row = value_projection();
  row.role = "conv";
  CHECK(usual_of(row).status == UsualStatus::unknown_role);
  CHECK(why_unknown(usual_of(row), row) == "no reference values for the role conv");
  row.role = "other";  // of the tables that is something else
  CHECK(usual_of(row).status == UsualStatus::unknown_role);
  row.role = "shared_expert.up";
  CHECK(usual_of(row).status == UsualStatus::unknown_role);
  row = value_projection();
  row.M = 32;
  CHECK(usual_of(row).status == UsualStatus::unknown_size);
  CHECK(why_unknown(usual_of(row), row) ==
        "no reference values for value projections with a shorter side of 32");
  row = value_projection();
  row.weights.base_norm = 3;
  CHECK(usual_of(row).status == UsualStatus::of_difference);
  CHECK(std::isnan(usual_of(row).alpha));
  row = value_projection();
  row.dtype = "LoRA of rank 16 in BF16";
  CHECK(usual_of(row).status == UsualStatus::of_adapter);
  row = value_projection();
  row.has_esd = false;
  CHECK(usual_of(row).status == UsualStatus::no_spectrum);
  for (const UsualStatus status :
       {UsualStatus::known, UsualStatus::no_spectrum, UsualStatus::unknown_role,
        UsualStatus::unknown_size, UsualStatus::of_difference, UsualStatus::of_adapter}) {
    CHECK(status_name(status).size() > 3);
  }
}

TEST_CASE("an alpha from a fit with other options has no percentile, norms do", "[usual]") {
  const auto without_alpha = [](const LayerRow& row) {
    const Usual usual = usual_of(row);
    CHECK(usual.status == UsualStatus::known);
    CHECK(std::isfinite(usual.stable_rank));
    CHECK(std::isfinite(usual.log_norm));
    return std::isnan(usual.alpha) && std::isnan(usual.D);
  };
  LayerRow row = value_projection();
  CHECK_FALSE(without_alpha(row));
  row.xmax = 9;  // --xmax
  CHECK(without_alpha(row));
  row = value_projection();
  row.raw_alpha = 7;  // --fix-fingers
  CHECK(without_alpha(row));
  row = value_projection();
  row.Lambda = 0.1;  // --fit TPL
  CHECK(without_alpha(row));
  row = value_projection();
  row.status = "failed";
  row.alpha = -1;  // as WeightWatcher
  CHECK(without_alpha(row));
  row = value_projection();
  row.status = "no-tail";
  row.alpha = kNan;
  CHECK(without_alpha(row));
}

TEST_CASE("a percentile in words is rounded towards the middle", "[usual]") {
  CHECK(percentile_text(50) == "median");
  CHECK(percentile_text(45) == "median");
  CHECK(percentile_text(55.1) == "above 55 %");
  CHECK(percentile_text(83.9) == "above 83 %");
  CHECK(percentile_text(99) == "above 99 %");
  CHECK(percentile_text(1) == "below 99 %");
  CHECK(percentile_text(44.9) == "below 55 %");
  CHECK(percentile_text(kNan).empty());
  CHECK(usual_text("alpha", 3, kNan, Usual{}) == "alpha 3");
}

TEST_CASE("the columns of a layer are its percentiles", "[usual]") {
  const UsualColumns columns = usual_columns(value_projection());
  CHECK(columns.alpha_percentile == Approx(50));
  CHECK(columns.usual_status == "known");
  CHECK(columns.usual_group == "value projections of 1025 to 2048");
  LayerRow row = value_projection();
  row.role = "conv";
  const UsualColumns none = usual_columns(row);
  CHECK(std::isnan(none.alpha_percentile));
  CHECK(none.usual_status == "unknown-role");
  CHECK(none.usual_group.empty());
}

TEST_CASE("layers are grouped; those without reference values by the reason", "[usual]") {
  LayerRow conv = value_projection();
  conv.role = "conv";
  LayerRow low = value_projection();
  low.alpha = 2.1;
  LayerRow middle = value_projection();
  middle.alpha = 7;
  LayerRow up = value_projection();
  up.role = "mlp.up";
  up.status = "no-tail";
  up.alpha = kNan;
  const std::vector<UsualRow> table =
      usual_table({conv, value_projection(), low, conv, middle, up});
  REQUIRE(table.size() == 3);
  CHECK(table[0].group == "value projections of 1025 to 2048");
  CHECK(table[0].layers == 3);
  CHECK(table[0].with_alpha == 3);
  CHECK(table[1].with_alpha == 0);
  CHECK(table[0].alpha == Approx(6.745));
  CHECK(table[0].alpha_percentile == Approx(50));
  CHECK(table[0].low == 1);
  CHECK(table[0].high == 0);
  CHECK(table[0].text == "alpha 6.75: median of value projections of 1025 to 2048");
  CHECK(table[1].text == "no alpha: up projections of 1025 to 2048");
  CHECK(table[1].stable_rank > 0);
  CHECK(table[2].text == "no reference values for the role conv");
  CHECK(table[2].reason == table[2].text);
  CHECK(table[2].layers == 2);
  CHECK(usual_table({}).empty());
  CHECK(population_models() == 12349);
}
