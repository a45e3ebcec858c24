#include "commands/xmin_scan.hpp"

#include "wishart/fit/power_law.hpp"
#include "wishart/fit/thresholds.hpp"

namespace wishart::job {

std::vector<report::XminCandidate> xmin_candidates(const Provenance& provenance,
                                                   const LayerRow& row,
                                                   const std::vector<double>& sigma) {
  std::vector<double> fitted;
  for (const double value : sigma) {
    if (value * value > row.fit_floor) fitted.push_back(value * value);
  }
  const bool weightwatcher = provenance.mode == "weightwatcher";
  const fit::ScanOptions options{.min_tail = weightwatcher ? 2 : fit::kMinTail,
                                 .skip_repeated = !weightwatcher};
  std::vector<report::XminCandidate> candidates;
  for (const fit::Tail& tail : fit::scan_curve(fitted, options)) {
    candidates.push_back({tail.xmin, tail.alpha, tail.D});
  }
  return candidates;
}

}  // namespace wishart::job
