#include "commands/monitoring.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "wishart/analysis/warnings.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/core/descriptor.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/own_file.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/whole_file.hpp"
#include "wishart/report/event_file.hpp"
#include "wishart/report/openmetrics.hpp"

#include "commands/run_past.hpp"

namespace wishart::job {
namespace {

/// The name of a model that stays the same from checkpoint to checkpoint: of a run the folder that
/// has its checkpoints, else the checkpoint's id.
std::string model_name(const Provenance& about, const std::string& id, bool of_a_run) {
  if (!of_a_run) return id;
  const std::string folder =
      std::filesystem::path(about.checkpoint_path).parent_path().filename().string();
  return folder.empty() ? id : folder;
}

/// True if the checkpoint was held against the one before: see analysis::conclude.
bool is_past_known(const RunPast& past) {
  return past.before && past.before->provenance.training.step > 0;
}

/// A checkpoint and where TensorBoard shows it.
struct EventPlace {
  TrainingPlace place;
  std::int64_t at = 0;  ///< step or tokens
};

[[noreturn]] void throw_no_steps(const archive::Reader& archive, std::size_t unknown,
                                 const std::string& first) {
  throw Error(Blame::usage, shown(archive.path()) + ": " + std::to_string(unknown) + " of " +
                                std::to_string(archive.models().size()) +
                                " checkpoints have neither a training step nor tokens, the first "
                                "one: " +
                                printable(first) +
                                ". TensorBoard needs the history of a run; see docs/histories.md "
                                "for how steps are found");
}

/// The checkpoints in the order of training. All have steps, or all have tokens; a single one needs
/// neither. Those that cannot be placed beside others that can, such as `final`, are noted.
std::vector<EventPlace> event_places(const archive::Reader& archive,
                                     std::vector<std::string>& notes) {
  std::vector<EventPlace> by_step;
  std::vector<EventPlace> by_tokens;
  std::vector<std::string> without_step;
  std::vector<std::string> without_tokens;
  std::vector<Analysed> left_out = archive.latest_run().left_out;
  std::erase_if(left_out, [](const Analysed& one) { return one.why == LeftOut::change; });
  if (!left_out.empty()) notes.push_back(analysis::left_out_text(left_out));
  for (const std::string& id : archive.models()) {
    const TrainingState training = archive.provenance(id).training;
    const TrainingPlace place = training_place(training.step, id);
    if (place.step >= 0) {
      by_step.push_back({place, place.step});
    } else {
      without_step.push_back(id);
    }
    if (training.tokens >= 0) {
      by_tokens.push_back({place, training.tokens});
    } else {
      without_tokens.push_back(id);
    }
  }
  const bool tokens = by_step.empty() && !by_tokens.empty();
  std::vector<EventPlace> places = tokens ? by_tokens : by_step;
  const std::vector<std::string>& unknown = tokens ? without_tokens : without_step;
  if (places.empty() && unknown.size() == 1) return {{training_place(-1, unknown.front()), 0}};
  if (places.empty() && !unknown.empty()) {
    throw_no_steps(archive, unknown.size(), unknown.front());
  }
  for (const std::string& id : unknown) {
    notes.push_back(printable(id) + " is left out, its " + (tokens ? "tokens are" : "step is") +
                    " not known");
  }
  std::sort(places.begin(), places.end(), [&](const EventPlace& a, const EventPlace& b) {
    if (a.place.stage != b.place.stage) return a.place.stage < b.place.stage;
    return a.at != b.at ? a.at < b.at : natural_less(a.place.name, b.place.name);
  });
  return places;
}

void append_to(const std::filesystem::path& file, std::int64_t size_bytes,
               std::span<const char> bytes) {
  OwnFile opened = open_own_file(file, O_WRONLY);
  int code = opened.planted ? EEXIST : opened.code;
  if (code == 0) code = write_fully(opened.descriptor.get(), size_bytes, std::as_bytes(bytes));
  if (code == 0) code = flush_fully(opened.descriptor);
  if (code == 0) code = close_fully(opened.descriptor);
  if (code != 0) {
    throw Error(Blame::resource, shown(file) + ": cannot be written: " + system_reason(code) +
                                     ". Its last events may be incomplete; the next export mends "
                                     "that");
  }
}

/// Brings an event file up to date. Returns what was done, in one word.
std::string update_file(const std::filesystem::path& file, const std::string& bytes) {
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(file, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(Blame::usage, shown(file) + ": is not a regular file. Remove it");
  }
  if (std::filesystem::exists(status) &&
      std::filesystem::file_size(file, ignored) <= bytes.size()) {
    const std::string before = read_text_file(file, static_cast<std::int64_t>(bytes.size()));
    if (before == bytes) return "unchanged";
    if (!before.empty() && bytes.starts_with(before)) {
      append_to(file, static_cast<std::int64_t>(before.size()),
                std::span(bytes).subspan(before.size()));
      return "extended";
    }
  }
  WholeFile whole(file);
  whole.write(std::as_bytes(std::span(bytes)));
  whole.finish();
  return std::filesystem::exists(status) ? "replaced" : "written";
}

std::filesystem::path file_of_stage(const std::filesystem::path& folder, std::int64_t stage) {
  const std::string below = stage < 0 ? "" : "stage-" + std::to_string(stage);
  return folder / below / report::kEventFileName;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (!code && std::filesystem::is_directory(folder, code)) return;
  throw Error(Blame::resource, "--output " + shown(folder) + ": the folder cannot be made" +
                                   (code ? ": " + code.message() : ""));
}

}  // namespace

CommandResult export_metrics(const archive::Reader& archive, const std::string& id,
                             const ExportOptions& options, const analysis::History* history,
                             std::ostream& out) {
  const auto [record, past] = concluded(archive, id);
  report::MetricsContext context;
  const archive::Reader::Run& run = archive.latest_run();
  const bool of_a_run =
      is_history(run) && std::any_of(run.places.begin(), run.places.end(),
                                     [&](const TrainingPlace& place) { return place.name == id; });
  context.model =
      options.model.empty() ? model_name(record.provenance, id, of_a_run) : options.model;
  context.history = history;
  context.past_known = is_past_known(past);
  out << report::openmetrics_text(record, context);
  return {};
}

CommandResult export_events(const archive::Reader& archive, const ExportOptions& options,
                            std::ostream& out) {
  if (archive.ids().empty()) (void)archive::choose(archive, "");  // throws
  CommandResult result;
  const std::vector<EventPlace> places = event_places(archive, result.notes);
  const auto content =
      options.histograms ? report::EventContent::histograms : report::EventContent::scalars;
  struct Stage {
    std::string bytes;
    std::int64_t checkpoints = 0;
  };
  std::map<std::int64_t, Stage> stages;
  RunPast past;
  for (const EventPlace& one : places) {
    CheckpointRecord record = archive.read(
        one.place.name, options.histograms ? archive::Parts::all : archive::Parts::without_spectra);
    analysis::conclude(record, past.past());
    Stage& stage = stages[one.place.stage];
    if (stage.bytes.empty()) {
      stage.bytes = report::event_file_head(report::event_time(record.provenance));
    }
    stage.bytes += report::checkpoint_events(record, one.at, content, is_past_known(past));
    ++stage.checkpoints;
    record.spectra.clear();
    past.pass(std::move(record));
  }
  for (const auto& [number, stage] : stages) {
    const std::filesystem::path file = file_of_stage(options.folder, number);
    make_folder(file.parent_path());
    out << shown(file) << ": " << plural(stage.checkpoints, "checkpoint") << ", "
        << update_file(file, stage.bytes) << '\n';
  }
  return result;
}

}  // namespace wishart::job
