/// @file
/// `compare`, `gate` and `rank`: commands that compare archived checkpoints.

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/analysis/ranking.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/gate_rules.hpp"
#include "commands/report_style.hpp"
#include "commands/run_past.hpp"
#include "commands/score_file.hpp"
#include "options/shell_word.hpp"

namespace wishart::job {
namespace {

/// Reads checkpoints by their ids in one archive, which is opened only once, or by the paths of
/// their files.
class NamedCheckpoints {
public:
  explicit NamedCheckpoints(std::filesystem::path archive) : archive_(std::move(archive)) {}

  [[nodiscard]] static bool is_path(const std::string& name) {
    return name.find('/') != std::string::npos || name.ends_with(".h5");
  }

  const archive::Reader& archive() {
    if (!reader_) reader_.emplace(archive_);
    return *reader_;
  }

  /// The path, or the id that the word stands for.
  /// @param of  the id that `previous` refers to; empty or a path: the latest
  std::string resolved(const std::string& word, const std::string& of = "") {
    if (is_path(word)) return word;
    return noted(archive::choose(archive(), word, is_path(of) ? "" : of));
  }

  /// @param name  from `resolved`
  CheckpointRecord read(const std::string& name, archive::Parts parts) {
    if (!is_path(name)) return archive().read(name, parts);
    const archive::Reader other{std::filesystem::path(name)};
    return other.read(noted(archive::choose(other, "")), parts);
  }

  /// Earlier checkpoints of the archive's run; empty for a path.
  /// @param name  from `resolved`
  RunPast past(const std::string& name) {
    return is_path(name) ? RunPast{} : past_of(archive(), name);
  }

  /// One sentence for each checkpoint that was chosen without an id.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

private:
  std::string noted(const archive::Choice& choice) {
    if (!choice.note.empty()) notes_.push_back(choice.note);
    return choice.id;
  }

  std::filesystem::path archive_;
  std::optional<archive::Reader> reader_;
  std::vector<std::string> notes_;
};

bool needs_spectra(const std::vector<analysis::Rule>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const analysis::Rule& rule) { return rule.metric.starts_with("moved"); });
}

/// The checkpoint before `judged`, for rules that compare with it. Empty if no rule does, or if
/// there is none and all such rules pass without it.
std::string stage_before(const std::string& judged, const std::vector<analysis::Rule>& rules,
                         NamedCheckpoints& named) {
  const auto needs = [](const analysis::Rule& rule) {
    return rule.against == analysis::Against::previous;
  };
  const auto first = std::find_if(rules.begin(), rules.end(), needs);
  if (first == rules.end()) return "";
  const archive::Previous previous =
      NamedCheckpoints::is_path(judged)
          ? archive::Previous{"",
                              printable(judged) +
                                  ": is a single file, so the checkpoint before it is not known"}
          : archive::previous_of(named.archive(), judged);
  if (!previous.id.empty()) return previous.id;
  for (const analysis::Rule& rule : rules) {
    if (!needs(rule) || rule.passes_alone) continue;
    throw Error(Blame::input, previous.missing + ". Rule '" + printable(rule.name) +
                                  "' compares with the checkpoint before it: name one with --base, "
                                  "or set alone = passes in the rule");
  }
  return "";
}

/// What is known of the run that a checkpoint ends.
struct RunSoFar {
  analysis::Conclusion conclusion;
  std::string incomplete;  ///< that the checkpoint lacks layers of its run; empty if it does not
  std::string old_layers;  ///< that some hold the values of an earlier checkpoint; likewise
  std::string mixed;       ///< that it may be of another run than is meant; empty if it is not
};

/// What the run that ends at a checkpoint comes to: over the checkpoints of its archive up to it,
/// in the order of training. A checkpoint without a step stands alone.
/// @param judged   from NamedCheckpoints::resolved
/// @param is_named  the user named it; else it is the latest, perhaps of several runs
RunSoFar run_until(const std::string& judged, bool is_named, NamedCheckpoints& named) {
  std::optional<archive::Reader> own;
  if (NamedCheckpoints::is_path(judged)) own.emplace(std::filesystem::path(judged));
  const archive::Reader& archive = own ? *own : named.archive();
  const std::string last = own ? archive::choose(archive, "").id : judged;
  const archive::Reader::Run run = archive.run_of(last);
  std::vector<std::string> ids;
  for (const TrainingPlace& place : run.places) {
    ids.push_back(place.name);
    if (place.name == last) break;
  }
  if (ids.empty() || ids.back() != last) ids = {last};
  analysis::HistoryBuilder builder(kDefaultWindow);
  for (const std::string& id : ids) {
    builder.add(archive.read(id, archive::Parts::without_spectra));
  }
  analysis::History history = builder.take_run();
  RunSoFar so_far;
  if (!is_named) {
    so_far.mixed = analysis::mixed_runs_text(run.left_out, last);
    analysis::abstain_if_mixed(history.conclusion, run.left_out, last);
  }
  so_far.conclusion = std::move(history.conclusion);
  so_far.incomplete = analysis::incomplete_text(history.rows.back());
  so_far.old_layers = analysis::old_layers_text(history.rows.back());
  return so_far;
}

/// True if the last stage of a gate was given by its id or its file.
bool is_last_named(const GateOptions& options, const std::string& last) {
  const std::string& word = options.stages.empty() ? options.checkpoint : options.stages.back();
  return NamedCheckpoints::is_path(last) || word == last;
}

/// The stages of a gate, as paths or ids: the named stages, or base and checkpoint, or the
/// checkpoint, preceded by the previous one if a rule needs it.
std::vector<std::string> stages_of(const GateOptions& options,
                                   const std::vector<analysis::Rule>& rules,
                                   NamedCheckpoints& named) {
  std::vector<std::string> stages;
  for (const std::string& stage : options.stages) stages.push_back(named.resolved(stage));
  if (!stages.empty()) return stages;
  const std::string judged = named.resolved(options.checkpoint);
  if (!options.base.empty()) return {named.resolved(options.base, judged), judged};
  const bool needs_base = std::any_of(rules.begin(), rules.end(), [](const analysis::Rule& rule) {
    return rule.against == analysis::Against::first;
  });
  if (needs_base) return {judged};  // `judge` throws: the base is not named
  const std::string before = stage_before(judged, rules, named);
  if (before.empty()) return {judged};
  return {before, judged};
}

/// Replaces the stored warnings of the stages by those of the present rules. The past of a stage in
/// the run is read only if a rule needs it.
/// @param names  of the stages, from `resolved`
/// @return what was recorded at the checkpoint before each stage, where a rule is about a loss
std::vector<TrainingState> conclude_stages(std::vector<CheckpointRecord>& stages,
                                           const std::vector<std::string>& names,
                                           const std::vector<analysis::Rule>& rules,
                                           NamedCheckpoints& named) {
  const bool needed = std::any_of(rules.begin(), rules.end(), [](const analysis::Rule& rule) {
    return analysis::needs_past(rule.metric);
  });
  const bool of_loss = std::any_of(rules.begin(), rules.end(), analysis::is_of_loss);
  std::vector<TrainingState> before(stages.size());
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const RunPast past = needed || of_loss ? named.past(names[i]) : RunPast{};
    if (past.before) before[i] = past.before->provenance.training;
    analysis::Past held = needed ? past.past() : analysis::Past{};
    if (held.before == nullptr && i > 0 &&
        is_alike(stages[i - 1].provenance, stages[i].provenance)) {
      held.before = &stages[i - 1];
    }
    analysis::conclude(stages[i], held);
  }
  return before;
}

/// Reports the first failed verdict if the verdicts go to a file; otherwise they are on standard
/// output.
Ending ending_of(const GateOptions& options, const std::vector<analysis::RuleVerdict>& verdicts) {
  const auto broken = [](const analysis::RuleVerdict& verdict) { return !verdict.passed; };
  const auto first = std::find_if(verdicts.begin(), verdicts.end(), broken);
  if (first == verdicts.end()) return {};
  if (options.output.empty()) return Ending::gate_failed("");
  const auto count = std::count_if(verdicts.begin(), verdicts.end(), broken);
  return Ending::gate_failed("gate: " + std::to_string(count) + " of " +
                             std::to_string(verdicts.size()) + " verdicts failed, first " +
                             printable(first->rule) + " on " + printable(first->stage) + ": " +
                             printable(first->text) + ". " + printable(options.output.string()) +
                             " lists all verdicts");
}

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

/// The words behind `wishart compare`.
std::string words_of(const CompareOptions& options) {
  std::string words = options.archive.empty() ? "" : shell_word(options.archive.string()) + " ";
  return words + shell_word(options.checkpoints[0]) + " " + shell_word(options.checkpoints[1]);
}

/// The words behind `wishart gate`.
std::string words_of(const GateOptions& options) {
  std::string words =
      shell_word(options.archive.string()) + " --rules " + shell_word(options.rules.string());
  if (!options.checkpoint.empty()) words += " --checkpoint " + shell_word(options.checkpoint);
  if (!options.base.empty()) words += " --base " + shell_word(options.base);
  for (const std::string& stage : options.stages) words += " --stage " + shell_word(stage);
  return words + (options.every_stage ? " --every-stage" : "");
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

CommandResult compare_checkpoints(const CompareOptions& options) {
  NamedCheckpoints named(options.archive);
  // B first, because A may be the checkpoint before it.
  const std::string of_b = named.resolved(options.checkpoints[1]);
  const std::string of_a = named.resolved(options.checkpoints[0], of_b);
  CheckpointRecord a = named.read(of_a, archive::Parts::all);
  CheckpointRecord b = named.read(of_b, archive::Parts::all);
  analysis::check_alike(a.provenance, b.provenance);
  // Only the first checkpoint of the run: `compare` itself tells what changed between A and B.
  for (const auto& [record, name] : {std::pair{&a, of_a}, std::pair{&b, of_b}}) {
    const RunPast past = named.past(name);
    analysis::conclude(*record, {nullptr, past.past().first});
  }
  const analysis::Comparison comparison = analysis::compare(a, b);
  std::string text;
  if (options.format != OutputFormat::csv) {
    text = report::render_comparison(comparison,
                                     style_of(options.format, options.reading,
                                              "wishart compare " + words_of(options) + " --open"));
  } else if (options.table == CompareTable::paired) {
    text = report::csv_table(comparison.paired);
  } else {
    text = report::csv_table(comparison.rows);
  }
  return {std::move(text), {}, named.notes()};
}

CommandResult gate_archive(const GateOptions& options) {
  const std::vector<analysis::Rule> rules = read_rules(options.rules);
  std::vector<CheckpointRecord> stages;
  const auto parts = needs_spectra(rules) ? archive::Parts::all : archive::Parts::without_spectra;
  NamedCheckpoints named(options.archive);
  const std::vector<std::string> names = stages_of(options, rules, named);
  for (const std::string& stage : names) {
    stages.push_back(named.read(stage, parts));
    analysis::check_alike(stages.front().provenance, stages.back().provenance);
  }
  const std::vector<TrainingState> before = conclude_stages(stages, names, rules, named);
  const bool of_run = std::any_of(rules.begin(), rules.end(), analysis::needs_advice);
  const bool is_named = is_last_named(options, names.back());
  const RunSoFar run = of_run ? run_until(names.back(), is_named, named) : RunSoFar{};
  // A stage that was not named by the user is only compared with, not checked.
  const bool several = !options.stages.empty() || !options.base.empty();
  const std::vector<analysis::RuleVerdict> verdicts =
      analysis::judge(rules, stages, options.every_stage && several, run.conclusion, before);
  analysis::Verdict judged = analysis::verdict_of(stages.back());
  judged.incomplete = run.incomplete;
  judged.old_layers = run.old_layers;
  if (!run.mixed.empty() && judged.level != analysis::Level::bad) {
    judged.level = analysis::Level::unknown;
    judged.sentence = run.mixed;
  }
  return {report::render_verdicts(verdicts, analysis::stage_changes(stages), judged,
                                  style_of(options.format, options.reading,
                                           "wishart gate " + words_of(options) + " --open")),
          ending_of(options, verdicts), named.notes()};
}

CommandResult rank_models(const RankOptions& options) {
  const std::size_t metric = metric_place(options.metric);
  std::vector<analysis::Model> models = models_of(options.archives);
  const std::vector<Analysed> left_out = take_apart(
      models, [](const analysis::Model& model) { return model.about; }, Prefer::most);
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
  if (!options.scores.empty()) return {report::csv_table(following.rows), {}, std::move(notes)};
  notes.push_back(analysis::worth_text(options.metric));
  return {models_csv(models), {}, std::move(notes)};
}

}  // namespace wishart::job
