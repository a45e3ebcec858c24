#include "wishart/plan/plan.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <tuple>

#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/plan/schedule.hpp"
#include "wishart/record/adapter.hpp"
#include "wishart/record/held.hpp"

namespace wishart::plan {
namespace {

/// Below this time a team is slower than one rank, because messages outweigh the work.
constexpr double kWorthATeamSeconds = 0.1;
/// The number of time limits tried, each lower than the one before by this factor.
constexpr int kMostLimits = 16;
constexpr double kLimitStep = 0.75;
/// With this many matrices per rank, small ones fill the end of the schedule, so teams cannot help.
constexpr std::size_t kPlentyPerRank = 50;
/// A schedule with larger teams is preferred only if it is shorter by this factor.
constexpr double kClearlyShorter = 0.98;

std::string sizes_text(const std::vector<int>& sizes) {
  std::string text;
  for (const int size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return text;
}

void check_forced_team(const std::vector<int>& sizes, const PlanOptions& options) {
  if (options.team_size == 0) return;
  if (options.team_size > options.ranks) {
    throw Error(Blame::usage, "--team-size " + std::to_string(options.team_size) +
                                  ": this job has " + plural(options.ranks, "rank") +
                                  ". Start more ranks or use a smaller team");
  }
  if (std::find(sizes.begin(), sizes.end(), options.team_size) == sizes.end()) {
    throw Error(Blame::usage, "--team-size " + std::to_string(options.team_size) + ": " +
                                  std::to_string(options.ranks) + " ranks divide into teams of " +
                                  sizes_text(sizes) + ". Use one of these sizes");
  }
}

bool fits(const Matrix& matrix, const Way& way, const PlanOptions& options) {
  return options.memory_per_rank_bytes == 0 ||
         memory_bytes(matrix, way) <= options.memory_per_rank_bytes;
}

/// True if the matrix is to be compared with its base. Layers that an adapter leaves alone have
/// none.
bool compares(const Matrix& matrix, const PlanOptions& options) {
  return options.compare && has_base(matrix);
}

/// From this short side, and this many rows or columns on each rank, integers gain where they gain
/// at all (docs/performance.md).
constexpr std::int64_t kIntegersFrom = 1024;
constexpr std::int64_t kIntegerRows = 512;

/// How the products of a matrix are formed on a team of this size.
Products products_for(const Matrix& matrix, int team_size, const PlanOptions& options) {
  if (options.method != Method::gram || options.precision != Precision::float64 ||
      options.products == Products::float64) {
    return Products::float64;
  }
  const auto form = integer_form(matrix);
  if (!form) return Products::float64;
  if (options.products == Products::integer) return Products::integer;
  const bool pays = form->bytes <= options.paying_bytes && matrix.short_side() >= kIntegersFrom &&
                    matrix.long_side() / team_size >= kIntegerRows &&
                    integer_panel_depth(matrix, options.panel_bytes, *form) >= kIntegerRows;
  return pays ? Products::integer : Products::float64;
}

/// Every way that the options allow for `matrix` on a team of this size.
std::vector<Way> ways_for(const Matrix& matrix, int team_size, const PlanOptions& options) {
  Way base;
  base.method = options.method;
  base.checked = options.checked;
  base.precision = options.precision;
  base.products = products_for(matrix, team_size, options);
  base.team_size = team_size;
  base.panel_bytes = options.panel_bytes;
  base.randomize = options.randomize;
  base.farms = options.farms;
  base.bootstrap = options.bootstrap;
  base.gof = options.gof;
  std::vector<Way> ways;
  const auto add_products = [&](Way way) {
    const bool can_compare = compares(matrix, options) && !way.distributed;
    for (int compare = can_compare ? 1 : 0; compare >= 0; --compare) {
      for (int held = way.randomize > 0 ? 1 : 0; held >= 0; --held) {
        way.compare = compare == 1;
        way.held = held == 1;
        ways.push_back(way);
      }
    }
  };
  const auto add = [&](Way way) {
    add_products(way);
    // Integers need more memory. Who does not ask for them gets float64 instead of a larger team.
    if (way.products == Products::float64 || options.products == Products::integer) return;
    way.products = Products::float64;
    add_products(way);
  };
  if (options.or_svd) add(by_svd(base));
  if (team_size == 1 || options.method != Method::gram) {
    add(base);
    return ways;
  }
  std::vector<Solver> solvers{options.solver};
  if (options.solver == Solver::automatic) {
    solvers = {Solver::local, options.have_elpa ? Solver::elpa : Solver::scalapack};
  }
  for (const bool distributed : {false, true}) {
    for (const Solver solver : solvers) {
      // If no rank holds the whole matrix, one rank cannot solve it alone, nor in float32.
      if (distributed && solver == Solver::local) continue;
      Way way = base;
      way.solver = solver;
      way.distributed = distributed;
      if (distributed) {
        way.precision = Precision::float64;
        way.products = Products::float64;  // PDSYRK
      }
      add(way);
    }
  }
  return ways;
}

/// The best way for `matrix` on a team of this size: the fastest that fits; if none fits, the one
/// that needs the least memory.
Way way_for(const Matrix& matrix, int team_size, const PlanOptions& options) {
  const std::vector<Way> ways = ways_for(matrix, team_size, options);
  const auto key = [&](const Way& way) {
    const bool fitting = fits(matrix, way, options);
    return std::tuple(!fitting, fitting && compares(matrix, options) && !way.compare,
                      fitting ? cost_seconds(matrix, way, Rates{})
                              : static_cast<double>(memory_bytes(matrix, way)));
  };
  return *std::min_element(ways.begin(), ways.end(),
                           [&](const Way& a, const Way& b) { return key(a) < key(b); });
}

PlanItem item_for(const Matrix& matrix, const Way& way) {
  PlanItem item;
  item.cost_flops = cost_flops(matrix, way.method);
  item.seconds = cost_seconds(matrix, way, Rates{});
  item.way = way;
  item.memory_bytes = memory_bytes(matrix, way);
  return item;
}

/// What the choices for a matrix depend on. A model has many matrices, but few that differ in this.
using Kind =
    std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, int, bool>;

Kind kind_of(const Matrix& matrix) {
  const std::optional<IntegerForm> form = integer_form(matrix);
  return {matrix.rows,
          matrix.cols,
          matrix.num_views(),
          held_element_bytes(matrix),
          dtype_bits(matrix.tensor.dtype),
          form ? form->bytes : 0,
          has_base(matrix)};
}

/// `bytes` as text, rounded up: who gives as much as it says gives enough.
std::string at_least_text(std::int64_t bytes) {
  constexpr double kFew = 100;  // below this, human_bytes shows tenths of a unit
  constexpr double kTenth = 10;
  double unit = 1;
  while (static_cast<double>(bytes) / unit >= 1024) unit *= 1024;
  const double count = static_cast<double>(bytes + 1) / unit;
  const double shown = count < kFew ? std::ceil(count * kTenth) / kTenth : std::ceil(count);
  return human_bytes(static_cast<std::int64_t>(std::ceil(shown * unit)));
}

/// The choices for one matrix: one item for each team size that can hold it, ascending.
std::vector<PlanItem> choices_for(const Matrix& matrix, const std::vector<int>& sizes,
                                  const PlanOptions& options) {
  std::vector<PlanItem> choices;
  for (const int size : sizes) {
    if (options.team_size != 0 && size != options.team_size) continue;
    const Way way = way_for(matrix, size, options);
    if (options.team_size == 0 && !fits(matrix, way, options)) continue;
    choices.push_back(item_for(matrix, way));
    if (choices.front().seconds < kWorthATeamSeconds) break;
  }
  if (!choices.empty()) return choices;
  const std::int64_t need = memory_bytes(matrix, way_for(matrix, sizes.back(), options));
  throw Error(Blame::resource, printable(matrix.key) + " (" + std::to_string(matrix.rows) + " x " +
                                   std::to_string(matrix.cols) + "): needs " + at_least_text(need) +
                                   " per rank on all " + std::to_string(options.ranks) +
                                   " ranks, the limit is " +
                                   human_bytes(options.memory_per_rank_bytes) +
                                   ". Use more ranks, or raise --memory-per-rank");
}

/// The choices of every matrix; those of one kind are computed once.
class Choices {
public:
  Choices(std::span<const Matrix> matrices, const std::vector<int>& sizes,
          const PlanOptions& options) {
    of_matrix_.reserve(matrices.size());
    for (const Matrix& matrix : matrices) {
      const auto [entry, is_new] = of_kind_.try_emplace(kind_of(matrix));
      if (is_new) entry->second = choices_for(matrix, sizes, options);
      of_matrix_.push_back(&entry->second);
    }
  }

  [[nodiscard]] const PlanItem& smallest_team(std::size_t matrix) const {
    return of_matrix_[matrix]->front();
  }

  /// The items of a plan in which matrices take at most `limit`, if a larger team makes that
  /// possible.
  [[nodiscard]] std::vector<PlanItem> within(double limit) const;

private:
  std::map<Kind, std::vector<PlanItem>> of_kind_;
  std::vector<const std::vector<PlanItem>*> of_matrix_;
};

std::vector<PlanItem> Choices::within(double limit) const {
  std::vector<PlanItem> items;
  items.reserve(of_matrix_.size());
  for (const std::vector<PlanItem>* mine : of_matrix_) {
    const PlanItem* chosen = &mine->front();
    for (const PlanItem& choice : *mine) {
      if (chosen->seconds <= limit) break;
      if (choice.seconds < chosen->seconds) chosen = &choice;
    }
    items.push_back(*chosen);
    items.back().matrix = static_cast<std::int64_t>(items.size()) - 1;
  }
  // Ties are broken by the order of matrices, so that the plan is the same everywhere.
  std::stable_sort(items.begin(), items.end(), [](const PlanItem& a, const PlanItem& b) {
    if (a.way.team_size != b.way.team_size) return a.way.team_size > b.way.team_size;
    return a.seconds > b.seconds;
  });
  return items;
}

std::vector<double> default_seconds(const Plan& plan) {
  std::vector<double> seconds;
  for (const PlanItem& item : plan.items) seconds.push_back(item.seconds);
  return seconds;
}

}  // namespace

Plan make_plan(std::span<const Matrix> matrices, const PlanOptions& options) {
  Plan plan;
  plan.tree = team_tree(options.ranks);
  const std::vector<int> sizes = team_sizes(plan.tree);
  check_forced_team(sizes, options);
  const Choices choices(matrices, sizes, options);
  double longest = 0;
  double total = 0;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const PlanItem& first = choices.smallest_team(i);
    longest = std::max(longest, first.seconds);
    total += first.seconds * first.way.team_size;
    plan.total_flops += first.cost_flops;
  }
  plan.items = choices.within(std::numeric_limits<double>::infinity());
  const double even_share = total / options.ranks;
  const bool plenty = matrices.size() > kPlentyPerRank * static_cast<std::size_t>(options.ranks) &&
                      longest < even_share;
  if (options.ranks == 1 || options.team_size != 0 || plenty) return plan;
  double best = forecast(plan, default_seconds(plan)).makespan_seconds;
  double limit = longest;
  for (int k = 0; k < kMostLimits && limit > even_share / 8; ++k) {
    limit *= kLimitStep;
    Plan other{plan.tree, choices.within(limit), plan.total_flops};
    const double makespan = forecast(other, default_seconds(other)).makespan_seconds;
    if (makespan < kClearlyShorter * best) {
      best = makespan;
      plan = std::move(other);
    }
  }
  return plan;
}

Forecast forecast(const Plan& plan, std::span<const double> item_seconds) {
  require(item_seconds.size() == plan.items.size(), "a forecast needs the time of every item");
  struct Running {
    double end = 0;
    Assignment assignment;
    bool operator>(const Running& other) const {
      if (end != other.end) return end > other.end;
      return assignment.team > other.assignment.team;
    }
  };
  Forecast result;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running;
  Schedule schedule(plan);
  double now = 0;
  while (true) {
    while (auto work = schedule.next()) {
      double seconds = 0;
      for (const std::int64_t item : work->items) {
        seconds += item_seconds[static_cast<std::size_t>(item)];
      }
      result.busy_seconds += seconds * plan.tree[static_cast<std::size_t>(work->team)].size;
      running.push({now + seconds, std::move(*work)});
    }
    if (running.empty()) break;
    now = running.top().end;
    schedule.finish(running.top().assignment);
    running.pop();
  }
  result.makespan_seconds = now;
  const double all = now * plan.tree.front().size;
  // The sums have different orders, so without an idle rank they may differ in the last bits.
  result.idle_share = all > 0 ? std::max(0.0, 1 - result.busy_seconds / all) : 0;
  for (const PlanItem& item : plan.items) {
    result.memory_bytes = std::max(result.memory_bytes, item.memory_bytes);
  }
  return result;
}

std::vector<double> item_seconds(const Plan& plan, std::span<const Matrix> matrices,
                                 const Rates& rates) {
  std::vector<double> seconds;
  for (const PlanItem& item : plan.items) {
    seconds.push_back(
        cost_seconds(matrices[static_cast<std::size_t>(item.matrix)], item.way, rates));
  }
  return seconds;
}

}  // namespace wishart::plan
