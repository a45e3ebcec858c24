/// @file
/// `check`: scans a tuned checkpoint and its base, compares them, and judges by the rules of the
/// kind.

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <ostream>
#include <sstream>
#include <utility>

#include "wishart/analysis/adapter.hpp"
#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/archive.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/left_out.hpp"
#include "wishart/record/mode.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/check_answer.hpp"
#include "commands/check_doubts.hpp"
#include "commands/check_kind.hpp"
#include "commands/sampled_changes.hpp"
#include "commands/temporary_archive.hpp"
#include "scan/archived/checkpoint_id.hpp"
#include "scan/archived/failed_matrices.hpp"
#include "scan/archived/stored_spectrum.hpp"
#include "scan/machine/stop_signal.hpp"
#include "scan/ranks/over_ranks.hpp"
#include "scan/work/planning.hpp"

namespace wishart::job {
namespace {

/// Makes ids differ if the checkpoints have the same name.
constexpr const char* kTunedSuffix = "-tuned";

/// One of the two analyses.
struct Wanted {
  std::string path;
  std::string with_base;  ///< of an adapter
  std::string id;
  bool archived = false;
};

template <class F>
void visit_fields(Wanted& v, F&& f) {
  f(v.path), f(v.with_base), f(v.id), f(v.archived);
}

/// What rank 0 finds out and every rank needs.
struct Task {
  std::string archive;
  Wanted base;
  Wanted tuned;
};

template <class F>
void visit_fields(Task& v, F&& f) {
  f(v.archive), f(v.base), f(v.tuned);
}

/// True if the archive holds this analysis, complete and with the metrics of this version. How its
/// spectra were computed does not matter.
bool is_archived(const std::filesystem::path& archive, const std::string& id,
                 const checkpoint::Catalogue& catalogue) {
  const std::filesystem::path file = archive / (id + ".h5");
  if (!std::filesystem::exists(file)) return false;
  try {
    const CheckpointRecord record = archive::read_archive(file, archive::Parts::without_spectra);
    const Provenance& there = record.provenance;
    return there.checkpoint_identity == catalogue.identity() &&
           there.analysis == catalogue.analysis && mode_of(there.mode) == Mode::corrected &&
           there.fit_version == fit::kFitVersion && count_left_out(record.skipped) == 0 &&
           all_lasting(record.layers);
  } catch (const Error&) {
    return false;  // the scan says what is wrong with it, or computes it again
  }
}

/// The part of a check that one rank does: what to scan, and the answer.
class Checker {
public:
  /// @param check_stop  asked before each part that is read; throws if there is a reason to stop
  Checker(const CheckOptions& options, std::ostream& out, std::function<void()> check_stop)
      : options_(options), out_(out), check_stop_(std::move(check_stop)) {}

  Task task() {
    Task task;
    const checkpoint::Catalogue base = opened(options_.base);
    checkpoint::Catalogue tuned = opened(options_.tuned);
    const bool adapter = !is_whole(tuned.analysis);
    kind_ = options_.kind == CheckKind::automatic ? kind_of(tuned, base) : options_.kind;
    rules_ = rules_of(kind_);
    task.base.path = std::filesystem::absolute(options_.base).string();
    task.tuned.path = std::filesystem::absolute(options_.tuned).string();
    // For an adapter, add_to_base refuses every layer without a partner.
    if (!adapter || !is_whole(base.analysis)) check_is_base(tuned, base);
    if (adapter) {
      task.tuned.with_base = task.base.path;
      tuned = opened(options_.tuned, options_.base);
    }
    if (options_.scan.archive.empty()) temporary_.emplace();
    const std::filesystem::path archive =
        temporary_ ? temporary_->path() : std::filesystem::absolute(options_.scan.archive);
    task.archive = archive.string();
    name(task);
    task.base.archived = is_archived(archive, task.base.id, base);
    task.tuned.archived = is_archived(archive, task.tuned.id, tuned);
    return task;
  }

  /// Reads both analyses, judges, and writes the answer.
  Ending answer(const Task& task) {
    const std::filesystem::path archive = task.archive;
    std::vector<CheckpointRecord> stages;
    for (const Wanted* one : {&task.base, &task.tuned}) {
      check_stop_();
      stages.push_back(archive::Reader(archive).read(one->id));
      // What could not be computed cannot be judged. NaN in the tuned weights is judged by a rule.
      std::vector<LayerRow> failed = stages.back().layers;
      if (one == &task.tuned) {
        std::erase_if(failed, is_nonfinite);
      }
      Ending ending = ending_of(
          one->id, failed, [](const std::string&) { return std::string(); },
          archive / (one->id + ".h5"));
      if (!ending.done()) return ending;
    }
    Checked checked;
    checked.kind = kind_;
    checked.kind_by_files = options_.kind == CheckKind::automatic;
    checked.rules = rules_;
    checked.unread = leave_out_unread(stages);
    const checkpoint::Catalogue tuned = opened(options_.tuned);
    const checkpoint::Catalogue base = opened(options_.base);
    const model::SelectionOptions selection = selection_options_of(options_.scan.selection);
    analysis::Comparison& comparison = checked.comparison;
    comparison = analysis::compare(stages.front(), stages.back());
    const bool left_out = leave_out_zero_biases(stages.front(), base, comparison, check_stop_);
    for (CheckpointRecord& stage : stages) analysis::conclude(stage);
    if (left_out) comparison = analysis::compare(stages.front(), stages.back());
    checked.pruned = pruned_text(comparison);
    if (is_whole(tuned.analysis) && checked.pruned.empty()) {
      checked.changes = sampled_changes(tuned, base, selection, check_stop_);
    }
    checked.verdicts =
        analysis::judge(rules_, stages, false, conclusion_of(stages.back()), {},
                        kind_ == CheckKind::quantised ? known_errors(checked.changes, false)
                                                      : analysis::KnownErrors());
    checked.judged = analysis::verdict_of(stages.back());
    checked.damage = damage_text(tuned, base, check_stop_);
    const Answer answer = answer_of(checked, stages, tuned, base, selection, check_stop_);
    write(stages, checked, answer);
    if (answer.ok) return {};
    return Ending::gate_failed(options_.output.empty() ? "" : answer.text);
  }

private:
  [[nodiscard]] checkpoint::Catalogue opened(const std::filesystem::path& path,
                                             const std::filesystem::path& with_base = {}) const {
    check_stop_();
    checkpoint::OpenOptions how;
    how.allow_unknown = options_.scan.selection.allow_unknown;
    how.with_base = with_base;
    return checkpoint::open_checkpoint(path, how);
  }

  /// What rules on advice judge: the tuned checkpoint alone. A run of several is for `gate`.
  [[nodiscard]] analysis::Conclusion conclusion_of(const CheckpointRecord& tuned) const {
    if (std::none_of(rules_.begin(), rules_.end(), analysis::needs_advice)) return {};
    analysis::HistoryBuilder builder(kDefaultWindow);
    builder.add(tuned);
    return builder.take().conclusion;
  }

  /// Gives both analyses their ids: those that a scan would give, unless they are the same.
  void name(Task& task) const {
    const auto id = [](const Wanted& wanted, const std::string& asked) {
      ScanOptions scan;
      scan.id = asked;
      scan.selection.with_base = wanted.with_base;
      return checkpoint_id(wanted.path, scan);
    };
    task.base.id = id(task.base, options_.base_id);
    task.tuned.id = id(task.tuned, options_.id);
    if (task.base.id != task.tuned.id) return;
    task.tuned.id += kTunedSuffix;
    if (!archive::is_checkpoint_id(task.tuned.id)) {
      throw Error(Blame::usage, "both checkpoints have the id " + printable(task.base.id) +
                                    ". Name one of them with --id or --base-id");
    }
  }

  void write(const std::vector<CheckpointRecord>& stages, const Checked& checked,
             const Answer& answer) {
    const CheckpointRecord& tuned = stages.back();
    const std::vector<analysis::StageChange> changes = analysis::stage_changes(stages);
    const auto verdicts_as = [&](const report::ReportStyle& style) {
      return report::render_verdicts(checked.verdicts, changes, checked.judged, style);
    };
    if (options_.format == OutputFormat::json) {
      out_ << report::json_opening(report::kCheckSchema)
           << ", \"ok\": " << report::json_value(answer.ok)
           << ", \"answer\": " << json_quoted(answer_name(answer.kind))
           << ", \"kind\": " << json_quoted(word_of(kind_))
           << ",\n\"text\": " << json_quoted(answer.text)
           << ",\n\"tuned\": " << report::json_value(tuned.provenance.checkpoint_id)
           << ", \"base\": " << report::json_value(stages.front().provenance.checkpoint_id)
           << ", \"layers\": " << tuned.layers.size()
           << ",\n\"gate\": " << verdicts_as(report::ReportFormat::json)
           << ",\"adapter\": " << report::json_array(analysis::adapter_rows(tuned.layers)) << "}\n";
    } else {
      out_ << answer.text << '\n';
      if (options_.verbose) {
        const report::ReportStyle style(report::ReportFormat::text, options_.width);
        out_ << '\n' << verdicts_as(style) << report::render_adapter(tuned, style);
      }
    }
  }

  const CheckOptions& options_;
  std::ostream& out_;
  std::function<void()> check_stop_;
  std::optional<TemporaryArchive> temporary_;
  CheckKind kind_ = CheckKind::automatic;
  std::vector<analysis::Rule> rules_;
};

/// Scans one of the two unless the archive holds it. Collective over `world`.
/// @return done also if matrices failed: whoever reads the archive sees which
Ending scan(const Wanted& wanted, const std::string& archive, const CheckOptions& options,
            const mpi::Comm& world, std::ostream& err) {
  if (wanted.archived) return {};
  ScanOptions scan = options.scan;
  scan.paths = {wanted.path};
  scan.archive = archive;
  scan.id = wanted.id;
  scan.selection.with_base = wanted.with_base;
  std::ostringstream done;
  Ending ending = run_scan(scan, world, done, err);
  if (options.verbose && world.rank() == 0) err << done.str();
  const std::array<int, 4> of_matrices{
      static_cast<int>(Blame::input), static_cast<int>(Blame::resource),
      static_cast<int>(Blame::numerics), static_cast<int>(Blame::bug)};
  const bool archived =
      std::find(of_matrices.begin(), of_matrices.end(), ending.exit_code()) != of_matrices.end();
  return archived ? Ending() : ending;
}

}  // namespace

Ending run_check(const CheckOptions& options, const mpi::Comm& world, std::ostream& out,
                 std::ostream& err) {
  const StopSignal signals;
  const auto check_stop = [&] {
    const std::string signal = signals.poll();
    if (signal.empty()) return;
    throw Error(Blame::interrupted, "stopped by " + signal + ": " + shown(options.tuned) +
                                        " was not judged. Run the same command again");
  };
  std::optional<Checker> checker;
  std::vector<std::byte> bytes;
  mpi::together_asleep(world, [&] {  // rank 0 opens both checkpoints
    if (world.rank() != 0) return;
    checker.emplace(options, out, check_stop);
    bytes = packed(checker->task());
  });
  world.broadcast(bytes, 0);
  const auto task = unpacked<Task>(bytes);
  for (const Wanted* one : {&task.base, &task.tuned}) {
    Ending ending = scan(*one, task.archive, options, world, err);
    if (!ending.done()) return ending;
  }
  Ending own;
  mpi::together_asleep(world, [&] {  // rank 0 may read all weights of both
    if (checker) own = checker->answer(task);
  });
  return shared_ending(world, own);
}

}  // namespace wishart::job
