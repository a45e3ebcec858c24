#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/plan/plan.hpp"
#include "wishart/report/text_table.hpp"

#include "scan/planning.hpp"

namespace wishart::job {
namespace {

report::TextTable matrix_table(const model::Selection& selection, Method method) {
  report::TextTable table;
  table.header = {"matrix", "role", "block", "dtype", "N", "M", "views", "values", "flop"};
  table.right_aligned = {false, false, true, false, true, true, true, true, true};
  for (const Matrix& matrix : selection.matrices) {
    table.rows.push_back(
        {matrix.key, matrix.role, matrix.block < 0 ? "" : std::to_string(matrix.block),
         storage_text(matrix.tensor), std::to_string(matrix.long_side()),
         std::to_string(matrix.short_side()), std::to_string(matrix.num_views()),
         std::to_string(matrix.num_values()), rounded(plan::cost_flops(matrix, method), 3)});
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

}  // namespace

std::string inspect_text(const InspectOptions& options) {
  const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(
      options.path, {options.selection.base, options.selection.with_base});
  const model::Selection selection =
      model::select_matrices(catalogue, selection_options_of(options.selection));
  const Method method = options.selection.weightwatcher ? Method::svd : Method::gram;
  const report::TextTable matrices = matrix_table(selection, method);
  const report::TextTable skipped = skipped_table(selection);
  if (options.format == OutputFormat::csv) return report::render_csv(matrices);
  if (options.format == OutputFormat::json) {
    return "{\"format\": " + json_quoted(catalogue.format) +
           ", \"tensors\": " + std::to_string(catalogue.tensors.size()) +
           ", \"matrices\": " + report::render_json(matrices) +
           ", \"skipped\": " + report::render_json(skipped) + "}\n";
  }
  double flops = 0;
  std::int64_t parameters = 0;
  for (const Matrix& matrix : selection.matrices) {
    flops += plan::cost_flops(matrix, method);
    parameters += matrix.num_views() * matrix.rows * matrix.cols;
  }
  std::string text = printable(catalogue.root.string()) + ": " + catalogue.format + ", " +
                     std::to_string(catalogue.files.size()) + " files, " +
                     std::to_string(catalogue.tensors.size()) + " tensors\n";
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
          report::render_text(skipped);
  return text;
}

}  // namespace wishart::job
