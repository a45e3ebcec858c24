#include <cmath>

#include "wishart/analysis/population.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "figure/charts.hpp"
#include "page/page.hpp"
#include "report_json.hpp"
#include "text/numbers.hpp"
#include "verdict_json.hpp"

namespace wishart::report {
namespace {

TextTable models_table(const std::vector<analysis::Model>& models, std::size_t metric) {
  std::vector<Column> columns{number_column("", kStays, "place"), name_column("model"),
                              number_column("matrices", 60, "matrices that were analysed"),
                              number_column("fitted", 95, "those with a power law")};
  const auto& metrics = analysis::rank_metrics();
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    const int importance = m == metric ? kStays : 50 - static_cast<int>(m);
    columns.push_back(number_column(metrics[m].name, importance, "mean over the layers"));
    if (m == metric) columns.push_back(number_column("+-", 90, "standard error of this mean"));
  }
  TextTable table = table_of(columns);
  for (std::size_t i = 0; i < models.size(); ++i) {
    std::vector<std::string> cells{std::to_string(i + 1), models[i].name,
                                   std::to_string(models[i].depth),
                                   std::to_string(models[i].fitted)};
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      cells.push_back(number(models[i].values[m]));
      if (m == metric) cells.push_back(number(models[i].errors[m], 2));
    }
    table.rows.push_back(std::move(cells));
  }
  return table;
}

std::string interval(double value, double low, double high) {
  if (std::isnan(value)) return "-";
  std::string text = fixed(value, 2);
  if (!std::isnan(low)) text += " (" + fixed(low, 2) + " to " + fixed(high, 2) + ")";
  return text;
}

TextTable following_table(const std::vector<analysis::FollowRow>& rows) {
  TextTable table = table_of(
      {words_column("metric", kStays, "column of the layer table, averaged over the layers"),
       words_column("group", kStays, "all models, within the groups, or one group"),
       number_column("models", 60, "models with a score"),
       number_column("Spearman", 95, "rank correlation with the score, with its 95 % interval"),
       number_column("Kendall", 40, "tau, with its 95 % interval"),
       number_column("Pearson", 30, "linear correlation, with its 95 % interval"),
       words_column("", 80, "a warning of Simpson's paradox")});
  for (const analysis::FollowRow& row : rows) {
    table.rows.push_back({row.metric, row.group, std::to_string(row.models),
                          interval(row.spearman, row.spearman_low, row.spearman_high),
                          interval(row.kendall, row.kendall_low, row.kendall_high),
                          interval(row.pearson, row.pearson_low, row.pearson_high),
                          row.reversed_within ? "reversed within groups" : ""});
  }
  return table;
}

/// What is known of each metric, beginning with those that `rank` can order by.
TextTable worth_table() {
  TextTable table = table_of(
      {words_column("metric", kStays, "mean over the layers"),
       number_column("all sizes", 50, "Spearman's rho over models of all sizes"),
       number_column("parameters fixed", 60, "the same with the number of parameters held fixed"),
       number_column("one shape", 90, "the same within groups of models of one shape"),
       number_column("change", 40, "of derived models, against the change of the score"),
       words_column("", 80, "what it comes to")});
  const auto cell = [](const analysis::Rho& rho) { return interval(rho.value, rho.low, rho.high); };
  for (const analysis::Worth& worth : analysis::worths()) {
    table.rows.push_back({std::string(worth.metric), cell(worth.all), cell(worth.fixed),
                          cell(worth.shape), cell(worth.change),
                          is_worth_nothing(worth) ? "worth nothing within one shape" : ""});
  }
  for (const analysis::RankMetric& metric : analysis::rank_metrics()) {
    if (analysis::worth_of(metric.name) != nullptr) continue;
    table.rows.push_back({metric.name, "-", "-", "-", "-", "not known"});
  }
  return table;
}

void add_worth(Page& page) {
  page.heading("What the metrics are worth");
  page.figures(worth_figures());
  page.table(worth_table());
  page.paragraph(
      "Spearman's rho of the mean of a metric against the average of a public leaderboard, over " +
      std::to_string(analysis::worths().front().all.models) +
      " language models, with 95 % intervals: over all sizes, with the number of parameters held "
      "fixed, and within groups of the same shape. change: of derived models, the change of the "
      "metric against the change of the score (docs/histories.md).");
}

std::string rho_json(const analysis::Rho& rho) {
  return "{\"rho\": " + json_value(rho.value) + ", \"low\": " + json_value(rho.low) +
         ", \"high\": " + json_value(rho.high) + ", \"models\": " + std::to_string(rho.models) +
         "}";
}

std::string worths_json() {
  std::string json = "[";
  for (const analysis::Worth& worth : analysis::worths()) {
    json += (json.size() > 1 ? ",\n  " : "\n  ") + ("{\"metric\": " + json_quoted(worth.metric)) +
            ", \"all\": " + rho_json(worth.all) + ", \"fixed\": " + rho_json(worth.fixed) +
            ", \"shape\": " + rho_json(worth.shape) + ", \"change\": " + rho_json(worth.change) +
            ", \"worth_nothing\": " + json_value(is_worth_nothing(worth)) + "}";
  }
  return json + "]";
}

std::string model_json(const analysis::Model& model) {
  std::string json = "{\"model\": " + json_quoted(model.name) +
                     ", \"matrices\": " + std::to_string(model.depth) +
                     ", \"fitted\": " + std::to_string(model.fitted);
  const auto& metrics = analysis::rank_metrics();
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    json += ", \"" + std::string(metrics[m].name) + "\": " + json_value(model.values[m]) + ", \"" +
            metrics[m].name + "_error\": " + json_value(model.errors[m]);
  }
  return json + "}";
}

std::string ranking_json(const std::vector<analysis::Model>& models, std::size_t metric,
                         const analysis::Following& following,
                         const std::vector<Analysed>& left_out) {
  std::string json =
      json_opening(kRankSchema) +
      ",\n \"verdict\": " + verdict_json(analysis::verdict_of(models, metric, following)) +
      ",\n \"by\": " + json_quoted(analysis::rank_metrics()[metric].name) +
      ", \"text\": " + json_quoted(analysis::worth_text(analysis::rank_metrics()[metric].name)) +
      ",\n \"models\": [";
  for (std::size_t i = 0; i < models.size(); ++i) {
    json += (i > 0 ? ",\n  " : "\n  ") + model_json(models[i]);
  }
  const analysis::Best& best = following.best;
  return json + "],\n \"worth\": " + worths_json() +
         ",\n \"following\": " + json_array(following.rows) + ",\n \"best\": " +
         (best.metric.empty() ? "null"
                              : "{\"metric\": " + json_quoted(best.metric) +
                                    ", \"basis\": " + json_quoted(best.basis) +
                                    ", \"rivals\": " + json_value(best.rivals) + "}") +
         ",\n \"score\": " +
         (following.score.name.empty() ? "null" : json_quoted(following.score.name)) +
         ", \"lower_is_better\": " +
         (following.score.lower_is_better ? json_value(*following.score.lower_is_better) : "null") +
         ", \"of_runs\": " + json_value(following.of_runs) +
         ",\n \"unmatched\": " + json_value(following.unmatched) +
         ",\n \"left_out\": " + left_out_json(left_out) + "}\n";
}

void add_best(Page& page, const analysis::Following& following) {
  const analysis::Best& best = following.best;
  if (best.metric.empty()) {
    page.paragraph(
        "No metric can be said to follow the scores: fewer than 3 models have a score, or all "
        "scores are equal.");
    return;
  }
  std::string text = best.metric + " follows the scores best, by Spearman's coefficient " +
                     (best.basis == "within" ? "within the groups." : "over all models.");
  if (!best.rivals.empty()) {
    text += " The data do not distinguish it from " + join(best.rivals, ", ") + ".";
  }
  page.paragraph(text);
  std::vector<std::string> reversed;
  for (const analysis::FollowRow& row : following.rows) {
    if (row.reversed_within) reversed.push_back(row.metric);
  }
  if (reversed.empty()) return;
  page.paragraph("Simpson's paradox: over all models " + join(reversed, ", ") + " " +
                 verb(std::ssize(reversed), "follow") +
                 " the scores in the opposite direction from within the groups. Trust the groups: "
                 "across groups, the metric follows the size of the models.");
}

std::vector<Card> ranking_cards(const std::vector<analysis::Model>& models, std::size_t metric) {
  if (models.empty()) return {};
  const std::string name = analysis::rank_metrics()[metric].name;
  const double first = models.front().values[metric];
  const double last = models.back().values[metric];
  return {{std::to_string(models.size()), models.size() == 1 ? "model" : "models"},
          {number(first), "mean " + name + " of the first, " +
                              shortened(printable(models.front().name), kNameWidth)},
          {number(last), "mean " + name + " of the last, " +
                             shortened(printable(models.back().name), kNameWidth)}};
}

}  // namespace

std::string render_ranking(const std::vector<analysis::Model>& models, std::size_t metric,
                           const analysis::Following& following,
                           const std::vector<Analysed>& left_out, const ReportStyle& style) {
  if (style.format == ReportFormat::json) return ranking_json(models, metric, following, left_out);
  Page page(style);
  const analysis::RankMetric& by = analysis::rank_metrics()[metric];
  page.title(std::string("Models by ") + by.name);
  page.verdict(analysis::verdict_of(models, metric, following));
  page.cards(ranking_cards(models, metric));
  page.paragraph(analysis::worth_text(by.name));
  page.figures(ranking_figures(models, metric));
  page.table(models_table(models, metric));
  page.paragraph(std::string("Means over the layers; +-: the standard error of the mean ") +
                 by.name + ". The " + (by.less_is_better ? "smallest" : "largest") +
                 " comes first. Compare only models with similar architecture and data.");
  if (!left_out.empty()) page.paragraph(analysis::left_out_text(left_out));
  add_worth(page);
  if (following.rows.empty()) return page.take();
  page.heading("How the metrics follow the scores");
  page.figures(following_figures(following.rows));
  page.table(following_table(following.rows));
  page.paragraph(
      "In brackets: 95 % intervals. There is none for fewer than 5 models, and none for a "
      "coefficient of 1 or -1, where it cannot be estimated.");
  add_best(page, following);
  if (!following.unmatched.empty()) {
    page.paragraph("No model is called " + join(following.unmatched, ", ") + ".");
  }
  return page.take();
}

}  // namespace wishart::report
