/// @file
/// `compare`, `gate` and `rank`: commands that lay archived checkpoints beside each other.

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/gate_rules.hpp"
#include "commands/score_file.hpp"
#include "commands/whole_models.hpp"

namespace wishart::job {
namespace {

report::ReportFormat report_format(OutputFormat format) {
  return format == OutputFormat::md     ? report::ReportFormat::markdown
         : format == OutputFormat::json ? report::ReportFormat::json
                                        : report::ReportFormat::text;
}

/// Checkpoints that are named by their ids in one archive, which is opened once, or by their own
/// paths.
class NamedCheckpoints {
public:
  explicit NamedCheckpoints(std::filesystem::path archive) : archive_(std::move(archive)) {}

  /// @param name  empty: the only one of the archive
  CheckpointRecord read(const std::string& name, archive::Parts parts) {
    const bool is_path = name.find('/') != std::string::npos || name.ends_with(".h5");
    if (is_path) {
      const archive::Reader other{std::filesystem::path(name)};
      return other.read(other.chosen(""), parts);
    }
    if (!reader_) reader_.emplace(archive_);
    return reader_->read(reader_->chosen(name.empty() ? only_whole(*reader_) : name), parts);
  }

private:
  std::filesystem::path archive_;
  std::optional<archive::Reader> reader_;
};

bool needs_spectra(const std::vector<analysis::Rule>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const analysis::Rule& rule) { return rule.metric == "moved"; });
}

/// The stages of a gate: those named, else base (if named) and checkpoint, or the only one.
std::vector<std::string> stages_of(const GateOptions& options) {
  if (!options.stages.empty()) return options.stages;
  if (options.base.empty()) return {options.checkpoint};
  return {options.base, options.checkpoint};
}

/// The models of all archives, under names that are unique among them.
std::vector<analysis::Model> models_of(const std::vector<std::filesystem::path>& archives) {
  // All are open until the last is read: a name that is used twice is known only then.
  std::vector<archive::Reader> readers;
  std::map<std::string, int> uses;
  for (const auto& archive : archives) {
    readers.emplace_back(archive);
    for (const std::string& id : readers.back().ids()) ++uses[id];
  }
  std::vector<analysis::Model> models;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    for (const std::string& id : readers[i].ids()) {
      const CheckpointRecord record = readers[i].read(id, archive::Parts::without_spectra);
      const std::filesystem::path& from = archives[i];
      const bool own_file = readers[i].file_of(id) == from;
      const std::filesystem::path place =
          own_file ? from.parent_path().filename() : from.lexically_normal();
      models.push_back(
          analysis::model_of(uses[id] == 1 ? id : place.string() + "/" + id, record.layers));
      models.back().about = analysis::analysed(record.provenance);
      models.back().about.checkpoint = models.back().name;
    }
  }
  if (models.empty()) {
    throw Error(Blame::input, printable(archives.front().string()) +
                                  ": holds no archive. Run `wishart scan` into it first");
  }
  return models;
}

/// The place of a metric among those of the ranking.
std::size_t metric_place(const std::string& name) {
  const auto& metrics = analysis::rank_metrics();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (name == metrics[i].name) return i;
    names.emplace_back(metrics[i].name);
  }
  throw Error(Blame::usage, "--metric: expected one of " + join(names, ", ") + ", found '" +
                                printable(name) + "'");
}

std::string models_csv(const std::vector<analysis::Model>& models) {
  std::string text = "model,matrices";
  for (const analysis::RankMetric& metric : analysis::rank_metrics()) {
    text += std::string(",") + metric.name + "," + metric.name + "_error";
  }
  text += "\n";
  for (const analysis::Model& model : models) {
    text += report::csv_cell(model.name) + "," + std::to_string(model.depth);
    for (std::size_t m = 0; m < model.values.size(); ++m) {
      text += "," + shortest(model.values[m]) + "," + shortest(model.errors[m]);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string compare_text(const CompareOptions& options) {
  const std::vector<std::string>& words = options.checkpoints;
  NamedCheckpoints named(options.archive);
  const CheckpointRecord a = named.read(words[0], archive::Parts::all);
  const CheckpointRecord b = named.read(words[1], archive::Parts::all);
  analysis::check_alike(a.provenance, b.provenance);
  const analysis::Comparison comparison = analysis::compare(a, b);
  if (options.format == OutputFormat::csv) return report::csv_table(comparison.rows);
  return report::render_comparison(comparison, report_format(options.format));
}

CommandResult gate_archive(const GateOptions& options) {
  const std::vector<analysis::Rule> rules = read_rules(options.rules);
  std::vector<CheckpointRecord> stages;
  const auto parts = needs_spectra(rules) ? archive::Parts::all : archive::Parts::without_spectra;
  NamedCheckpoints named(options.archive);
  for (const std::string& stage : stages_of(options)) {
    stages.push_back(named.read(stage, parts));
    analysis::check_alike(stages.front().provenance, stages.back().provenance);
  }
  const std::vector<analysis::RuleVerdict> verdicts =
      analysis::judge(rules, stages, options.every_stage);
  const bool passed =
      std::all_of(verdicts.begin(), verdicts.end(),
                  [](const analysis::RuleVerdict& verdict) { return verdict.passed; });
  return {report::render_verdicts(verdicts, report_format(options.format)),
          passed ? 0 : kGateFailed};
}

std::string rank_text(const RankOptions& options) {
  const std::size_t metric = metric_place(options.metric);
  std::vector<analysis::Model> models = models_of(options.archives);
  const std::vector<analysis::Analysed> left_out =
      analysis::take_apart(models, [](const analysis::Model& model) { return model.about; });
  const bool less = analysis::rank_metrics()[metric].less_is_better;
  std::sort(models.begin(), models.end(), [&](const analysis::Model& a, const analysis::Model& b) {
    const double x = a.values[metric];
    const double y = b.values[metric];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    if (x < y || x > y) return less ? x < y : x > y;
    return natural_less(a.name, b.name);
  });
  analysis::Following following;
  if (!options.scores.empty()) {
    following = analysis::follow(models, read_scores(options.scores, options.score));
  }
  if (options.format != OutputFormat::csv) {
    return report::render_ranking(models, metric, following, left_out,
                                  report_format(options.format));
  }
  return options.scores.empty() ? models_csv(models) : report::csv_table(following.rows);
}

}  // namespace wishart::job
