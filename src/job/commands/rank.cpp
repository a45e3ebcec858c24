/// @file
/// `rank`: the models of archives in order, and the metric that follows scores.

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wishart/analysis/ranking.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/report_style.hpp"
#include "commands/score_file.hpp"
#include "options/shell_word.hpp"

namespace wishart::job {
namespace {

/// The models of all archives, with unique names.
std::vector<analysis::Model> models_of(const std::vector<std::filesystem::path>& archives) {
  // First open all archives, to find the names that are used more than once.
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
      models.back().about = analysed(record.provenance);
      models.back().about.checkpoint = models.back().name;
    }
  }
  if (models.empty()) {
    throw Error(Blame::input, printable(archives.front().string()) +
                                  ": holds no archive. Run `wishart scan` into it first");
  }
  return models;
}

/// The index of a metric in rank_metrics().
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
  std::string text = "model,matrices,fitted";
  for (const analysis::RankMetric& metric : analysis::rank_metrics()) {
    text += std::string(",") + metric.name + "," + metric.name + "_error";
  }
  text += "\n";
  for (const analysis::Model& model : models) {
    text += report::csv_cell(model.name) + "," + std::to_string(model.depth) + "," +
            std::to_string(model.fitted);
    for (std::size_t m = 0; m < model.values.size(); ++m) {
      text += "," + shortest(model.values[m]) + "," + shortest(model.errors[m]);
    }
    text += "\n";
  }
  return text;
}

/// The words behind `wishart rank`.
std::string words_of(const RankOptions& options) {
  std::string words;
  for (const std::filesystem::path& archive : options.archives) {
    words += shell_word(archive.string()) + " ";
  }
  words += "--metric " + shell_word(options.metric);
  if (options.scores.empty()) return words;
  words +=
      " --scores " + shell_word(options.scores.string()) + " --score " + shell_word(options.score);
  if (!options.lower_is_better) return words;
  return words + (*options.lower_is_better ? " --lower-is-better" : " --higher-is-better");
}

}  // namespace

CommandResult rank_models(const RankOptions& options) {
  const std::size_t metric = metric_place(options.metric);
  std::vector<analysis::Model> models = models_of(options.archives);
  const std::vector<Analysed> left_out = take_apart(
      models, [](const analysis::Model& model) { return model.about; }, Prefer::most);
  analysis::put_in_order(models, metric);
  analysis::Following following;
  if (!options.scores.empty()) {
    const std::optional<bool> lower = options.lower_is_better
                                          ? options.lower_is_better
                                          : analysis::is_lower_better(options.score);
    following = analysis::follow(models, read_scores(options.scores, options.score),
                                 {options.score, lower});
  }
  if (options.format != OutputFormat::csv) {
    const report::ReportStyle style =
        style_of(options.format, options.reading, "wishart rank " + words_of(options) + " --open");
    return {report::render_ranking(models, metric, following, left_out, style), {}, {}};
  }
  // The tables have no place for what was left out, nor for what their order is worth.
  std::vector<std::string> notes;
  if (!left_out.empty()) notes.push_back(analysis::left_out_text(left_out));
  std::string nonfinite = analysis::nonfinite_text(models);
  if (!nonfinite.empty()) notes.push_back(std::move(nonfinite));
  if (!options.scores.empty()) return {report::csv_table(following.rows), {}, std::move(notes)};
  notes.push_back(analysis::worth_text(options.metric));
  return {models_csv(models), {}, std::move(notes)};
}

}  // namespace wishart::job
