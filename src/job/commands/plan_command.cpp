#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/plan/plan.hpp"
#include "wishart/report/json_schema.hpp"
#include "wishart/report/rows_text.hpp"
#include "wishart/report/text_table.hpp"
#include "wishart/spectrum/calibrate.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/planning.hpp"
#include "scan/progress.hpp"

namespace wishart::job {
namespace {

/// A finished plan with its predictions.
struct Planned {
  std::vector<Matrix> matrices;
  plan::Plan plan;
  std::vector<double> seconds;  ///< for each item
  plan::Forecast forecast;
  double gflops = 0;
};

std::string way_text(const plan::Way& way) {
  std::string text(method_name(way.method));
  if (way.checked) text += ", checked";
  if (way.precision == Precision::float32) text += ", float32";
  if (way.products == Products::integer) text += ", integer";
  if (way.team_size > 1 && way.method == Method::gram) {
    text += ", " + std::string(solver_name(way.solver));
    if (way.distributed) text += ", distributed";
  }
  if (way.compare) text += ", compared";
  if (way.randomize > 0) {
    text += ", " + std::to_string(way.randomize) + " random";
    if (!way.held) text += ", by passes";
  }
  return text;
}

/// One row for each kind of matrix: a model has hundreds of matrices, but only a dozen kinds.
report::TextTable kinds_table(const Planned& planned) {
  struct Kind {
    std::int64_t count = 0;
    double flops = 0;
    double seconds = 0;
    std::int64_t memory_bytes = 0;
  };
  using Key = std::tuple<int, std::int64_t, std::int64_t, std::int64_t, std::string>;
  std::map<Key, Kind, std::greater<>> kinds;
  for (std::size_t i = 0; i < planned.plan.items.size(); ++i) {
    const plan::PlanItem& item = planned.plan.items[i];
    const Matrix& matrix = planned.matrices[static_cast<std::size_t>(item.matrix)];
    Kind& kind = kinds[{item.way.team_size, matrix.short_side(), matrix.long_side(),
                        matrix.num_views(), way_text(item.way)}];
    ++kind.count;
    kind.flops += item.cost_flops;
    kind.seconds += planned.seconds[i];
    kind.memory_bytes = std::max(kind.memory_bytes, item.memory_bytes);
  }
  report::TextTable table;
  table.header = {"matrices", "N x M", "views", "team", "how", "Tflop", "s/matrix", "memory/rank"};
  table.right_aligned = {true, true, true, true, false, true, true, true};
  for (const auto& [key, kind] : kinds) {
    const auto& [team, m, n, views, way] = key;
    table.rows.push_back({std::to_string(kind.count), std::to_string(n) + " x " + std::to_string(m),
                          std::to_string(views), std::to_string(team), way,
                          rounded(kind.flops * 1e-12, 3),
                          rounded(kind.seconds / static_cast<double>(kind.count), 3),
                          human_bytes(kind.memory_bytes)});
  }
  return table;
}

/// One matrix of the plan.
struct ItemRow {
  std::string matrix;  ///< its key
  std::int64_t N = 0;
  std::int64_t M = 0;
  std::int64_t views = 0;
  std::int64_t team_size = 0;
  std::string method;
  std::string solver;
  std::string precision;
  std::string products;
  bool distributed = false;
  double flop = 0;
  double seconds = 0;
  std::int64_t memory_bytes = 0;  ///< of the rank that needs the most
};

template <class F>
void visit_columns(ItemRow& r, F&& f) {
  f("matrix", r.matrix), f("N", r.N), f("M", r.M), f("views", r.views);
  f("team_size", r.team_size), f("method", r.method), f("solver", r.solver);
  f("precision", r.precision), f("products", r.products), f("distributed", r.distributed);
  f("flop", r.flop);
  f("seconds", r.seconds), f("memory_bytes", r.memory_bytes);
}

/// One row for each matrix, in the order in which they are assigned.
std::vector<ItemRow> item_rows(const Planned& planned) {
  std::vector<ItemRow> rows;
  for (std::size_t i = 0; i < planned.plan.items.size(); ++i) {
    const plan::PlanItem& item = planned.plan.items[i];
    const Matrix& matrix = planned.matrices[static_cast<std::size_t>(item.matrix)];
    rows.push_back({matrix.key, matrix.long_side(), matrix.short_side(), matrix.num_views(),
                    item.way.team_size, std::string(method_name(item.way.method)),
                    std::string(solver_name(item.way.solver)),
                    std::string(precision_name(item.way.precision)),
                    std::string(products_name(item.way.products)), item.way.distributed,
                    item.cost_flops, planned.seconds[i], item.memory_bytes});
  }
  return rows;
}

/// The command that submits slurm/scan.sbatch for this plan.
std::string sbatch_line(const PlanOptions& options, const Planned& planned) {
  const int per_node =
      options.ranks_per_node > 0 ? std::min(options.ranks_per_node, options.ranks) : options.ranks;
  const int nodes = (options.ranks + per_node - 1) / per_node;
  // 1.5 times the predicted time and 5 minutes, and 512 MiB for the program itself.
  const auto minutes = static_cast<std::int64_t>(planned.forecast.makespan_seconds * 1.5 / 60) + 5;
  const std::int64_t mib = (planned.forecast.memory_bytes >> 20U) + 512;
  return "sbatch --nodes=" + std::to_string(nodes) +
         " --ntasks-per-node=" + std::to_string(per_node) +
         " --cpus-per-task=" + std::to_string(threads_of(options.scan)) +
         " --mem=" + std::to_string(mib * per_node) + "M --time=" + std::to_string(minutes) +
         " slurm/scan.sbatch " + printable(options.path.string()) + " ARCHIVE";
}

std::string json_text(const PlanOptions& options, const checkpoint::Catalogue& catalogue,
                      const Planned& planned) {
  using report::json_value;
  return report::json_opening(report::kPlanSchema) +
         ", \"path\": " + json_value(catalogue.root.string()) +
         ", \"ranks\": " + std::to_string(options.ranks) +
         ", \"matrices\": " + std::to_string(planned.plan.items.size()) +
         ", \"flop\": " + json_value(planned.plan.total_flops) +
         ", \"gflops_per_rank\": " + json_value(planned.gflops) +
         ",\n \"makespan_seconds\": " + json_value(planned.forecast.makespan_seconds) +
         ", \"idle_share\": " + json_value(planned.forecast.idle_share) +
         ", \"memory_per_rank_bytes\": " + std::to_string(planned.forecast.memory_bytes) +
         ",\n \"sbatch\": " + json_value(sbatch_line(options, planned)) +
         ",\n \"items\": " + report::json_array(item_rows(planned)) + "}\n";
}

}  // namespace

std::string plan_text(const PlanOptions& options) {
  const checkpoint::Catalogue catalogue = checkpoint::open_checkpoint(
      options.path, {options.scan.selection.base, options.scan.selection.with_base,
                     options.scan.selection.variant, options.scan.selection.allow_unknown});
  Planned planned;
  model::SelectionOptions selection = selection_options_of(options.scan.selection);
  planned.matrices = model::select_matrices(catalogue, selection).matrices;
  selection.layers.clear();
  const std::vector<Matrix> everything = model::select_matrices(catalogue, selection).matrices;
  plan::PlanOptions plan_options = plan_options_of(options.scan);
  plan_options.ranks = options.ranks;
  spectrum::set_blas_threads(threads_of(options.scan));
  plan_options.integers_pay = spectrum::integers_pay();
  planned.plan = plan_within(everything, planned.matrices, plan_options);
  planned.gflops = options.gflops;
  if (planned.gflops == 0) {
    spectrum::Workspace workspace;
    planned.gflops = spectrum::measured_gram_gflops(workspace);
  }
  planned.seconds = plan::item_seconds(planned.plan, planned.matrices, rates_of(planned.gflops));
  planned.forecast = plan::forecast(planned.plan, planned.seconds);
  if (options.format == OutputFormat::csv) return report::csv_table(item_rows(planned));
  if (options.format == OutputFormat::json) return json_text(options, catalogue, planned);
  return printable(catalogue.root.string()) + ": " + std::to_string(planned.plan.items.size()) +
         " matrices, " + rounded(planned.plan.total_flops * 1e-12, 4) + " Tflop\n\n" +
         report::render_text(kinds_table(planned)) + "\n" + std::to_string(options.ranks) +
         (options.ranks == 1 ? " rank" : " ranks") + " at " + rounded(planned.gflops, 3) +
         " GFLOP/s: about " + clock_text(planned.forecast.makespan_seconds) + ", " +
         rounded(100 * planned.forecast.idle_share, 2) + " % idle, up to " +
         human_bytes(planned.forecast.memory_bytes) +
         " per rank in addition to the program itself\n\n" + sbatch_line(options, planned) + "\n";
}

}  // namespace wishart::job
