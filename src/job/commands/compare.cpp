/// @file
/// `compare`: two archived checkpoints.

#include "wishart/analysis/compare.hpp"

#include <string>
#include <utility>

#include "wishart/analysis/warnings.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/decisions.hpp"
#include "wishart/report/rows_text.hpp"

#include "commands/named_checkpoints.hpp"
#include "commands/report_style.hpp"
#include "commands/run_past.hpp"
#include "options/shell_word.hpp"

namespace wishart::job {
namespace {

/// The words behind `wishart compare`.
std::string words_of(const CompareOptions& options) {
  std::string words = options.archive.empty() ? "" : shell_word(options.archive.string()) + " ";
  return words + shell_word(options.checkpoints[0]) + " " + shell_word(options.checkpoints[1]);
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

}  // namespace wishart::job
