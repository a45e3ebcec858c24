#include "commands/inspect_history.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/ending.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/sentence_table.hpp"

#include "scan/archived/archived_state.hpp"
#include "scan/archived/checkpoint_id.hpp"

namespace wishart::job {
namespace {

/// docs/formats.md, "Histories".
enum class State : std::uint8_t {
  complete,
  archived,
  new_here,  ///< complete, and the archive does not have it
  incomplete,
  changed,
  another,
  unfinished,
  unreadable,
};

/// In the order in which they are counted.
constexpr std::array kStates{State::complete,   State::archived,  State::new_here,
                             State::incomplete, State::changed,   State::another,
                             State::unfinished, State::unreadable};

std::string state_name(State state) {
  switch (state) {
    case State::complete:
      return "complete";
    case State::archived:
      return "archived";
    case State::new_here:
      return "new";
    case State::incomplete:
      return "incomplete";
    case State::changed:
      return "changed";
    case State::another:
      return "another";
    case State::unfinished:
      return "unfinished";
    case State::unreadable:
      return "unreadable";
  }
  throw Error(Blame::bug, "a state of a checkpoint has no name");
}

State state_of(ArchivedState state) {
  switch (state) {
    case ArchivedState::archived:
      return State::archived;
    case ArchivedState::incomplete:
      return State::incomplete;
    case ArchivedState::changed:
      return State::changed;
    case ArchivedState::another:
      return State::another;
    case ArchivedState::unreadable:
      return State::unreadable;
  }
  throw Error(Blame::bug, "an archived checkpoint is in an unknown state");
}

// Found by rows_text.hpp, because State is of this namespace.
std::string json_value(State state) { return report::json_value(state_name(state)); }
std::string csv_value(State state) { return report::csv_value(state_name(state)); }

/// A checkpoint of a history.
struct CheckpointRow {
  std::string checkpoint;  ///< its id in an archive
  State state = State::complete;
  std::string detail;  ///< what is missing or wrong; empty: nothing
  std::string path;    ///< absolute
};

template <class F>
void visit_columns(CheckpointRow& r, F&& f) {
  f("checkpoint", r.checkpoint), f("state", r.state), f("detail", r.detail), f("path", r.path);
}

/// What is wrong with the files of a checkpoint; empty: nothing.
std::string fault_of(const std::filesystem::path& path, const SelectionArguments& selection) {
  try {
    (void)checkpoint::open_checkpoint(
        path, {selection.base, selection.with_base, selection.variant, selection.allow_unknown});
  } catch (const Error& error) {
    if (error.blame() != Blame::input) throw;
    return one_line(describe(error));
  }
  return {};
}

CheckpointRow row_of(const std::filesystem::path& path, const InspectOptions& options) {
  ScanOptions scan;
  scan.selection = options.selection;
  CheckpointRow row{checkpoint_id(path, scan), State::complete, "", path.string()};
  const std::filesystem::path file = options.archive / (row.checkpoint + ".h5");
  if (!options.archive.empty() && is_there(file)) {
    ArchivedLook look = look_at_archived(file, path, options.selection);
    row.state = state_of(look.state);
    row.detail = std::move(look.detail);
    return row;
  }
  row.detail = fault_of(path, options.selection);
  if (!row.detail.empty()) {
    row.state = State::unreadable;
  } else if (!options.archive.empty()) {
    row.state = State::new_here;
    std::error_code status;
    if (std::filesystem::exists(options.archive / (row.checkpoint + ".journal"), status)) {
      row.detail = "a scan of it has begun";
    }
  }
  return row;
}

std::string table_text(const std::vector<CheckpointRow>& rows) {
  report::TextTable table;
  table.header = {"checkpoint", "state", "detail"};
  table.right_aligned = {false, false, false};
  for (const CheckpointRow& row : rows) {
    table.rows.push_back({row.checkpoint, state_name(row.state), row.detail});
  }
  return report::render_with_sentences(table);
}

}  // namespace

std::string inspect_history_text(const checkpoint::History& history,
                                 const InspectOptions& options) {
  std::vector<CheckpointRow> rows;
  for (const auto& path : history.checkpoints) rows.push_back(row_of(path, options));
  for (const checkpoint::Unfinished& one : history.unfinished) {
    rows.push_back({plain_name(one.path), State::unfinished, one.missing, one.path.string()});
  }
  if (options.format == OutputFormat::csv) return report::csv_table(rows);
  const std::string path = std::filesystem::absolute(options.path).lexically_normal().string();
  if (options.format == OutputFormat::json) {
    return report::json_opening(report::kInspectHistorySchema) +
           ", \"path\": " + report::json_value(path) +
           ", \"archive\": " + report::json_value_or_null(options.archive.string()) +
           ",\n \"checkpoints\": " + report::json_array(rows) + "}\n";
  }
  std::string text = printable(path) + ": " + plural(std::ssize(rows), "checkpoint");
  for (const State state : kStates) {
    const auto count = std::count_if(rows.begin(), rows.end(),
                                     [&](const CheckpointRow& row) { return row.state == state; });
    if (count > 0) text += ", " + std::to_string(count) + " " + state_name(state);
  }
  return text + "\n" + (rows.empty() ? "" : "\n" + table_text(rows));
}

}  // namespace wishart::job
