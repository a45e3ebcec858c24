#include <filesystem>

#include "wishart/archive/archive.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/history.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/sentence_table.hpp"
#include "wishart/report/text_table.hpp"

#include "commands/inspect_history.hpp"
#include "scan/work/planning.hpp"

namespace wishart::job {
namespace {

/// A matrix that a scan would analyse.
struct MatrixRow {
  std::string matrix;  ///< its key
  std::string role;
  std::int64_t block = -1;  ///< -1: outside the blocks
  std::string dtype;
  std::int64_t N = 0;
  std::int64_t M = 0;
  std::int64_t views = 0;
  std::int64_t values = 0;  ///< singular values
  double flop = 0;
};

template <class F>
void visit_columns(MatrixRow& r, F&& f) {
  f("matrix", r.matrix), f("role", r.role), f("block", r.block), f("dtype", r.dtype);
  f("N", r.N), f("M", r.M), f("views", r.views), f("values", r.values), f("flop", r.flop);
}

std::vector<MatrixRow> matrix_rows(const model::Selection& selection, Method method) {
  std::vector<MatrixRow> rows;
  for (const Matrix& matrix : selection.matrices) {
    rows.push_back({matrix.key, matrix.role, matrix.block, storage_text(matrix.tensor),
                    matrix.long_side(), matrix.short_side(), matrix.num_views(),
                    matrix.num_values(), plan::cost_flops(matrix, method)});
  }
  return rows;
}

report::TextTable matrix_table(const std::vector<MatrixRow>& rows) {
  report::TextTable table;
  table.header = {"matrix", "role", "block", "dtype", "N", "M", "views", "values", "flop"};
  table.right_aligned = {false, false, true, false, true, true, true, true, true};
  for (const MatrixRow& row : rows) {
    table.rows.push_back({row.matrix, row.role, row.block < 0 ? "" : std::to_string(row.block),
                          row.dtype, std::to_string(row.N), std::to_string(row.M),
                          std::to_string(row.views), std::to_string(row.values),
                          rounded(row.flop, 3)});
  }
  return table;
}

report::TextTable skipped_table(const model::Selection& selection) {
  report::TextTable table;
  table.header = {"tensor", "dtype", "shape", "reason", "detail"};
  table.right_aligned = {false, false, false, false, false};
  for (const SkippedRow& row : selection.skipped) {
    table.rows.push_back({row.tensor, row.dtype, row.shape, row.reason, row.detail});
  }
  return table;
}

std::string json_text(const checkpoint::Catalogue& catalogue, const model::Selection& selection,
                      const std::vector<MatrixRow>& matrices, Method method) {
  using report::json_value;
  return report::json_opening(report::kInspectSchema) +
         ", \"path\": " + json_value(catalogue.root.string()) +
         ", \"format\": " + json_value(catalogue.format) +
         ", \"model_type\": " + report::json_value_or_null(catalogue.config.model_type) +
         ", \"step\": " + json_value(catalogue.training.step) +
         ", \"files\": " + std::to_string(catalogue.files.size()) +
         ", \"tensors\": " + std::to_string(catalogue.tensors.size()) +
         ", \"method\": " + json_quoted(method_name(method)) +
         ",\n \"warnings\": " + json_value(catalogue.warnings) +
         ",\n \"matrices\": " + report::json_array(matrices) +
         ",\n \"skipped\": " + report::json_array(selection.skipped) + "}\n";
}

}  // namespace

std::string inspect_text(const InspectOptions& options) {
  archive::check_is_folder(options.archive);
  const checkpoint::History history = checkpoint::history_at(options.path);
  if (!history.in_parts && history.checkpoints.empty() && !options.archive.empty()) {
    // Who asks what is new in a run learns that it has no checkpoint yet: no failure.
    const bool none_yet =
        history.unsupported.empty() && std::filesystem::is_directory(options.path);
    if (!none_yet) (void)checkpoint::find_checkpoints(options.path);  // throws, as a scan does
  }
  if (history.in_parts || !options.archive.empty()) return inspect_history_text(history, options);
  const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(
      options.path, {options.selection.base, options.selection.with_base, options.selection.variant,
                     options.selection.allow_unknown});
  const model::Selection selection =
      model::select_matrices(catalogue, selection_options_of(options.selection));
  const Method method = options.selection.weightwatcher ? Method::svd : Method::gram;
  const std::vector<MatrixRow> rows = matrix_rows(selection, method);
  const report::TextTable matrices = matrix_table(rows);
  const report::TextTable skipped = skipped_table(selection);
  if (options.format == OutputFormat::csv) return report::render_csv(matrices);
  if (options.format == OutputFormat::json) return json_text(catalogue, selection, rows, method);
  double flops = 0;
  std::int64_t parameters = 0;
  for (const Matrix& matrix : selection.matrices) {
    flops += plan::cost_flops(matrix, method);
    parameters += matrix.num_views() * matrix.rows * matrix.cols;
  }
  std::string text = printable(catalogue.root.string()) + ": " + catalogue.format + ", " +
                     plural(std::ssize(catalogue.files), "file") + ", " +
                     plural(std::ssize(catalogue.tensors), "tensor") + "\n";
  if (!catalogue.config.model_type.empty()) {
    text += "model type " + printable(catalogue.config.model_type);
    if (catalogue.training.step >= 0) text += ", step " + std::to_string(catalogue.training.step);
    text += '\n';
  }
  for (const std::string& warning : catalogue.warnings) text += "warning: " + warning + '\n';
  text += '\n' + std::to_string(selection.matrices.size()) + " matrices, " +
          rounded(static_cast<double>(parameters), 4) + " parameters, " + rounded(flops, 3) +
          " flop by " + std::string(method_name(method)) + "\n\n" + report::render_text(matrices);
  text += '\n' + std::to_string(selection.skipped.size()) + " skipped\n\n" +
          report::render_with_sentences(skipped);
  return text;
}

}  // namespace wishart::job
