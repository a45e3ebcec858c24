#include "scan/planning.hpp"

#include <algorithm>
#include <cstdlib>

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
  plan_options.precision = options.precision;
  plan_options.solver = options.solver;
  plan_options.have_elpa = spectrum::have_elpa();
  plan_options.team_size = options.team_size;
  plan_options.randomize = options.randomize;
  plan_options.farms = options.farms;
  plan_options.compare = !options.selection.base.empty();
  plan_options.memory_per_rank_bytes = options.memory_per_rank_bytes;
  return plan_options;
}

plan::Rates rates_of(double gflops) {
  const plan::Rates defaults;
  return defaults.scaled(gflops / defaults.gram_gflops);
}

int threads_of(const ScanOptions& options) {
  if (options.threads_per_rank > 0) return options.threads_per_rank;
  for (const char* name : {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it
    if (text != nullptr) return std::max(1, std::atoi(text));
  }
  return 1;
}

}  // namespace wishart::job
