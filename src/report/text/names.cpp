#include "text/names.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

namespace wishart::report {
namespace {

constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

bool has_digit(const std::string& part) {
  return std::any_of(part.begin(), part.end(), [](char c) { return '0' <= c && c <= '9'; });
}

/// The parts with points between them; neighbours that are left out share one ellipsis.
std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  bool after_gap = false;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    const bool gap = parts[k] == kEllipsis;
    if (gap && after_gap) continue;
    text += (k > 0 ? "." : "") + parts[k];
    after_gap = gap;
  }
  return text;
}

}  // namespace

std::string shortened_name(const std::string& name, std::size_t max) {
  if (width_of(name) <= max) return name;
  std::vector<std::string> parts = split(name, '.');
  std::string text = name;
  for (std::size_t k = 0; k + 1 < parts.size() && width_of(text) > max; ++k) {
    if (has_digit(parts[k])) continue;
    parts[k] = kEllipsis;
    text = joined(parts);
  }
  return shortened(text, max);
}

}  // namespace wishart::report
