/// @file
/// `check`: scans a tuned checkpoint and its base, compares them, and judges by the rules of the
/// kind.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <sstream>

#include <unistd.h>

#include "wishart/analysis/adapter.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/analysis/verdict.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/archive.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/record/left_out.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/check_doubts.hpp"
#include "commands/check_kind.hpp"
#include "commands/sampled_changes.hpp"
#include "scan/checkpoint_id.hpp"
#include "scan/failed_matrices.hpp"
#include "scan/over_ranks.hpp"
#include "scan/planning.hpp"
#include "scan/stored_spectrum.hpp"

namespace wishart::job {
namespace {

/// Makes ids differ if the checkpoints have the same name.
constexpr const char* kTunedSuffix = "-tuned";

/// An archive for this run only.
class TemporaryArchive {
public:
  TemporaryArchive() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "wishart-check-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw Error(Blame::resource, printable(pattern) +
                                       ": cannot be made for a temporary archive. Name a folder "
                                       "with --archive, or set TMPDIR");
    }
    path_ = pattern;
  }
  ~TemporaryArchive() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryArchive(const TemporaryArchive&) = delete;
  TemporaryArchive& operator=(const TemporaryArchive&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

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
           there.analysis == catalogue.analysis && there.mode == "corrected" &&
           there.fit_version == fit::kFitVersion && count_left_out(record.skipped) == 0 &&
           all_lasting(record.layers);
  } catch (const Error&) {
    return false;  // the scan says what is wrong with it, or computes it again
  }
}

/// The part of a check that one rank does: what to scan, and the answer.
class Checker {
public:
  Checker(const CheckOptions& options, std::ostream& out) : options_(options), out_(out) {}

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
      stages.push_back(archive::Reader(archive).read(one->id));
      // What could not be computed cannot be judged. NaN in the tuned weights is judged by a rule.
      std::vector<LayerRow> failed = stages.back().layers;
      if (one == &task.tuned) {
        std::erase_if(failed, [](const LayerRow& row) { return row.status == "nonfinite"; });
      }
      Ending ending = ending_of(
          one->id, failed, [](const std::string&) { return std::string(); },
          archive / (one->id + ".h5"));
      if (!ending.done()) return ending;
    }
    unread_ = leave_out_unread(stages);
    const checkpoint::Catalogue tuned = opened(options_.tuned);
    const checkpoint::Catalogue base = opened(options_.base);
    leave_out_zero_biases(stages, base);
    for (CheckpointRecord& stage : stages) analysis::conclude(stage);
    pruned_ = pruned_text(stages);
    if (is_whole(tuned.analysis) && pruned_.empty()) {
      changes_ = sampled_changes(tuned, base, selection_options_of(options_.scan.selection));
    }
    const std::vector<analysis::RuleVerdict> verdicts = analysis::judge(
        rules_, stages, false, conclusion_of(stages.back()), {},
        kind_ == CheckKind::quantised ? known_errors(changes_, false) : analysis::KnownErrors());
    const analysis::Verdict judged = analysis::verdict_of(stages.back());
    damage_ = nonfinite_text(tuned, base);
    const analysis::Level level =
        damage_.empty() ? analysis::verdict_of(verdicts, judged).level : analysis::Level::bad;
    const bool ok = level != analysis::Level::bad;
    doubt_ = doubt_on(stages, verdicts, judged, level);
    const std::string line = line_of(stages, verdicts, judged, level);
    write(stages, verdicts, judged, line, ok);
    if (ok) return {};
    return Ending::gate_failed(options_.output.empty() ? "" : line);
  }

private:
  [[nodiscard]] checkpoint::Catalogue opened(const std::filesystem::path& path,
                                             const std::filesystem::path& with_base = {}) const {
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

  [[nodiscard]] const char* kind_text() const {
    switch (kind_) {
      case CheckKind::lora:
        return "lora";
      case CheckKind::quantised:
        return "quantised";
      case CheckKind::automatic:
      case CheckKind::full:
        break;
    }
    return "full";
  }

  [[nodiscard]] std::string subject(const CheckpointRecord& tuned) const {
    const std::string id = printable(tuned.provenance.checkpoint_id);
    switch (kind_) {
      case CheckKind::lora:
        return "adapter " + id;
      case CheckKind::quantised:
        return "quantised model " + id;
      case CheckKind::automatic:
      case CheckKind::full:
        break;
    }
    return "fine-tuned model " + id;
  }

  /// Why the rules do not tell whether the model is OK; empty if they do.
  [[nodiscard]] std::string doubt_on(const std::vector<CheckpointRecord>& stages,
                                     const std::vector<analysis::RuleVerdict>& verdicts,
                                     const analysis::Verdict& judged, analysis::Level level) const {
    if (judged.level == analysis::Level::bad || !damage_.empty()) return {};
    if (std::string text = layout_text(rules_, verdicts); !text.empty()) return text;
    if (std::string text = few_bits_doubt(verdicts); !text.empty()) return text;
    if (kind_ == CheckKind::full && options_.kind == CheckKind::automatic) {
      return level == analysis::Level::good
                 ? compression_doubt(stages, known_errors(changes_, true))
                 : std::string();
    }
    if (kind_ != CheckKind::quantised || !only_sizes_broken(rules_, verdicts)) return {};
    return rescaling_text(opened(options_.tuned), opened(options_.base));
  }

  /// The answer in one line.
  [[nodiscard]] std::string line_of(const std::vector<CheckpointRecord>& stages,
                                    const std::vector<analysis::RuleVerdict>& verdicts,
                                    const analysis::Verdict& judged, analysis::Level level) const {
    const CheckpointRecord& tuned = stages.back();
    const std::string what = subject(tuned);
    const std::string base = printable(stages.front().provenance.checkpoint_id);
    const auto broken = [](const analysis::RuleVerdict& one) { return !one.passed; };
    const auto first = std::find_if(verdicts.begin(), verdicts.end(), broken);
    if (first == verdicts.end()) {
      // Of what was pruned, no rule says good.
      const bool kept = level == analysis::Level::good ||
                        (level == analysis::Level::attention && !pruned_.empty());
      const bool good = kept && doubt_.empty();
      const bool same = good && pruned_.empty() && nothing_changed(stages);
      const std::string rounded = good && !same ? rounded_text(stages) : std::string();
      const std::string pruned = good ? pruned_ : std::string();
      const bool attention =
          same || !rounded.empty() || !pruned.empty() || (good && is_smaller(stages));
      std::string text = attention                       ? "ATTENTION: "
                         : good                          ? "OK: "
                         : level == analysis::Level::bad ? "NOT OK: "
                                                         : "UNKNOWN: ";
      text += what + " keeps all " + std::to_string(verdicts.size()) + " rules against " + base +
              " in " + plural(std::ssize(tuned.layers), "layer") + ".";
      text += doubt_ + damage_;
      if (!good && doubt_.empty() && damage_.empty())
        text += " But its report says: " + judged.sentence;
      if (same) text += " But nothing changed: all of its weights are those of " + base + ".";
      text += rounded + pruned;
      const std::string adapter =
          analysis::adapter_text(analysis::adapter_rows(tuned.layers), tuned.layers.size());
      return text + (adapter.empty() ? "" : " " + adapter) + left_out_of_rules_text(stages) +
             unread_text();
    }
    const auto more = std::count_if(verdicts.begin(), verdicts.end(), broken) - 1;
    std::string text = (doubt_.empty() ? "NOT OK: " : "UNKNOWN: ") + what + " against " + base +
                       " breaks '" + printable(first->rule) + "': " + one_line(first->text);
    if (!first->violations.empty() && !first->violations.front().key.empty()) {
      const analysis::Violation& worst = first->violations.front();
      text +=
          ". Worst: " + printable(worst.key) + " with " + analysis::violation_text(*first, worst);
    }
    if (more > 0) {
      text += ". " + plural(more, "more rule") + " " + is_are(more) + " broken";
    }
    return text + (text.ends_with('.') ? "" : ".") + doubt_ + damage_ + unread_text();
  }

  /// Of a fine-tuned model that is its base in another dtype.
  [[nodiscard]] std::string rounded_text(const std::vector<CheckpointRecord>& stages) const {
    if (kind_ != CheckKind::full || !moved_by_rounding(stages)) return {};
    return only_rounded_text(changes_, opened(options_.tuned), opened(options_.base),
                             selection_options_of(options_.scan.selection));
  }

  [[nodiscard]] std::string unread_text() const {
    if (unread_ == 0) return {};
    return " " + std::to_string(unread_) + (unread_ == 1 ? " layer is" : " layers are") +
           " not judged: stored in a quantisation that is not read.";
  }

  void write(const std::vector<CheckpointRecord>& stages,
             const std::vector<analysis::RuleVerdict>& verdicts, const analysis::Verdict& judged,
             const std::string& line, bool ok) {
    const CheckpointRecord& tuned = stages.back();
    const std::vector<analysis::StageChange> changes = analysis::stage_changes(stages);
    const auto verdicts_as = [&](const report::ReportStyle& style) {
      return report::render_verdicts(verdicts, changes, judged, style);
    };
    if (options_.format == OutputFormat::json) {
      out_ << report::json_opening(report::kCheckSchema) << ", \"ok\": " << report::json_value(ok)
           << ", \"kind\": " << json_quoted(kind_text()) << ",\n\"text\": " << json_quoted(line)
           << ",\n\"tuned\": " << report::json_value(tuned.provenance.checkpoint_id)
           << ", \"base\": " << report::json_value(stages.front().provenance.checkpoint_id)
           << ", \"layers\": " << tuned.layers.size()
           << ",\n\"gate\": " << verdicts_as(report::ReportFormat::json)
           << ",\"adapter\": " << report::json_array(analysis::adapter_rows(tuned.layers)) << "}\n";
    } else {
      out_ << line << '\n';
      if (options_.verbose) {
        const report::ReportStyle style(report::ReportFormat::text, options_.width);
        out_ << '\n' << verdicts_as(style) << report::render_adapter(tuned, style);
      }
    }
  }

  const CheckOptions& options_;
  std::ostream& out_;
  std::optional<TemporaryArchive> temporary_;
  CheckKind kind_ = CheckKind::automatic;
  std::vector<analysis::Rule> rules_;
  std::size_t unread_ = 0;
  std::string doubt_;
  std::string damage_;  ///< of what no rule judges
  SampledChanges changes_;
  std::string pruned_;
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
  std::optional<Checker> checker;
  std::vector<std::byte> bytes;
  mpi::together(world, [&] {
    if (world.rank() != 0) return;
    checker.emplace(options, out);
    bytes = packed(checker->task());
  });
  world.broadcast(bytes, 0);
  const auto task = unpacked<Task>(bytes);
  for (const Wanted* one : {&task.base, &task.tuned}) {
    Ending ending = scan(*one, task.archive, options, world, err);
    if (!ending.done()) return ending;
  }
  Ending own;
  mpi::together(world, [&] {
    if (checker) own = checker->answer(task);
  });
  return shared_ending(world, own);
}

}  // namespace wishart::job
