#include "commands/xmin_scan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>

#include "wishart/core/whole_number.hpp"
#include "wishart/fit/fingers.hpp"
#include "wishart/fit/power_law.hpp"
#include "wishart/fit/thresholds.hpp"
#include "wishart/record/fit_counts.hpp"
#include "wishart/record/mode.hpp"

namespace wishart::job {
namespace {

/// The number of `--xmax` among the stored options of a fit; 0 if they are not known.
std::int64_t excluded_values(const std::string& fit_options) {
  static constexpr std::string_view kName = "\"xmax\": ";
  const std::size_t at = fit_options.find(kName);
  if (at == std::string::npos) return 0;
  const std::size_t begin = at + kName.size();
  const std::size_t end = std::min(fit_options.find_first_of(",}", begin), fit_options.size());
  return whole_number(fit_options.substr(begin, end - begin)).value_or(0);
}

/// The eigenvalues that the fit of this row considered: above its floor, without the largest that
/// were excluded or clipped.
std::vector<double> fitted_values(const Provenance& provenance, const LayerRow& row,
                                  const std::vector<double>& sigma) {
  std::vector<double> values;
  for (const double value : sigma) {
    if (value * value > row.fit_floor) values.push_back(value * value);
  }
  const auto excluded =
      std::clamp<std::int64_t>(excluded_values(provenance.fit_options), 0, std::ssize(values));
  values.resize(values.size() - static_cast<std::size_t>(excluded));
  if (is_fitted(row) && std::isfinite(row.xmax)) {
    values.erase(std::upper_bound(values.begin(), values.end(), row.xmax), values.end());
  }
  return values;
}

/// True if the fit looks for xmin near the peak of the density only.
bool is_at_peak(const std::string& fit_options) {
  return fit_options.find("\"xmin_peak\"") != std::string::npos ||
         fit_options.find("\"E_TPL\"") != std::string::npos;
}

}  // namespace

std::vector<report::XminCandidate> xmin_candidates(const Provenance& provenance,
                                                   const LayerRow& row,
                                                   const std::vector<double>& sigma) {
  const std::vector<double> fitted = fitted_values(provenance, row, sigma);
  const bool weightwatcher = is_compat(provenance);
  const fit::ScanOptions options{.min_tail = weightwatcher ? 2 : fit::kMinTail,
                                 .skip_repeated = !weightwatcher};
  std::vector<report::XminCandidate> candidates;
  for (const fit::Tail& tail : is_at_peak(provenance.fit_options)
                                   ? fit::candidates_at_peak(fitted, options, weightwatcher)
                                   : fit::scan_curve(fitted, options)) {
    candidates.push_back({tail.xmin, tail.alpha, tail.D});
  }
  return candidates;
}

}  // namespace wishart::job
