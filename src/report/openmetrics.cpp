#include "wishart/report/openmetrics.hpp"

#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/utc.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "monitored.hpp"

namespace wishart::report {
namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// A label's value as both formats have it: `\`, `"` and the line feed are escaped. Other control
/// characters, and what is not UTF-8, are made visible first.
std::string label_value(const std::string& text) {
  std::string escaped;
  for (const char c : printable(text)) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string sample_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return shortest(value);
}

/// Metric families, one after another. All are gauges.
class Families {
public:
  explicit Families(std::string model) : model_(std::move(model)) {}

  /// Begins a family. It is written with its first sample, so one without samples is not there.
  /// @param unit  the last word of the name, or empty
  /// @param help  without characters that need an escape
  void begin(const std::string& name, const std::string& unit, const std::string& help) {
    name_ = "wishart_" + name;
    head_ = "# HELP " + name_ + " " + help + "\n# TYPE " + name_ + " gauge\n";
    if (!unit.empty()) head_ += "# UNIT " + name_ + " " + unit + "\n";
  }

  /// A NaN is not written, unless a trainer recorded it.
  void add(double value, const Labels& labels = {}) {
    if (!is_recorded(value)) return;
    text_ += std::exchange(head_, "") + name_ + "{model=\"" + label_value(model_) + '"';
    for (const auto& [label, text] : labels) {
      text_ += "," + label + "=\"" + label_value(text) + '"';
    }
    text_ += "} " + sample_value(value) + "\n";
  }

  /// Both formats allow a comment at the end; OpenMetrics asks for this one.
  [[nodiscard]] std::string take() { return std::move(text_) + "# EOF\n"; }

private:
  std::string model_;
  std::string name_;
  std::string head_;
  std::string text_;
};

/// A number of which -1 means: not known.
double known(std::int64_t value) { return value < 0 ? kNan : static_cast<double>(value); }

void add_statistics(Families& families, const SummaryRow& row, const Labels& labels) {
  const auto add = [&](const char* statistic, double value) {
    Labels all = labels;
    all.emplace_back("statistic", statistic);
    families.add(value, all);
  };
  add("mean", row.mean), add("median", row.median), add("min", row.min), add("max", row.max);
}

void add_checkpoint(Families& families, const Provenance& about) {
  families.begin("checkpoint_info", "", "the checkpoint that the other metrics are of");
  families.add(1, {{"checkpoint", about.checkpoint_id},
                   {"model_type", about.model_type},
                   {"analysis", std::string(analysis_name(about.analysis))},
                   {"mode", about.mode},
                   {"version", about.program_version}});
  families.begin("training_steps", "steps", "training step of the checkpoint");
  families.add(known(about.training.step));
  families.begin("training_tokens", "tokens", "tokens that the checkpoint was trained on");
  families.add(known(about.training.tokens));
  families.begin("training_loss", "", "training loss, as the trainer recorded it");
  families.add(about.training.loss);
  families.begin("training_eval_loss", "", "held-out loss, as the trainer recorded it");
  families.add(about.training.eval_loss);
  families.begin("training_learning_rate", "", "learning rate, as the trainer recorded it");
  families.add(about.training.learning_rate);
  families.begin("scan_timestamp_seconds", "seconds",
                 "when the checkpoint was scanned, in seconds since 1970");
  const std::optional<std::int64_t> created = utc_seconds(about.created);
  families.add(created ? static_cast<double>(*created) : kNan);
  families.begin("scan_duration_seconds", "seconds", "wall time of the scan");
  families.add(about.seconds);
}

void add_warnings(Families& families, const CheckpointRecord& record,
                  const MetricsContext& context) {
  families.begin("warnings", "",
                 "layers with this warning; a remark tells how to read the numbers");
  for (const WarningCount& count : warning_counts(record, context.past_known)) {
    families.add(static_cast<double>(count.layers),
                 {{"warning", count.word}, {"kind", count.remark ? "remark" : "warning"}});
  }
  std::int64_t warned = 0;
  std::map<std::string, std::int64_t> by_role;
  for (const LayerRow& layer : record.layers) {
    const std::int64_t one = is_warned(layer) ? 1 : 0;
    by_role[layer.role] += one;
    warned += one;
  }
  families.begin("warned_layers", "layers",
                 "layers with at least one warning, remarks not counted");
  families.add(static_cast<double>(warned));
  families.begin("role_warned_layers", "layers", "the same for each role");
  for (const auto& [role, count] : by_role) {
    families.add(static_cast<double>(count), {{"role", role}});
  }
}

void add_layers(Families& families, const CheckpointRecord& record) {
  std::int64_t fitted = 0;
  std::int64_t failed = 0;
  std::map<std::string, std::int64_t> by_role;
  for (const LayerRow& layer : record.layers) {
    fitted += layer.status == kFitted ? 1 : 0;
    failed += !has_spectrum(layer) ? 1 : 0;
    ++by_role[layer.role];
  }
  if (by_role.size() > kMostRoles) {
    throw Error(Blame::input, printable(record.provenance.checkpoint_id) + ": has " +
                                  std::to_string(by_role.size()) + " roles, at most " +
                                  std::to_string(kMostRoles) +
                                  " become metrics. wishart names fewer, so another program wrote "
                                  "this archive");
  }
  families.begin("layers", "layers", "matrices that were analysed");
  families.add(static_cast<double>(record.layers.size()));
  families.begin("fitted_layers", "layers", "matrices with an alpha");
  families.add(static_cast<double>(fitted));
  families.begin("failed_layers", "layers",
                 "matrices that could not be computed or hold NaN or infinite weights");
  families.add(static_cast<double>(failed));
  families.begin("skipped_tensors", "tensors", "tensors, or parts of them, that were left out");
  families.add(static_cast<double>(record.skipped.size()));
  families.begin("role_layers", "layers", "matrices of this role");
  for (const auto& [role, count] : by_role) {
    families.add(static_cast<double>(count), {{"role", role}});
  }
}

void add_summary(Families& families, const std::vector<SummaryRow>& summary) {
  for (const MonitoredMetric& one : kMonitoredMetrics) {
    families.begin(one.name, "", std::string(one.help) + ", over all layers");
    for (const SummaryRow& row : summary) {
      if (row.group_by == "all" && row.metric == one.metric) add_statistics(families, row, {});
    }
  }
  for (const MonitoredMetric& one : kMonitoredMetrics) {
    families.begin(std::string("role_") + one.name, "",
                   std::string(one.help) + ", over the layers of a role");
    for (const SummaryRow& row : summary) {
      if (row.group_by != "role" || row.metric != one.metric) continue;
      add_statistics(families, row, {{"role", row.group}});
    }
  }
}

void add_history(Families& families, const analysis::History& history) {
  families.begin("run_checkpoints", "checkpoints", "checkpoints of the run in the archive");
  families.add(static_cast<double>(history.rows.size()));
  families.begin("run_settled_ratio", "ratio",
                 "share of the layers that have settled over the last checkpoints");
  families.add(history.rows.empty() ? kNan : history.rows.back().settled_share);
  families.begin("run_advice", "", "1 for the advice that holds, 0 for the others");
  for (const analysis::Advice advice : analysis::kAdvices) {
    families.add(history.conclusion.advice == advice ? 1 : 0,
                 {{"advice", std::string(analysis::advice_name(advice))}});
  }
}

}  // namespace

std::string openmetrics_text(const CheckpointRecord& record, const MetricsContext& context) {
  Families families(context.model);
  add_checkpoint(families, record.provenance);
  add_layers(families, record);
  add_warnings(families, record, context);
  if (context.history != nullptr) add_history(families, *context.history);
  add_summary(families, record.summary);
  return families.take();
}

}  // namespace wishart::report
