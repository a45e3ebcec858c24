/// @file
/// `gate`: rules on archived checkpoints.

#include "wishart/analysis/gate.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/population.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"

#include "commands/gate_rules.hpp"
#include "commands/named_checkpoints.hpp"
#include "commands/report_style.hpp"
#include "commands/run_past.hpp"
#include "options/shell_word.hpp"

namespace wishart::job {
namespace {

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

/// The words behind `wishart gate`.
std::string words_of(const GateOptions& options) {
  std::string words =
      shell_word(options.archive.string()) + " --rules " + shell_word(options.rules.string());
  if (!options.checkpoint.empty()) words += " --checkpoint " + shell_word(options.checkpoint);
  if (!options.base.empty()) words += " --base " + shell_word(options.base);
  for (const std::string& stage : options.stages) words += " --stage " + shell_word(stage);
  return words + (options.every_stage ? " --every-stage" : "");
}

}  // namespace

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

}  // namespace wishart::job
