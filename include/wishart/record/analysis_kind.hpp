#pragma once

/// @file
/// What an analysis is about: the weights of a model, or a change of them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

/// For people: `whole weights`, `difference to /models/base`, `adapter alone`, `adapter on
/// /models/base`. Printable whatever `base_path` holds.
[[nodiscard]] std::string analysis_text(AnalysisKind kind, std::string_view base_path);

}  // namespace wishart
