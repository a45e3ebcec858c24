#include "wishart/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <ostream>
#include <sstream>
#include <utility>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/recorded_loss.hpp"
#include "wishart/record/row_warnings.hpp"
#include "wishart/report/text_table.hpp"

#include "adapter.hpp"
#include "alpha_text.hpp"
#include "changes.hpp"
#include "figure/charts.hpp"
#include "figure/density_figures.hpp"
#include "page/layer_data.hpp"
#include "page/page.hpp"
#include "report_json.hpp"
#include "sections.hpp"
#include "text/names.hpp"
#include "text/numbers.hpp"
#include "usual.hpp"
#include "worst_first.hpp"

namespace wishart::report {
namespace {

constexpr std::size_t kMostAttention = 30;  ///< layers listed for each warning
constexpr std::size_t kMostRemarked = 3;    ///< names listed for each remark
constexpr std::size_t kMostLayers = 400;    ///< rows of the layer table
constexpr std::size_t kMostSkipped = 3;     ///< names listed for each reason
constexpr std::size_t kReasonWidth = 160;   ///< of what a warning rests on
/// Width of a list of names that are shortened to kNameWidth each.
constexpr std::size_t kListWidth = (kMostSkipped + 1) * (kNameWidth + 2);

std::string millions(std::int64_t parameters) {
  return parameters < 10'000'000 ? std::to_string(parameters)
                                 : rounded(static_cast<double>(parameters) / 1e6, 4) + " million";
}

/// The last line of a text, without its line feed.
std::string last_line(const std::string& text) {
  const std::string_view lines = std::string_view(text).substr(0, text.find_last_not_of('\n') + 1);
  return std::string(lines.substr(lines.rfind('\n') + 1));
}

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
  page.line("numbers      " + std::string(p.mode == "weightwatcher"
                                              ? "as in WeightWatcher 0.7.5.5, including its defects"
                                              : "corrected mode (docs/metrics.md)"));
  page.gap();
}

/// A status behind a number of layers. A matrix that `scan` calls failed is one that could not be
/// computed, or not finite: a layer without a fit is neither.
std::string status_text(const std::string& status) {
  if (status == kNoTail) return "without a power-law tail";
  if (status == "failed") return "without a fit";
  if (status == "nonfinite") return "with NaN or infinite weights";
  if (status == "error") return "not computed";
  return status;
}

void add_coverage(Page& page, const CheckpointRecord& record) {
  std::map<std::string, std::int64_t> by_status;
  std::int64_t parameters = 0;
  for (const LayerRow& layer : record.layers) {
    ++by_status[layer.status];
    if (layer.status != "error") parameters = saturated_sum(parameters, layer.num_params);
  }
  std::int64_t skipped_parameters = 0;
  for (const SkippedRow& row : record.skipped) {
    skipped_parameters = saturated_sum(skipped_parameters, row.num_params);
  }
  std::string text = std::to_string(record.layers.size()) +
                     (record.layers.size() == 1 ? " matrix, " : " matrices, ") +
                     millions(parameters) + " parameters analysed";
  for (const auto& [status, count] : by_status) {
    if (status == kFitted) continue;
    text += "; " + std::to_string(count) + " " + status_text(status);
  }
  text += ". " + plural(static_cast<std::int64_t>(record.skipped.size()), "tensor") +
          " (or parts) skipped, " + millions(skipped_parameters) + " parameters.";
  page.paragraph(text);
}

const SummaryRow* find_summary(const CheckpointRecord& record, const std::string& group_by,
                               const std::string& group, const std::string& metric) {
  for (const SummaryRow& row : record.summary) {
    if (row.group_by == group_by && row.group == group && row.metric == metric) return &row;
  }
  return nullptr;
}

void add_summary(Page& page, const CheckpointRecord& record) {
  page.heading("Summary");
  add_coverage(page, record);
  TextTable table = table_of(
      {words_column("metric", kStays, "column of the layer table (docs/metrics.md)"),
       number_column("mean", 90, "over the layers"), number_column("median", 80, "of the layers"),
       number_column("std", 60, "standard deviation over the layers"),
       number_column("min", 70, "smallest value"), number_column("max", 70, "largest value"),
       number_column("by parameters", 30, "mean weighted by the number of parameters"),
       number_column("layers", 50, "layers that count")});
  for (const SummaryRow& row : record.summary) {
    if (row.group_by != "all") continue;
    table.rows.push_back({row.metric, number(row.mean), number(row.median), number(row.std),
                          number(row.min), number(row.max), number(row.weighted_mean),
                          std::to_string(row.count)});
  }
  page.table(table);
}

std::vector<Card> record_cards(const CheckpointRecord& record, const analysis::Beside& beside) {
  const auto count_if = [&](const auto& holds) {
    return std::to_string(std::count_if(record.layers.begin(), record.layers.end(), holds));
  };
  const FitCounts counts = count_fits(record.layers);
  const SummaryRow* alpha = find_summary(record, "all", "all", "alpha");
  const std::int64_t attention =
      analysis::count_layers(analysis::layers_that_need_attention(record.layers));
  // Most warnings are for whole weights in the corrected mode: without these, 0 says nothing.
  const bool judged = record.provenance.mode != "weightwatcher" &&
                      is_whole(record.provenance.analysis) && !record.layers.empty();
  return {
      {std::to_string(record.layers.size()), record.layers.size() == 1 ? "matrix" : "matrices"},
      {alpha == nullptr ? "-" : fixed(alpha->mean, 2), "mean alpha", alpha_change(record, beside)},
      {attention > 0 || judged ? std::to_string(attention) : "-",
       attention == 1 ? "layer needs attention" : "layers need attention",
       attention_change(record, beside)},
      {alpha == nullptr ? "-" : fixed(alpha->median, 2), "median alpha"},
      {count_if(analysis::is_below_limits) + " / " + count_if(analysis::is_above_limits),
       "layers with alpha below 2 / above 6"},
      {std::to_string(counts.without_tail) + " / " + std::to_string(counts.failed),
       "layers without a power-law tail / without a fit"}};
}

void add_groups(Page& page, const CheckpointRecord& record, const std::string& group_by,
                const std::string& heading) {
  std::vector<std::string> groups;
  for (const SummaryRow& row : record.summary) {
    if (row.group_by == group_by && (groups.empty() || groups.back() != row.group)) {
      groups.push_back(row.group);
    }
  }
  if (groups.empty()) return;
  page.heading(heading);
  TextTable table = table_of(
      {words_column(group_by, kStays,
                    group_by == "role" ? "what the layers do" : "stack and number of the block"),
       number_column("layers", 90, "all layers of the group"),
       number_column("alpha", 95, "mean over the layers"),
       number_column("std", 70, "standard deviation of alpha over the layers"),
       number_column("D", 80, "mean distance of the fits from a power law"),
       number_column("log_norm", 60, "mean, decades of the squared norm"),
       number_column("log_spectral_norm", 30, "mean, decades of the largest eigenvalue"),
       number_column("stable_rank", 40, "mean stable rank")});
  for (const std::string& group : groups) {
    const auto mean = [&](const char* metric) {
      const SummaryRow* row = find_summary(record, group_by, group, metric);
      return row == nullptr ? "-" : number(row->mean);
    };
    const SummaryRow* alpha = find_summary(record, group_by, group, "alpha");
    const std::int64_t layers = alpha == nullptr ? 0 : saturated_sum(alpha->count, alpha->excluded);
    table.rows.push_back({group, std::to_string(layers), mean("alpha"),
                          alpha == nullptr ? "-" : number(alpha->std), mean("D"), mean("log_norm"),
                          mean("log_spectral_norm"), mean("stable_rank")});
  }
  page.table(table);
}

void add_attention(Page& page, const CheckpointRecord& record) {
  page.heading("Layers that need attention");
  const std::vector<analysis::AttentionGroup> groups =
      analysis::layers_that_need_attention(record.layers);
  if (groups.empty()) page.paragraph("None.");
  for (const analysis::AttentionGroup& group : groups) {
    page.paragraph(group.warning + " (" + std::to_string(group.layers.size()) +
                   "): " + group.meaning);
    TextTable table =
        table_of({name_column("layer"), number_column("alpha", 80, "exponent of the tail"),
                  interval_column(record.layers, 30),
                  number_column("alpha %", 50, "percentile among layers of this role and size"),
                  number_column("tail", 40, "eigenvalues in the tail that is fitted"),
                  number_column("rank", 60, "rank, of so many singular values"),
                  words_column("reason", 95, "what was seen, and against what")});
    const std::size_t shown = std::min(kMostAttention, group.layers.size());
    for (std::size_t i = 0; i < shown; ++i) {
      const LayerRow& layer = *group.layers[i];
      table.row_layers.push_back(&layer - record.layers.data());
      table.rows.push_back(
          {page.html() ? layer.key : shortened_name(printable(layer.key), kNameWidth),
           alpha_cell(layer), interval_cell(layer),
           percentile_cell(analysis::usual_of(layer).alpha),
           layer.num_pl_spikes < 0 ? "-" : std::to_string(layer.num_pl_spikes),
           layer.matrix_rank < 0
               ? "-"
               : std::to_string(layer.matrix_rank) + "/" + std::to_string(layer.num_evals),
           layer.reason});
    }
    page.table(table, kReasonWidth);
    if (shown < group.layers.size()) {
      page.paragraph("and " + std::to_string(group.layers.size() - shown) + " more");
    }
  }
}

/// Remarks are sentences with the first names: they may concern most layers.
void add_remarks(Page& page, const CheckpointRecord& record) {
  const std::vector<analysis::AttentionGroup> groups = analysis::remarks_on(record.layers);
  if (groups.empty()) return;
  page.heading("Remarks");
  for (const analysis::AttentionGroup& group : groups) {
    std::vector<std::string> names;
    for (const LayerRow* layer : group.layers) {
      if (names.size() == kMostRemarked) break;
      names.push_back(shortened_name(printable(layer->key), kNameWidth));
      if (layer->status != kFitted) names.back() += " (" + printable(layer->reason) + ")";
    }
    page.paragraph(group.warning + " (" + std::to_string(group.layers.size()) +
                   "): " + group.meaning + " " + join(names, ", ") +
                   (names.size() < group.layers.size() ? ", ..." : "."));
  }
}

void add_densities(Page& page, const CheckpointRecord& record) {
  if (!page.html()) return;
  const std::vector<Figure> figures = density_figures(record);
  if (figures.empty()) return;
  page.heading("Eigenvalues");
  page.paragraph("Density of the eigenvalues of " +
                 plural(static_cast<std::int64_t>(figures.size()), "layer") +
                 " on logarithmic axes: first layers that need attention, then those with the "
                 "smallest alpha. Dashed: xmin, where the fitted tail begins. wishart report "
                 "ARCHIVE --format html --densities N draws N layers.");
  page.figures(figures);
}

/// In HTML all layers, worst first; otherwise the first kMostLayers of the model.
std::vector<std::size_t> listed_layers(const Page& page, const std::vector<LayerRow>& layers) {
  if (page.html()) return worst_first(layers);
  std::vector<std::size_t> order(std::min(kMostLayers, layers.size()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

void add_layers(Page& page, const CheckpointRecord& record) {
  page.heading("Layers");
  TextTable table = table_of(
      {name_column("layer"), words_column("role", 35, "what the layer does"),
       number_column("N x M", 30, "longer and shorter side"),
       number_column("alpha", 95, "exponent of the tail"), interval_column(record.layers, 90),
       number_column("alpha %", 60, "percentile among layers of this role and size"),
       number_column("D", 55, "distance of the fit: 0 is a perfect power law"),
       number_column("D %", 10, "percentile among layers of this role and size"),
       number_column("tail", 50, "eigenvalues in the tail that is fitted"),
       number_column("log_norm", 25, "decades of the squared Frobenius norm"),
       number_column("log_spec", 15, "decades of the largest eigenvalue"),
       number_column("stable", 20, "stable rank: squared Frobenius norm over largest eigenvalue"),
       number_column("stable %", 10, "percentile among layers of this role and size"),
       number_column("rank", 65, "number of singular values that are not zero"),
       words_column("warning", 92, "words of docs/metrics.md; several joined by ;")});
  const std::vector<std::size_t> listed = listed_layers(page, record.layers);
  for (const std::size_t i : listed) {
    const LayerRow& l = record.layers[i];
    table.row_layers.push_back(static_cast<std::int64_t>(i));
    const analysis::Usual usual = analysis::usual_of(l);
    table.rows.push_back({l.key, l.role, std::to_string(l.N) + " x " + std::to_string(l.M),
                          alpha_cell(l), interval_cell(l), percentile_cell(usual.alpha),
                          fixed(l.D, 3), percentile_cell(usual.D),
                          l.num_pl_spikes < 0 ? "-" : std::to_string(l.num_pl_spikes),
                          fixed(l.log_norm, 3), fixed(l.log_spectral_norm, 3),
                          number(l.stable_rank, 3), percentile_cell(usual.stable_rank),
                          l.matrix_rank < 0 ? "-" : std::to_string(l.matrix_rank), l.warning});
  }
  drop_unknown_percentiles(table);
  table.layer_columns = {{"layer", "layer"},
                         {"role", "role"},
                         {"tail", "num_pl_spikes"},
                         {"rank", "matrix_rank"},
                         {"warning", "warning"}};
  page.layer_table(table);
  page.paragraph(interval_text(record.layers));
  if (listed.size() < record.layers.size()) {
    page.paragraph(std::to_string(record.layers.size() - listed.size()) +
                   " more: wishart export ARCHIVE --table layers");
  }
  if (page.html()) page.layer_data(layer_data_json(record.layers, listed));
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

/// Predictions are reported only for runs of at least this many seconds.
constexpr double kWorthTelling = 10;

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

}  // namespace

void add_report(Page& page, const CheckpointRecord& record, const analysis::Verdict& verdict,
                const analysis::Beside& beside) {
  page.title("Spectra of " + record.provenance.checkpoint_id);
  page.verdict(verdict);
  page.cards(record_cards(record, beside));
  add_provenance(page, record);
  page.figures(
      checkpoint_figures(record, beside.before == nullptr ? nullptr : &beside.before->layers));
  add_attention(page, record);
  add_summary(page, record);
  add_remarks(page, record);
  add_adapter(page, record, page.html() ? record.layers.size() : kMostLayers);
  add_densities(page, record);
  add_usual(page, record.layers);
  add_groups(page, record, "role", "By role");
  add_groups(page, record, "block", "By block");
  add_layers(page, record);
  add_skipped(page, record);
  add_numerics(page, record);
}

void write_report(std::ostream& out, const CheckpointRecord& record, const ReportStyle& style,
                  const analysis::Beside& beside) {
  const analysis::Verdict verdict = analysis::verdict_of(record, beside);
  if (style.format == ReportFormat::json) return write_report_json(out, record, "null", verdict);
  Page page(style);
  add_report(page, record, verdict, beside);
  out << page.take();
}

std::string render_report(const CheckpointRecord& record, const ReportStyle& style,
                          const analysis::Beside& beside) {
  std::ostringstream text;
  write_report(text, record, style, beside);
  return std::move(text).str();
}

std::string render_adapter(const CheckpointRecord& record, const ReportStyle& style) {
  Page page(style);
  add_adapter(page, record, kMostLayers);
  return page.take();
}

}  // namespace wishart::report
