#include "wishart/report/report.hpp"

#include <algorithm>
#include <numeric>
#include <ostream>
#include <utility>

#include "wishart/analysis/attention.hpp"
#include "wishart/analysis/metric.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/mode.hpp"
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
#include "scanned.hpp"
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
constexpr std::size_t kReasonWidth = 160;   ///< of what a warning rests on

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
  const bool judged = !is_compat(record.provenance) && is_whole(record.provenance.analysis) &&
                      !record.layers.empty();
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
      if (!is_fitted(*layer)) names.back() += " (" + printable(layer->reason) + ")";
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

std::string render_adapter(const CheckpointRecord& record, const ReportStyle& style) {
  Page page(style);
  add_adapter(page, record, kMostLayers);
  return page.take();
}

}  // namespace wishart::report
