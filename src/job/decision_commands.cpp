/// @file
/// `compare`, `gate` and `rank`: commands that lay archived checkpoints beside each other.

#include <algorithm>
#include <cmath>
#include <map>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/archive/archive.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "gate_rules.hpp"
#include "score_file.hpp"

namespace wishart::job {
namespace {

report::ReportFormat report_format(OutputFormat format) {
  return format == OutputFormat::md     ? report::ReportFormat::markdown
         : format == OutputFormat::json ? report::ReportFormat::json
                                        : report::ReportFormat::text;
}

/// The file of a checkpoint that is named by its id in `archive`, or by its own path.
std::filesystem::path named_checkpoint(const std::filesystem::path& archive,
                                       const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".h5");
  if (is_path) return archive::resolve_checkpoint(name, "");
  return archive::resolve_checkpoint(archive, name);
}

bool needs_spectra(const std::vector<analysis::Rule>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const analysis::Rule& rule) { return rule.metric == "moved"; });
}

/// The stages of a gate: those named, else base (if named) and checkpoint.
std::vector<std::filesystem::path> stage_files(const GateOptions& options) {
  std::vector<std::filesystem::path> files;
  for (const std::string& stage : options.stages) {
    files.push_back(named_checkpoint(options.archive, stage));
  }
  if (!files.empty()) return files;
  if (!options.base.empty()) files.push_back(named_checkpoint(options.archive, options.base));
  files.push_back(options.checkpoint.empty()
                      ? archive::resolve_checkpoint(options.archive, "")
                      : named_checkpoint(options.archive, options.checkpoint));
  return files;
}

/// The models of all archives, under names that are unique among them.
std::vector<analysis::Model> models_of(const std::vector<std::filesystem::path>& archives) {
  struct Source {
    std::filesystem::path file;
    std::string archive;
    std::string id;
  };
  std::vector<Source> sources;
  std::map<std::string, int> uses;
  for (const auto& archive : archives) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(archive, ignored) && !archive::is_packed(archive)) {
      sources.push_back(
          {archive, archive.parent_path().filename().string(), archive.stem().string()});
    } else {
      for (const std::string& id : archive::checkpoints_in(archive)) {
        sources.push_back({archive / (id + ".h5"), archive.lexically_normal().string(), id});
      }
    }
  }
  for (const Source& source : sources) ++uses[source.id];
  std::vector<analysis::Model> models;
  for (const Source& source : sources) {
    const CheckpointRecord record =
        archive::read_archive(source.file, archive::Parts::without_spectra);
    models.push_back(analysis::model_of(
        uses[source.id] == 1 ? source.id : source.archive + "/" + source.id, record.layers));
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
  const CheckpointRecord a = archive::read_archive(named_checkpoint(options.archive, words[0]));
  const CheckpointRecord b = archive::read_archive(named_checkpoint(options.archive, words[1]));
  const analysis::Comparison comparison = analysis::compare(a, b);
  if (options.format == OutputFormat::csv) return report::csv_table(comparison.rows);
  return report::render_comparison(comparison, report_format(options.format));
}

CommandResult gate_archive(const GateOptions& options) {
  const std::vector<analysis::Rule> rules = read_rules(options.rules);
  std::vector<CheckpointRecord> stages;
  const auto parts = needs_spectra(rules) ? archive::Parts::all : archive::Parts::without_spectra;
  for (const auto& file : stage_files(options)) {
    stages.push_back(archive::read_archive(file, parts));
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
    return report::render_ranking(models, metric, following, report_format(options.format));
  }
  return options.scores.empty() ? models_csv(models) : report::csv_table(following.rows);
}

}  // namespace wishart::job
