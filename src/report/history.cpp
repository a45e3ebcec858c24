#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "changes.hpp"
#include "figure/charts.hpp"
#include "page/page.hpp"
#include "report_json.hpp"
#include "sections.hpp"
#include "text/numbers.hpp"
#include "verdict_json.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostDrifts = 40;

bool has_loss(const analysis::History& history) {
  return std::any_of(history.rows.begin(), history.rows.end(), [](const analysis::HistoryRow& row) {
    return is_recorded(row.loss) || is_recorded(row.eval_loss);
  });
}

std::string trend_text(const analysis::Trend& trend) {
  if (std::isnan(trend.slope)) return "not known";
  return number(trend.slope, 3) + " (" + number(trend.low, 3) + " to " + number(trend.high, 3) +
         ")";
}

std::string count_text(std::int64_t value) { return value < 0 ? "-" : std::to_string(value); }

bool any_incomplete(const analysis::History& history) {
  return std::any_of(history.rows.begin(), history.rows.end(),
                     [](const analysis::HistoryRow& row) { return row.missing > 0; });
}

TextTable checkpoints_table(const analysis::History& history) {
  const bool incomplete = any_incomplete(history);
  std::vector<Column> columns(
      {name_column("checkpoint", "*: the trend of the mean alpha changes here"),
       number_column("step", 80, "steps of training"),
       number_column("tokens", 30, "tokens of training"),
       number_column("loss", 70, "training loss, as recorded"),
       number_column("eval loss", 85, "held-out loss, as recorded"),
       number_column("alpha", 90, "mean over the layers"),
       number_column("+-", 75, "standard error of this mean"),
       number_column("median", 20, "median alpha of the layers"),
       number_column("log_norm", 40, "mean over the layers, decades of the squared norm"),
       number_column("log_spec", 25, "mean over the layers, decades of the largest eigenvalue"),
       number_column("stable", 15, "mean stable rank of the layers"),
       number_column("< 2", 55, "layers with an alpha below 2"),
       number_column("> 6", 55, "layers with an alpha above 6"),
       number_column("same", 45, "layers that are unchanged since the checkpoint before"),
       number_column("settled", 65, "layers that have settled, in percent")});
  if (incomplete) {
    columns.push_back(number_column("missing", 95, "layers that other checkpoints have"));
  }
  TextTable table = table_of(columns);
  for (const analysis::HistoryRow& r : history.rows) {
    table.rows.push_back(
        {r.checkpoint + (r.change_point ? " *" : ""), count_text(r.step), count_text(r.tokens),
         loss_text(r.loss), loss_text(r.eval_loss), fixed(r.alpha, decimals_of(r.alpha_error)),
         fixed(r.alpha_error, decimals_of(r.alpha_error)), fixed(r.alpha_median, 2),
         fixed(r.log_norm, 3), fixed(r.log_spectral_norm, 3), number(r.stable_rank, 3),
         std::to_string(r.over_trained), std::to_string(r.under_trained),
         std::to_string(r.unchanged),
         std::isnan(r.settled_share) ? "-" : fixed(100 * r.settled_share, 0) + " %"});
    if (incomplete) table.rows.back().push_back(std::to_string(r.missing));
  }
  return table;
}

std::string trend_json(const analysis::Trend& trend) {
  return "{\"slope\": " + json_value(trend.slope) + ", \"low\": " + json_value(trend.low) +
         ", \"high\": " + json_value(trend.high) +
         ", \"checkpoints\": " + std::to_string(trend.count) + "}";
}

std::string history_json(const analysis::History& history, const analysis::Verdict& verdict) {
  std::string json = "{\"verdict\": " + verdict_json(verdict) +
                     ",\n \"checkpoints\": " + json_array(history.rows) +
                     ",\n \"window\": " + std::to_string(history.window) +
                     ", \"per_doubling_of\": " + (history.by_tokens ? "\"tokens\"" : "\"steps\"") +
                     ",\n \"alpha_trend\": " + trend_json(history.alpha) +
                     ",\n \"loss_trend\": " + trend_json(history.loss) +
                     ", \"loss\": " + (history.loss_is_eval ? "\"eval_loss\"" : "\"loss\"") +
                     ",\n \"drifts\": [";
  for (std::size_t i = 0; i < history.drifts.size(); ++i) {
    const analysis::Drift& d = history.drifts[i];
    json += (i > 0 ? ",\n  " : "\n  ") + ("{\"layer\": " + json_quoted(d.key)) +
            ", \"role\": " + json_quoted(d.role) + ", \"why\": " + json_quoted(d.why) +
            ", \"before\": " + json_value(d.before) + ", \"now\": " + json_value(d.now) + "}";
  }
  const analysis::Conclusion& conclusion = history.conclusion;
  const analysis::TrackRecord record = analysis::track_record(conclusion, history.window);
  return json + "],\n \"advice\": " + json_quoted(analysis::advice_name(conclusion.advice)) +
         ", \"basis\": " + json_quoted(analysis::basis_name(conclusion.basis)) +
         ", \"text\": " + json_quoted(analysis::advice_text(conclusion)) +
         ",\n \"reasons\": " + json_value(conclusion.reasons) +
         ",\n \"best_checkpoint\": " + json_value_or_null(conclusion.best_checkpoint) +
         ", \"right\": " + std::to_string(record.right) +
         ", \"given\": " + std::to_string(record.given) +
         ",\n \"left_out\": " + left_out_json(history.left_out) + "}";
}

void add_drifts(Page& page, const analysis::History& history) {
  if (history.drifts.empty()) return;
  page.heading("Layers that drift");
  TextTable table = table_of({name_column("layer"), words_column("role", 60, "what the layer does"),
                              words_column("why", 90, "new-traps, new-outliers, rank-falls"),
                              number_column("before", 80, "at the first checkpoint of the window"),
                              number_column("now", 80, "at the last checkpoint")});
  for (const analysis::Drift& drift : history.drifts) {
    if (table.rows.size() == kMostDrifts) break;
    table.rows.push_back(
        {drift.key, drift.role, drift.why, number(drift.before), number(drift.now)});
  }
  page.table(table);
  if (history.drifts.size() > kMostDrifts) {
    page.paragraph("and " + std::to_string(history.drifts.size() - kMostDrifts) + " more");
  }
}

void add_advice(Page& page, const analysis::History& history) {
  page.heading("Is it still learning?");
  const analysis::Conclusion& conclusion = history.conclusion;
  page.paragraph(analysis::advice_text(conclusion));
  if (!conclusion.reasons.empty()) page.paragraph("Reasons: " + join(conclusion.reasons, " "));
  const std::string track = analysis::track_text(conclusion, history.window);
  if (!track.empty()) page.paragraph(track);
  const std::string unit = history.by_tokens ? "tokens" : "steps";
  std::string evidence = "Evidence: per doubling of " + unit +
                         " over the last checkpoints, the mean alpha changes by " +
                         trend_text(history.alpha);
  if (has_loss(history)) {
    evidence += std::string(", the ") + (history.loss_is_eval ? "eval loss" : "loss") + " by " +
                trend_text(history.loss) + ".";
  } else {
    evidence += "; no loss was recorded.";
  }
  const double settled = history.rows.back().settled_share;
  if (!std::isnan(settled)) {
    evidence += " Over the last " + std::to_string(history.window) + " checkpoints " +
                fixed(100 * settled, 0) +
                " % of the layers have settled: alpha within the "
                "uncertainty of its fits, squared norms within 2.3 %.";
  }
  page.paragraph(evidence);
  page.paragraph(
      "Caveat: settled spectra do not show that the weights have stopped changing, for their "
      "directions do not show in them, nor that the weights are good. They also settle when the "
      "learning rate decays. Confirm with an evaluation of the task the model is meant for.");
}

std::vector<Card> history_cards(const analysis::History& history, const std::string& alpha_since) {
  const analysis::HistoryRow& first = history.rows.front();
  const analysis::HistoryRow& last = history.rows.back();
  const bool of_eval = history.loss_is_eval;
  const auto loss = [&](const analysis::HistoryRow& row) {
    return of_eval ? row.eval_loss : row.loss;
  };
  const bool several = history.rows.size() > 1;
  const analysis::HistoryRow& before = several ? history.rows[history.rows.size() - 2] : last;
  const std::string since = " since " + printable(before.checkpoint);
  const auto change = [&](double now, double then, int digits) -> std::string {
    if (!several || !std::isfinite(now - then)) return "";
    return (now > then ? "+" : "") + rounded(now - then, digits) + since;
  };
  return {{loss_text(loss(last)), of_eval ? "eval loss" : "training loss",
           history.loss_is_carried ? "not measured anew" : change(loss(last), loss(before), 2)},
          {fixed(last.alpha, 2),
           "mean alpha" +
               (last.fitted < last.layers
                    ? " of " + std::to_string(last.fitted) + " of " + plural(last.layers, "layer")
                    : "") +
               (any_incomplete(history) ? "" : ", " + fixed(first.alpha, 2) + " at first"),
           alpha_since},
          {std::isnan(last.settled_share) ? "-" : fixed(100 * last.settled_share, 0) + " %",
           "of the layers settled"},
          {count_text(last.step),
           "last step of " + plural(static_cast<std::int64_t>(history.rows.size()), "checkpoint")},
          {std::to_string(history.drifts.size()), "drifts in layers"}};
}

}  // namespace

void add_history(Page& page, const analysis::History& history, const analysis::Verdict& verdict,
                 const std::string& alpha_since) {
  page.title("History of " + plural(static_cast<std::int64_t>(history.rows.size()), "checkpoint"));
  page.verdict(verdict);
  if (!history.rows.empty()) page.cards(history_cards(history, alpha_since));
  if (history.of_changes) {
    page.paragraph(
        "These are changes of weights, not whole models. The report on each says what it is.");
  }
  if (!history.left_out.empty()) page.paragraph(analysis::left_out_text(history.left_out));
  if (any_incomplete(history)) {
    page.paragraph(
        "Some checkpoints lack layers that others have. Changes are of the layers that both have; "
        "the means in the table are not.");
  }
  if (history.rows.empty()) return;
  add_advice(page, history);
  page.heading("Checkpoints");
  page.figures(history_figures(history));
  page.table(checkpoints_table(history));
  page.paragraph(
      "alpha, norms: means over the layers; +-: standard error of the mean alpha over them. < 2, "
      "> 6: number of layers with such an alpha. same: number of layers that are unchanged since "
      "the checkpoint before. *: the trend of the mean alpha changes here.");
  add_drifts(page, history);
}

void write_run(std::ostream& out, const analysis::History& history, const CheckpointRecord& last,
               const ReportStyle& style, const analysis::Beside& beside) {
  const analysis::Verdict of_last = analysis::verdict_of(last, beside);
  const analysis::Verdict verdict = analysis::verdict_of(history, of_last);
  if (style.format == ReportFormat::json) {
    return write_report_json(out, last, history_json(history, verdict), of_last);
  }
  Page page(style);
  // Not the difference of the means: they may be over different layers.
  add_history(page, history, verdict, alpha_change(last, {beside.before, nullptr}));
  add_report(page, last, of_last, beside);
  out << page.take();
}

}  // namespace wishart::report
