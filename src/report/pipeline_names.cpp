#include "pipeline_names.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::report {
namespace {

constexpr std::string_view kWeight = ".weight";

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_';
}

}  // namespace

bool is_whole_matrix(const LayerRow& layer) {
  const bool matrix = layer.layer_type == "dense" || layer.layer_type == "embedding";
  return matrix && layer.key == layer.longname && layer.rf == 1;
}

std::string module_of(const LayerRow& layer) {
  std::string_view name = layer.longname;
  if (name.ends_with(kWeight)) name.remove_suffix(kWeight.size());
  return std::string(name);
}

std::string type_of(std::string_view module) {
  const std::vector<std::string> parts = split(module, '.');
  const auto number = std::find_if(parts.begin(), parts.end(), is_number);
  if (number == parts.end() || number + 1 == parts.end()) return std::string(module);
  return join(std::vector<std::string>(number + 1, parts.end()), ".");
}

std::string escaped_but_dots(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (std::string_view("\\^$*+?()[]{}|").find(c) != std::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

bool begins_another(std::string_view name, const std::vector<std::string>& sorted) {
  const auto begins = [&](auto at) { return at != sorted.end() && at->starts_with(name); };
  const auto next = std::upper_bound(sorted.begin(), sorted.end(), name);
  if (begins(next) && (*next)[name.size()] != '.') return true;
  // Past those that go on with a dot: a slash is the next character.
  return begins(std::lower_bound(sorted.begin(), sorted.end(), std::string(name) + '/'));
}

std::string yaml_text(std::string_view text) {
  // Behind a caret, nothing is taken for a number, a truth value or null.
  const bool plain = text.starts_with('^') && std::all_of(text.begin(), text.end(), [](char c) {
                       return is_word(c) || std::string_view(".^$-").find(c) != std::string::npos;
                     });
  return plain ? std::string(text) : json_quoted(text);
}

std::string yaml_number(double value) {
  require(std::isfinite(value), "yaml_number needs a finite number");
  std::string text = shortest(value);
  if (text.find('.') != std::string::npos) return text;
  text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}

}  // namespace wishart::report
