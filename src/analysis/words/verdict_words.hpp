#pragma once

/// @file
/// Internal: what the verdicts on checkpoints, histories, comparisons, rules and ranks share.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wishart/analysis/verdict.hpp"
#include "wishart/core/text.hpp"

namespace wishart::analysis {

// Sections of the reports that reasons point to.
inline constexpr const char* kOfAttention = "sec-layers-that-need-attention";
inline constexpr const char* kOfLayers = "sec-layers";

// Figures of the reports, by their ids.
inline constexpr const char* kFigWarnings = "fig-blocks-warnings";
inline constexpr const char* kFigAlphas = "fig-blocks-alpha";
inline constexpr const char* kFigRoles = "fig-alpha-by-role";

/// A name and a reason are cut at this length: files may have names of any.
inline constexpr std::size_t kMostOfName = 160;

inline std::string named(const std::string& name) { return printable(name, kMostOfName); }

/// Adds a reason while there is room.
inline void add_reason(Verdict& verdict, std::string text, const char* anchor,
                       std::vector<std::string> figures = {}) {
  if (verdict.reasons.size() >= kMostReasons) return;
  verdict.reasons.push_back({std::move(text), anchor, std::move(figures)});
}

}  // namespace wishart::analysis
