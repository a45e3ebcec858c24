#pragma once

/// @file
/// What an analysis is about: the weights of a model, or a change of them.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wishart {

enum class AnalysisKind : std::uint8_t {
  weights,          ///< W
  difference,       ///< W - W_base
  adapter,          ///< s B A: a LoRA adapter alone
  adapter_on_base,  ///< W_base + s B A
};

/// `weights`, `difference`, `adapter`, `adapter-on-base`: as the archive and JSON have it.
[[nodiscard]] std::string_view analysis_name(AnalysisKind kind) noexcept;
[[nodiscard]] std::optional<AnalysisKind> analysis_from_name(std::string_view name) noexcept;

/// True if the matrices are the weights of a whole model. False if they are a change of weights,
/// whose alpha, norms and ranks say nothing about a model.
[[nodiscard]] bool is_whole(AnalysisKind kind) noexcept;

/// Leaves only whole models in `all` if there are any, and returns the changes of weights that this
/// takes out. If there are none, nothing is taken out. The order is kept.
/// @param kind_of  gives the AnalysisKind of an element
template <class T, class KindOf>
std::vector<T> take_changes(std::vector<T>& all, KindOf&& kind_of) {
  const auto changes = std::stable_partition(all.begin(), all.end(),
                                             [&](const T& one) { return is_whole(kind_of(one)); });
  if (changes == all.begin()) return {};
  std::vector<T> taken(std::make_move_iterator(changes), std::make_move_iterator(all.end()));
  all.erase(changes, all.end());
  return taken;
}

/// For people: `whole weights`, `difference to /models/base`, `adapter alone`, `adapter on
/// /models/base`. Printable whatever `base_path` holds.
[[nodiscard]] std::string analysis_text(AnalysisKind kind, std::string_view base_path);

}  // namespace wishart
