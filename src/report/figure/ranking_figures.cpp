#include <algorithm>
#include <utility>

#include "wishart/analysis/population.hpp"

#include "figure/charts.hpp"
#include "figure/interval_rows.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostModels = 60;
constexpr double kNormal95 = 1.96;  ///< standard errors of a 95 % interval, for many layers

Interval interval_of(const analysis::Rho& rho, std::size_t series, const std::string& about) {
  return {rho.value, rho.low, rho.high, series, about};
}

/// Correlations, with what they are worth at 0.
std::vector<Figure> rows_of_rho(Figure figure, const std::vector<IntervalRow>& rows) {
  figure.description =
      "Spearman's rho of each metric, as in the table. At 0 a metric says nothing.";
  return interval_rows(std::move(figure), rows, "Spearman's rho", true);
}

}  // namespace

std::vector<Figure> ranking_figures(const std::vector<analysis::Model>& models,
                                    std::size_t metric) {
  const std::string name = analysis::rank_metrics()[metric].name;
  const std::size_t shown = std::min(models.size(), kMostModels);
  std::vector<IntervalRow> rows;
  for (std::size_t i = 0; i < shown; ++i) {
    const double value = models[i].values[metric];
    const double room = kNormal95 * models[i].errors[metric];
    rows.push_back(
        {models[i].name, {{value, value - room, value + room, 0, models[i].name + ": " + name}}});
  }
  if (rows.empty()) return {};
  Figure figure;
  figure.id = "fig-ranking";
  figure.name = "ranking";
  figure.caption = "models by " + name + ", with the 95 % intervals of the means" +
                   (shown < models.size() ? "; the first " + std::to_string(shown) + " of " +
                                                std::to_string(models.size())
                                          : "");
  figure.description = "First: " + models.front().name + ", " + name + " " +
                       number(models.front().values[metric]) + ". Last: " + models.back().name +
                       ", " + number(models.back().values[metric]) + ".";
  return interval_rows(std::move(figure), rows, name + ", mean of the layers", false);
}

std::vector<Figure> worth_figures() {
  std::vector<IntervalRow> rows;
  for (const analysis::Worth& worth : analysis::worths()) {
    const std::string metric(worth.metric);
    rows.push_back({metric,
                    {interval_of(worth.shape, 0, metric + ", one shape"),
                     interval_of(worth.fixed, 1, metric + ", parameters fixed"),
                     interval_of(worth.all, 2, metric + ", all sizes")}});
  }
  Figure figure;
  figure.id = "fig-worth";
  figure.name = "worth";
  figure.caption = "how metrics follow a public leaderboard, with 95 % intervals";
  figure.legend = {{0, "models of one shape"}, {1, "parameters fixed"}, {2, "all sizes"}};
  return rows_of_rho(std::move(figure), rows);
}

std::vector<Figure> following_figures(const std::vector<analysis::FollowRow>& following) {
  std::vector<IntervalRow> rows;
  bool within = false;
  for (const analysis::FollowRow& row : following) {
    if (row.group != "all" && row.group != "within") continue;
    if (rows.empty() || rows.back().name != row.metric) rows.push_back({row.metric, {}});
    within = within || row.group == "within";
    rows.back().intervals.push_back({row.spearman, row.spearman_low, row.spearman_high,
                                     row.group == "within" ? std::size_t{1} : std::size_t{0},
                                     row.metric + ", " + row.group});
  }
  Figure figure;
  figure.id = "fig-following";
  figure.name = "following";
  figure.caption = "how the metrics follow the scores, with 95 % intervals";
  if (within) figure.legend = {{0, "all models"}, {1, "within the groups"}};
  return rows_of_rho(std::move(figure), rows);
}

}  // namespace wishart::report
