#include "scan/work/planning.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "wishart/core/environment.hpp"
#include "wishart/core/error.hpp"
#include "wishart/spectrum/spectrum.hpp"

namespace wishart::job {

model::SelectionOptions selection_options_of(const SelectionArguments& arguments) {
  model::SelectionOptions options;
  options.weightwatcher = arguments.weightwatcher;
  options.split_fused = arguments.split_fused;
  options.pool = !arguments.no_pool;
  options.min_evals = arguments.min_evals;
  options.layers = arguments.layers;
  return options;
}

plan::PlanOptions plan_options_of(const ScanOptions& options) {
  plan::PlanOptions plan_options;
  plan_options.method = options.method;
  plan_options.checked = options.checked();
  plan_options.or_svd = options.or_svd;
  plan_options.precision = options.precision;
  plan_options.products = options.products;
  plan_options.solver = options.solver;
  plan_options.have_elpa = spectrum::have_elpa();
  plan_options.team_size = options.team_size;
  plan_options.randomize = options.randomize;
  plan_options.farms = options.farms;
  plan_options.bootstrap = options.fit.bootstrap;
  plan_options.gof = options.fit.gof;
  plan_options.compare = !options.selection.base.empty() || !options.selection.with_base.empty();
  plan_options.memory_per_rank_bytes = options.memory_per_rank_bytes;
  return plan_options;
}

plan::Plan plan_within(std::span<const Matrix> everything, std::span<const Matrix> wanted,
                       const plan::PlanOptions& options) {
  if (everything.size() == wanted.size()) return plan::make_plan(wanted, options);
  plan::Plan whole;
  try {
    whole = plan::make_plan(everything, options);
  } catch (const Error& error) {
    if (error.blame() != Blame::resource) throw;
    return plan::make_plan(wanted, options);
  }
  std::unordered_map<std::string_view, std::int64_t> places;
  for (const Matrix& matrix : wanted) {
    places.emplace(matrix.key, static_cast<std::int64_t>(places.size()));
  }
  plan::Plan plan;
  plan.tree = std::move(whole.tree);
  for (plan::PlanItem& item : whole.items) {
    const auto place = places.find(everything[static_cast<std::size_t>(item.matrix)].key);
    if (place == places.end()) continue;
    item.matrix = place->second;
    plan.total_flops += item.cost_flops;
    plan.items.push_back(item);
  }
  return plan;
}

std::string memory_advice(std::span<const Matrix> wanted, plan::PlanOptions options,
                          const HostMemory& host) {
  if (environment_number("SLURM_JOB_ID") == 0 || host.free || host.bytes <= 0) return {};
  const auto limit = static_cast<double>(options.memory_per_rank_bytes);
  options.memory_per_rank_bytes = 0;
  if (options.team_size == 0) options.team_size = options.ranks;
  std::int64_t need = 0;
  for (const plan::PlanItem& item : plan::make_plan(wanted, options).items) {
    need = std::max(need, item.memory_bytes);
  }
  const double bytes = static_cast<double>(need) / limit * static_cast<double>(host.bytes);
  const std::int64_t cpus = std::max<std::int64_t>(environment_number("SLURM_CPUS_ON_NODE"), 1);
  const bool by_cpu = environment_number("SLURM_MEM_PER_CPU") > 0;
  const double part = by_cpu ? bytes / static_cast<double>(cpus) : bytes;
  const auto mib = static_cast<std::int64_t>(std::ceil(part * 0x1p-20)) + 1;
  return std::string(", or submit the job with ") + (by_cpu ? "--mem-per-cpu=" : "--mem=") +
         std::to_string(mib) + "M";
}

plan::Rates rates_of(double gflops) {
  const plan::Rates defaults;
  return defaults.scaled(gflops / defaults.gram_gflops);
}

int threads_of(const ScanOptions& options) {
  if (options.threads_per_rank > 0) return options.threads_per_rank;
  for (const char* name :
       {"OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const auto text = environment_variable(name)) return std::max(1, std::atoi(text->c_str()));
  }
  return 1;
}

}  // namespace wishart::job
