#include <ostream>

#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/mpi/comm.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/text_table.hpp"
#include "wishart/synth/checkpoint.hpp"

#include "scan/machine/stop_signal.hpp"
#include "scan/ranks/over_ranks.hpp"

namespace wishart::job {
namespace {

constexpr double kMega = 1e6;

/// The name of the shape, and how much of it was written.
std::string shape_text(const synth::ModelShape& shape) {
  std::string text = shape.name + ", hidden size " + std::to_string(shape.hidden) + ", " +
                     std::to_string(shape.kept_blocks) + " of " + plural(shape.blocks, "block");
  if (shape.experts > 0) text += ", " + plural(shape.experts, "expert");
  return text;
}

std::string done_text(const synth::CheckpointOptions& options,
                      const synth::CheckpointSummary& summary) {
  std::string text = printable(options.folder.string()) + ": " + shape_text(options.shape) + "\n" +
                     plural(summary.tensors, "tensor") + ", " + std::to_string(summary.matrices) +
                     " matrices, " + rounded(static_cast<double>(summary.parameters), 4) +
                     " parameters, " + human_bytes(summary.bytes) + " in " +
                     plural(summary.files, "file");
  if (summary.was_there) {
    text += "; written by an earlier run";
  } else {
    text += "; " + rounded(summary.seconds, 3) + " s, " +
            rounded(static_cast<double>(summary.bytes) / kMega / summary.seconds, 3) + " MB/s";
  }
  return text + "\nthe spectra are in truth.json\n";
}

std::string done_json(const synth::CheckpointOptions& options,
                      const synth::CheckpointSummary& summary) {
  return report::json_opening(report::kSynthSchema) +
         ", \"folder\": " + json_quoted(options.folder.string()) +
         ", \"shape\": " + json_quoted(options.shape.name) +
         ", \"files\": " + std::to_string(summary.files) +
         ", \"tensors\": " + std::to_string(summary.tensors) +
         ", \"matrices\": " + std::to_string(summary.matrices) +
         ", \"parameters\": " + std::to_string(summary.parameters) +
         ", \"bytes\": " + std::to_string(summary.bytes) +
         ", \"seconds\": " + report::json_value(summary.seconds) +
         ", \"was_there\": " + report::json_value(summary.was_there) + "}\n";
}

/// A row of `wishart synth --list`.
struct ShapeRow {
  std::string shape;
  std::int64_t blocks = 0;
  std::int64_t hidden = 0;
  std::int64_t experts = 0;
  std::int64_t matrices = 0;
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;
};

template <class F>
void visit_columns(ShapeRow& r, F&& f) {
  f("shape", r.shape), f("blocks", r.blocks), f("hidden", r.hidden), f("experts", r.experts);
  f("matrices", r.matrices), f("parameters", r.parameters), f("bytes", r.bytes);
}

}  // namespace

Ending run_synth(const SynthOptions& options, const mpi::Comm& world, std::ostream& out) {
  const StopSignal signals;
  const auto check_stop = [&] {
    const std::string signal = signals.poll();
    if (signal.empty()) return;
    throw Error(Blame::interrupted, "stopped by " + signal + ": " +
                                        printable(options.checkpoint.folder.string()) +
                                        " is incomplete. Run the same command again");
  };
  const synth::CheckpointSummary summary =
      synth::write_checkpoint(options.checkpoint, world, check_stop);
  if (world.rank() == 0) {
    out << (options.format == OutputFormat::json ? done_json(options.checkpoint, summary)
                                                 : done_text(options.checkpoint, summary))
        << std::flush;
  }
  const bool lost = world.rank() == 0 && !out.good();
  return shared_ending(
      world, lost ? Ending(Blame::resource, "standard output cannot be written. " +
                                                printable(options.checkpoint.folder.string()) +
                                                " is complete")
                  : Ending());
}

std::string synth_list_text(const SynthOptions& options) {
  std::vector<ShapeRow> rows;
  for (const synth::ModelShape& shape : synth::model_shapes()) {
    synth::CheckpointOptions checkpoint = options.checkpoint;
    checkpoint.shape = shape;
    const synth::CheckpointSummary summary = synth::checkpoint_summary(checkpoint);
    rows.push_back({shape.name, shape.blocks, shape.hidden, shape.experts, summary.matrices,
                    summary.parameters, summary.bytes});
  }
  if (options.format == OutputFormat::json) {
    return report::json_opening(report::kShapesSchema) +
           ",\n \"shapes\": " + report::json_array(rows) + "}\n";
  }
  report::TextTable table;
  table.header = {"shape", "blocks", "hidden", "experts", "matrices", "parameters", "bytes"};
  table.right_aligned = {false, true, true, true, true, true, true};
  for (const ShapeRow& row : rows) {
    table.rows.push_back({row.shape, std::to_string(row.blocks), std::to_string(row.hidden),
                          std::to_string(row.experts), std::to_string(row.matrices),
                          rounded(static_cast<double>(row.parameters), 4), human_bytes(row.bytes)});
  }
  return report::render_text(table);
}

}  // namespace wishart::job
