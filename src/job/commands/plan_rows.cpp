#include "commands/plan_rows.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "wishart/core/text.hpp"

#include "scan/output/progress.hpp"

namespace wishart::job {
namespace {

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

}  // namespace

report::TextTable kinds_table(const PlannedWorks& works, const PlannedJob& job) {
  struct Kind {
    std::int64_t count = 0;
    double flops = 0;
    double seconds = 0;
    std::int64_t memory_bytes = 0;
  };
  using Key = std::tuple<int, std::int64_t, std::int64_t, std::int64_t, std::string>;
  std::map<Key, Kind, std::greater<>> kinds;
  each_item(
      works, job,
      [&](const PlannedWork&, const Matrix& matrix, const plan::PlanItem& item, double seconds) {
        Kind& kind = kinds[{item.way.team_size, matrix.short_side(), matrix.long_side(),
                            matrix.num_views(), way_text(item.way)}];
        ++kind.count;
        kind.flops += item.cost_flops;
        kind.seconds += seconds;
        kind.memory_bytes = std::max(kind.memory_bytes, item.memory_bytes);
      });
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

std::vector<ItemRow> item_rows(const PlannedWorks& works, const PlannedJob& job) {
  std::vector<ItemRow> rows;
  each_item(
      works, job,
      [&](const PlannedWork& work, const Matrix& matrix, const plan::PlanItem& item,
          double seconds) {
        rows.push_back({matrix.key, matrix.long_side(), matrix.short_side(), matrix.num_views(),
                        item.way.team_size, std::string(method_name(item.way.method)),
                        std::string(solver_name(item.way.solver)),
                        std::string(precision_name(item.way.precision)),
                        std::string(products_name(item.way.products)), item.way.distributed,
                        item.cost_flops, seconds, item.memory_bytes, work.name});
      });
  return rows;
}

RanksRow ranks_row(const PlannedJob& job) {
  RanksRow row;
  row.ranks = job.ranks;
  row.seconds = job.seconds;
  row.efficiency = job.efficiency();
  row.memory_bytes = job.need_bytes;
  row.limit = plan::bound_name(job.bound);
  for (const PlannedScan& scan : job.scans) {
    row.matrices_seconds += scan.forecast.matrices.makespan_seconds;
    row.reading_seconds += scan.forecast.reading_seconds;
    row.rank_zero_seconds += scan.forecast.opening_seconds + scan.forecast.handling_seconds +
                             scan.forecast.ending_seconds;
  }
  row.longest = job.longest;
  row.longest_seconds = job.longest_seconds;
  return row;
}

RanksRow too_small(int ranks) {
  RanksRow row;
  row.ranks = ranks;
  row.seconds = row.efficiency = row.matrices_seconds = kNan;
  row.limit = "memory";
  return row;
}

report::TextTable ranks_table(const std::vector<RanksRow>& rows) {
  report::TextTable table;
  table.header = {"ranks",      "time",     "efficiency", "memory/rank",
                  "limited by", "matrices", "reading",    "rank 0"};
  table.right_aligned = {true, true, true, true, false, true, true, true};
  for (const RanksRow& row : rows) {
    if (std::isnan(row.seconds)) {
      table.rows.push_back({std::to_string(row.ranks), "-", "-", "-", row.limit, "-", "-", "-"});
      continue;
    }
    table.rows.push_back({std::to_string(row.ranks), clock_text(row.seconds),
                          rounded(100 * row.efficiency, 3) + " %", human_bytes(row.memory_bytes),
                          row.limit, clock_text(row.matrices_seconds),
                          row.reading_seconds > 0 ? clock_text(row.reading_seconds) : "-",
                          clock_text(row.rank_zero_seconds)});
  }
  return table;
}

std::vector<WorkRow> work_rows(const PlannedWorks& works, const PlannedJob& job) {
  std::vector<WorkRow> rows;
  auto scan = job.scans.begin();
  for (const PlannedWork& work : works.works) {
    WorkRow row{work.name, work.path, work.is_archived, 0, 0};
    if (!work.is_archived) {
      row.matrices = static_cast<std::int64_t>(scan->plan.items.size());
      row.seconds = scan->forecast.seconds();
      ++scan;
    }
    rows.push_back(row);
  }
  return rows;
}

Sums sums_of(const PlannedWorks& works, const PlannedJob& job) {
  Sums sums;
  each_item(works, job,
            [&](const PlannedWork&, const Matrix& matrix, const plan::PlanItem& item, double) {
              ++sums.matrices;
              sums.integer += item.way.products == Products::integer ? 1 : 0;
              sums.flops += item.cost_flops;
              sums.bytes += plan::read_bytes(matrix);
            });
  return sums;
}

report::TextTable works_table(const PlannedWorks& works, const PlannedJob& job) {
  report::TextTable table;
  table.header = {"checkpoint", "matrices", "time"};
  table.right_aligned = {false, true, true};
  for (const WorkRow& row : work_rows(works, job)) {
    table.rows.push_back({row.checkpoint,
                          row.is_archived ? "archived" : std::to_string(row.matrices),
                          row.is_archived ? "-" : clock_text(row.seconds)});
  }
  return table;
}

}  // namespace wishart::job
