#include "wishart/analysis/adapter.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

constexpr std::string_view kWord = "adapter-";

std::string words_about_adapters(const std::string& warning) {
  std::vector<std::string> words = split(warning, ';');
  std::erase_if(words, [](const std::string& word) { return !word.starts_with(kWord); });
  return join(words, ";");
}

std::vector<double> values_of(const std::vector<AdapterRow>& rows, double AdapterRow::*member) {
  std::vector<double> values;
  for (const AdapterRow& row : rows) {
    if (std::isfinite(row.*member)) values.push_back(row.*member);
  }
  return values;
}

/// `6.58 to 7.83, median 7.58`.
std::string range_text(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return rounded(*low, 3) + " to " + rounded(*high, 3) + ", median " +
         rounded(median_of(values), 3);
}

std::string ranks_text(const std::vector<AdapterRow>& rows) {
  const auto [low, high] = std::minmax_element(
      rows.begin(), rows.end(),
      [](const AdapterRow& a, const AdapterRow& b) { return a.adapter_rank < b.adapter_rank; });
  const std::string least = std::to_string(low->adapter_rank);
  if (low->adapter_rank == high->adapter_rank) return "rank " + least;
  return "ranks " + least + " to " + std::to_string(high->adapter_rank);
}

}  // namespace

std::vector<AdapterRow> adapter_rows(const std::vector<LayerRow>& layers) {
  std::vector<AdapterRow> rows;
  for (const LayerRow& layer : layers) {
    const AdapterMeasures& adapter = layer.adapter;
    if (adapter.adapter_rank < 1) continue;
    rows.push_back(
        {layer.key, layer.role, layer.block, adapter.adapter_rank, adapter.adapter_effective_rank,
         adapter.adapter_frobenius, adapter.adapter_spectral, layer.weights.delta_frobenius,
         layer.weights.delta_spectral, adapter.adapter_alignment, layer.weights.top_overlap,
         layer.weights.num_intruders, words_about_adapters(layer.warning)});
  }
  return rows;
}

std::string adapter_text(const std::vector<AdapterRow>& rows, std::size_t layers) {
  if (rows.empty()) return {};
  std::string text = "LoRA of " + ranks_text(rows) + " on " + std::to_string(rows.size()) + " of " +
                     std::to_string(layers) + (layers == 1 ? " layer." : " layers.");
  const auto effective = values_of(rows, &AdapterRow::adapter_effective_rank);
  if (!effective.empty()) text += " Effective rank " + range_text(effective) + ".";
  const auto change = values_of(rows, &AdapterRow::delta_frobenius);
  if (!change.empty()) text += " Change / base " + range_text(change) + ".";
  return text;
}

}  // namespace wishart::analysis
