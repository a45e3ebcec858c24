#include "scanned.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "wishart/core/plural.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/row_warnings.hpp"
#include "wishart/report/text_table.hpp"

#include "text/names.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostSkipped = 3;  ///< names listed for each reason
/// Width of a list of names that are shortened to kNameWidth each.
constexpr std::size_t kListWidth = (kMostSkipped + 1) * (kNameWidth + 2);
/// Predictions are reported only for runs of at least this many seconds.
constexpr double kWorthTelling = 10;

std::string millions(std::int64_t parameters) {
  return parameters < 10'000'000 ? std::to_string(parameters)
                                 : rounded(static_cast<double>(parameters) / 1e6, 4) + " million";
}

/// The last line of a text, without its line feed.
std::string last_line(const std::string& text) {
  const std::string_view lines = std::string_view(text).substr(0, text.find_last_not_of('\n') + 1);
  return std::string(lines.substr(lines.rfind('\n') + 1));
}

/// A status behind a number of layers. A matrix that `scan` calls failed is one that could not be
/// computed, or not finite: a layer without a fit is neither.
std::string status_text(const std::string& status) {
  if (status == kNoTail) return "without a power-law tail";
  if (status == kWithoutFit) return "without a fit";
  if (status == kNonfiniteWeights) return "with NaN or infinite weights";
  if (status == kNotComputed) return "not computed";
  return status;
}

}  // namespace

void add_provenance(Page& page, const CheckpointRecord& record) {
  const Provenance& p = record.provenance;
  page.line("checkpoint   " + p.checkpoint_path + " (" + p.format +
            (p.model_type.empty() ? "" : ", " + p.model_type) + ")");
  page.line("analysis     " + analysis_text(p.analysis, p.base_path) +
            (p.base_identity.empty() ? "" : " (identity " + printable(p.base_identity) + ")"));
  if (p.training.step >= 0) {
    std::string text = "training     step " + std::to_string(p.training.step);
    if (p.training.tokens >= 0) text += ", " + std::to_string(p.training.tokens) + " tokens";
    if (is_recorded(p.training.loss)) text += ", loss " + loss_text(p.training.loss);
    if (is_recorded(p.training.eval_loss)) {
      text += ", eval loss " + loss_text(p.training.eval_loss);
    }
    page.line(text);
  }
  page.line("computed     " + p.created + " by wishart " + p.program_version + " (" +
            p.program_commit + "), " + p.mpi_layout + ", " + number(p.seconds, 3) + " s" +
            (p.restarts > 0 ? ", " + plural(p.restarts, "restart") : ""));
  if (p.reseals > 0) {
    page.line("resealed     " + plural(p.reseals, "time") +
              " after another program had opened the file for writing, last " +
              last_line(p.reseal_log));
  }
  page.line("numbers      " + std::string(is_compat(p)
                                              ? "as in WeightWatcher 0.7.5.5, including its defects"
                                              : "corrected mode (docs/metrics.md)"));
  page.gap();
}

void add_coverage(Page& page, const CheckpointRecord& record) {
  std::map<std::string, std::int64_t> by_status;
  std::int64_t parameters = 0;
  for (const LayerRow& layer : record.layers) {
    ++by_status[layer.status];
    if (!is_not_computed(layer)) parameters = saturated_sum(parameters, layer.num_params);
  }
  std::int64_t skipped_parameters = 0;
  for (const SkippedRow& row : record.skipped) {
    skipped_parameters = saturated_sum(skipped_parameters, row.num_params);
  }
  std::string text = plural(std::ssize(record.layers), "matrix", "matrices") + ", " +
                     millions(parameters) + " parameters analysed";
  for (const auto& [status, count] : by_status) {
    if (status == kFitted) continue;
    text += "; " + std::to_string(count) + " " + status_text(status);
  }
  text += ". " + plural(static_cast<std::int64_t>(record.skipped.size()), "tensor") +
          " (or parts) skipped, " + millions(skipped_parameters) + " parameters.";
  page.paragraph(text);
}

void add_skipped(Page& page, const CheckpointRecord& record) {
  if (record.skipped.empty()) return;
  page.heading("Skipped");
  std::map<std::string, std::vector<const SkippedRow*>> by_reason;
  for (const SkippedRow& row : record.skipped) by_reason[row.reason].push_back(&row);
  TextTable table = table_of({words_column("reason", kStays, "docs/metrics.md"),
                              number_column("tensors", 90, "tensors with this reason"),
                              number_column("parameters", 80, "their elements together"),
                              words_column("such as", 95, "the first names")});
  for (const auto& [reason, rows] : by_reason) {
    std::int64_t parameters = 0;
    std::vector<std::string> names;
    for (const SkippedRow* row : rows) {
      parameters = saturated_sum(parameters, row->num_params);
      // Shorten each name by itself; shortening the joined names could merge two. Make it printable
      // first, since escapes make a name longer.
      if (names.size() < kMostSkipped) {
        names.push_back(shortened_name(printable(row->tensor), kNameWidth));
      }
    }
    table.rows.push_back({reason, std::to_string(rows.size()), std::to_string(parameters),
                          join(names, ", ") + (names.size() < rows.size() ? ", ..." : "")});
  }
  page.table(table, kListWidth);
}

void add_numerics(Page& page, const CheckpointRecord& record) {
  std::map<std::string, std::int64_t> solvers;
  double worst = 0;
  std::int64_t below = 0;
  std::int64_t largest_team = 0;
  for (const LayerRow& layer : record.layers) {
    if (!layer.solver.empty()) ++solvers[layer.method + " by " + layer.solver];
    if (layer.sum_squares_error > worst) worst = layer.sum_squares_error;
    if (layer.num_below_floor > 0) below = saturated_sum(below, layer.num_below_floor);
    largest_team = std::max(largest_team, layer.team_size);
  }
  if (solvers.empty()) return;
  page.heading("Numerics");
  std::string text;
  for (const auto& [solver, count] : solvers) {
    text += (text.empty() ? "" : ", ") + solver + " (" + std::to_string(count) + ")";
  }
  page.paragraph(text + ". Largest team " + std::to_string(largest_team) +
                 ". Singular values below the resolution floor: " + std::to_string(below) +
                 ". The sums of squared singular values and of squared elements agree to " +
                 rounded(worst, 2) + " in the worst layer.");
  const Provenance& run = record.provenance;
  if (std::isfinite(run.predicted_seconds) && run.working_seconds >= kWorthTelling) {
    page.paragraph("The plan predicted " + rounded(run.predicted_seconds, 3) +
                   " s for spectra and fits; they took " + rounded(run.working_seconds, 3) +
                   " s. The ranks were busy for " + rounded(100 * run.busy_share, 2) +
                   " % of that time.");
  }
}

}  // namespace wishart::report
