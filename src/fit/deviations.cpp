#include "deviations.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "vector_exp.hpp"

namespace wishart::fit {
namespace {

/// The number of points of a run is a multiple of this, so that registers are always full.
constexpr std::int32_t kTogether = 8;

/// Consecutive points, and where F and the deviation of each are stored.
struct Run {
  const double* logs;
  std::int32_t count;
  double first;
  double stride;
  double* F;
  double* sizes;
};

// Inlined into a function for each instruction set, where the compiler vectorises its loop.
__attribute__((always_inline)) inline void take_run(const SteppedLaw& law, const Run& run) {
  const double slope = law.slope;
  const double origin = law.origin;
  const double step = law.step;
  const double first = run.first;
  const double stride = run.stride;
  const double* const logs = run.logs;
  double* const __restrict F = run.F;
  double* const __restrict sizes = run.sizes;
  const std::int32_t count = run.count / kTogether * kTogether;
  for (std::int32_t k = 0; k < count; ++k) {
    const double share = 1 - quick_exp(slope * (logs[k] - origin));
    F[k] = share;
    sizes[k] = std::abs(share - (first + stride * static_cast<double>(k)) * step);
  }
}

void take_portable(const SteppedLaw& law, const Run& run) { take_run(law, run); }
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void take_avx2(const SteppedLaw& law, const Run& run) {
  take_run(law, run);
}
#else
void take_avx2(const SteppedLaw& law, const Run& run) { take_portable(law, run); }
#endif

}  // namespace

void deviations(InstructionSet set, const SteppedLaw& law, std::span<const double> logs,
                double first, double stride, std::span<double> F, std::span<double> sizes) {
  const auto take = set >= InstructionSet::avx2 ? take_avx2 : take_portable;
  const auto count = static_cast<std::int32_t>(logs.size());
  take(law, {logs.data(), count, first, stride, F.data(), sizes.data()});
  const std::int32_t rest = count % kTogether;
  if (rest == 0) return;
  // Process the rest as a whole run too: one by one they would take as long as several runs.
  std::array<double, kTogether> rest_logs;
  std::array<double, kTogether> rest_F;
  std::array<double, kTogether> rest_sizes;
  rest_logs.fill(law.origin);
  const std::int32_t done = count - rest;
  std::copy_n(logs.data() + done, rest, rest_logs.begin());
  take(law, {rest_logs.data(), kTogether, first + stride * static_cast<double>(done), stride,
             rest_F.data(), rest_sizes.data()});
  std::copy_n(rest_F.begin(), rest, F.data() + done);
  std::copy_n(rest_sizes.begin(), rest, sizes.data() + done);
}

double largest_of(std::span<const double> sizes) {
  // Four maxima at a time, because a single one would be a dependency chain.
  std::array<double, 4> largest{};
  std::size_t k = 0;
  for (; k + 4 <= sizes.size(); k += 4) {
    for (std::size_t lane = 0; lane < 4; ++lane) {
      largest[lane] = largest[lane] > sizes[k + lane] ? largest[lane] : sizes[k + lane];
    }
  }
  for (; k < sizes.size(); ++k) largest[0] = std::max(largest[0], sizes[k]);
  return *std::max_element(largest.begin(), largest.end());
}

}  // namespace wishart::fit
