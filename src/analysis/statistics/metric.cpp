#include "wishart/analysis/metric.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>

#include "wishart/analysis/usual.hpp"
#include "wishart/analysis/warnings.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/layer_status.hpp"
#include "wishart/record/row_warnings.hpp"

#include "statistics/normal.hpp"

namespace wishart::analysis {
namespace {

constexpr const char* kFailed = "failed";
constexpr std::string_view kWarningPrefix = "warning.";
constexpr std::string_view kPercentileSuffix = "_percentile";
/// WeightWatcher's words. In corrected mode the column `warning` does not have them, but rules may.
constexpr const char* kOverTrainedWord = "over-trained";
constexpr const char* kUnderTrainedWord = "under-trained";

/// Columns that come from the power law.
constexpr std::array<std::string_view, 7> kOfFit{
    "alpha", "D", "sigma", "xmin", "alpha_weighted", "log_alpha_norm", "raw_alpha"};

bool is_of_fit(std::string_view metric) {
  return std::find(kOfFit.begin(), kOfFit.end(), metric) != kOfFit.end();
}

/// The word that the status stands for; empty if for none.
std::string word_of_status(const LayerRow& row) {
  if (!has_spectrum(row)) return row.status;
  const bool expected = is_adapter_alone(row.dtype) || is_same_as_base(row);
  return is_without_fit(row) && !expected ? kFitFailed : "";
}

/// 1 if the layer has the warning, else 0.
double warning_value(const LayerRow& row, const std::string& word) {
  if (word == kOverTrainedWord) return is_below_limits(row) ? 1 : 0;
  if (word == kUnderTrainedWord) return is_above_limits(row) ? 1 : 0;
  std::vector<std::string> words;
  for (const WarningKind& kind : warning_kinds()) words.emplace_back(kind.word);
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    words.emplace_back(kOverTrainedWord);
    words.emplace_back(kUnderTrainedWord);
    throw Error(Blame::usage, "unknown warning '" + printable(word) + "'. Expected one of " +
                                  join(words, ", ") + " (docs/metrics.md)");
  }
  return has_warning(row, word) ? 1 : 0;
}

}  // namespace

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  visit_columns(LayerRow{}, [&](const char* name, const auto& value) {
    if constexpr (!std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      names.emplace_back(name);
    }
  });
  names.emplace_back(kFailed);
  wishart::visit_columns(UsualColumns{}, [&](const std::string& name, const auto&) {
    if (name.ends_with(kPercentileSuffix)) names.push_back(name);
  });
  return names;
}

double metric_value(const LayerRow& row, const std::string& metric) {
  if (metric == kFailed) return is_fitted(row) || is_without_tail(row) ? 0 : 1;
  if (metric.starts_with(kWarningPrefix)) {
    return warning_value(row, metric.substr(kWarningPrefix.size()));
  }
  double found = kNan;
  bool known = false;
  if (metric.ends_with(kPercentileSuffix)) {
    wishart::visit_columns(usual_columns(row), [&](const char* name, const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>) {
        if (metric != name) return;
        known = true;
        found = value;
      }
    });
  }
  visit_columns(row, [&](const char* name, const auto& value) {
    using Value = std::decay_t<decltype(value)>;
    if constexpr (!std::is_same_v<Value, std::string>) {
      if (known || metric != name) return;
      known = true;
      if constexpr (std::is_same_v<Value, std::int64_t>) {
        found = value == -1 ? kNan : static_cast<double>(value);
      } else {
        found = static_cast<double>(value);
      }
    }
  });
  if (known) return is_of_fit(metric) && !is_fitted(row) ? kNan : found;
  const std::string near = nearest(metric, metric_names());
  throw Error(Blame::usage, "unknown metric '" + printable(metric) + "'" +
                                (near.empty() ? "." : ". Did you mean '" + near + "'?") +
                                " It is a column of the layer table (docs/metrics.md)");
}

double alpha_error(const LayerRow& row) noexcept {
  const double width = row.alpha_high - row.alpha_low;
  // The bootstrap interval is one of 90 %.
  if (std::isfinite(width) && width > 0) return width / (2 * kNormal90);
  return row.sigma > 0 ? row.sigma : kNan;
}

std::vector<std::string> warning_words(const LayerRow& row) {
  std::vector<std::string> words = split(row.warning, ';');
  std::erase_if(words, [&](const std::string& word) {
    return word.empty() ||
           (!is_fitted(row) && (word == kOverTrainedWord || word == kUnderTrainedWord));
  });
  const std::string word = word_of_status(row);
  if (!word.empty() && std::find(words.begin(), words.end(), word) == words.end()) {
    words.push_back(word);
  }
  return words;
}

bool has_warning(const LayerRow& row, const std::string& warning) {
  const std::vector<std::string> words = warning_words(row);
  return std::find(words.begin(), words.end(), warning) != words.end();
}

Mean mean_of(const std::vector<double>& values) {
  Mean mean;
  long double sum = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++mean.count;
  }
  if (mean.count == 0) return mean;
  const auto n = static_cast<long double>(mean.count);
  const long double center = sum / n;
  mean.value = static_cast<double>(center);
  if (mean.count < 2) return mean;
  long double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - center) * (value - center);
  }
  mean.error = static_cast<double>(std::sqrt(squares / (n - 1) / n));
  return mean;
}

double median_of(std::vector<double> values) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return kNan;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<double> column(const std::vector<LayerRow>& layers, const std::string& metric) {
  std::vector<double> values;
  values.reserve(layers.size());
  for (const LayerRow& row : layers) values.push_back(metric_value(row, metric));
  return values;
}

}  // namespace wishart::analysis
