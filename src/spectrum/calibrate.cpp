#include "wishart/spectrum/calibrate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "wishart/core/seconds.hpp"

#include "lapack.hpp"

namespace wishart::spectrum {

double measured_gram_gflops(Workspace& workspace) {
  constexpr int kOrder = 768;
  constexpr int kDepth = 512;
  constexpr int kRuns = 5;
  workspace.reset();
  const std::span<double> panel = workspace.take<double>(std::int64_t{kOrder} * kDepth);
  const std::span<double> gram = workspace.take<double>(std::int64_t{kOrder} * kOrder);
  for (std::size_t i = 0; i < panel.size(); ++i) {
    panel[i] = 1.0 / static_cast<double>(1 + i % 97);  // no denormals, no zeros
  }
  const double one = 1.0;
  const double zero = 0.0;
  std::array<double, kRuns> seconds{};
  for (double& run : seconds) {
    const auto start = std::chrono::steady_clock::now();
    dsyrk_("L", "N", &kOrder, &kDepth, &one, panel.data(), &kOrder, &zero, gram.data(), &kOrder, 1,
           1);
    run = seconds_since(start);
  }
  std::sort(seconds.begin(), seconds.end());
  return 1e-9 * kOrder * kOrder * kDepth / std::max(seconds[kRuns / 2], 1e-9);
}

}  // namespace wishart::spectrum
