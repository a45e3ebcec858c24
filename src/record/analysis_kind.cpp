#include "wishart/record/analysis_kind.hpp"

#include <array>

#include "wishart/core/text.hpp"

namespace wishart {
namespace {

/// In the order of the enumeration.
constexpr std::array<std::string_view, 4> kNames{"weights", "difference", "adapter",
                                                 "adapter-on-base"};

}  // namespace

std::string_view analysis_name(AnalysisKind kind) noexcept {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<AnalysisKind> analysis_from_name(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<AnalysisKind>(i);
  }
  return std::nullopt;
}

bool is_whole(AnalysisKind kind) noexcept {
  return kind == AnalysisKind::weights || kind == AnalysisKind::adapter_on_base;
}

std::string analysis_text(AnalysisKind kind, std::string_view base_path) {
  const std::string base = base_path.empty() ? "a base" : printable(base_path);
  switch (kind) {
    case AnalysisKind::difference:
      return "difference to " + base;
    case AnalysisKind::adapter:
      return "adapter alone";
    case AnalysisKind::adapter_on_base:
      return "adapter on " + base;
    case AnalysisKind::weights:
      break;
  }
  return "whole weights";
}

}  // namespace wishart
