#include "formats/lora/module_pattern.hpp"

#include <algorithm>

namespace wishart::checkpoint {

bool ModulePattern::Piece::fits(char c) const {
  const bool digit = c >= '0' && c <= '9';
  switch (kind) {
    case Kind::literal:
      return c == literal;
    case Kind::any:
      return true;
    case Kind::digit:
      return digit;
    case Kind::word:
      return digit || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  }
  return false;
}

std::optional<ModulePattern> ModulePattern::parsed(std::string_view pattern) {
  ModulePattern result;
  std::vector<Piece>& pieces = result.pieces_;
  result.whole_ = pattern.starts_with('^');
  if (result.whole_) pattern.remove_prefix(1);
  if (pattern.ends_with('$') && !pattern.ends_with("\\$")) pattern.remove_suffix(1);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if ((c == '*' || c == '+' || c == '?') && !pieces.empty()) {
      pieces.back().optional = c != '+';
      pieces.back().repeated = c != '?';
      continue;
    }
    Piece piece;
    piece.literal = c;
    if (c == '.') {
      piece.kind = Piece::Kind::any;
    } else if (c == '\\' && i + 1 < pattern.size()) {
      piece.literal = pattern[++i];
      if (piece.literal == 'd') piece.kind = Piece::Kind::digit;
      if (piece.literal == 'w') piece.kind = Piece::Kind::word;
    } else if (std::string_view("\\()[]{}|*+?^$").find(c) != std::string_view::npos) {
      return std::nullopt;
    }
    pieces.push_back(piece);
  }
  return result;
}

bool ModulePattern::matches(std::string_view module, std::int64_t& steps) const {
  // Most patterns are names. From the back, the first character that differs decides.
  std::size_t count = pieces_.size();
  for (; count > 0 && !pieces_[count - 1].optional && !pieces_[count - 1].repeated; --count) {
    ++steps;
    if (module.empty() || !pieces_[count - 1].fits(module.back())) return false;
    module.remove_suffix(1);
  }
  if (count == 0) return module.empty() || (!whole_ && module.back() == '.');
  return match(count, module, steps);
}

bool ModulePattern::match(std::size_t count, std::string_view text, std::int64_t& steps) const {
  // peft, utils/other.py, get_pattern_key: (.*\.)?(pattern)$. All beginnings in one pass.
  std::vector<char> reached(text.size() + 1, 0);
  reached[0] = 1;
  for (std::size_t i = 0; !whole_ && i < text.size(); ++i) {
    if (text[i] == '.') reached[i + 1] = 1;
  }
  std::vector<char> next(text.size() + 1, 0);
  for (std::size_t p = 0; p < count; ++p) {
    const Piece& piece = pieces_[p];
    bool any = false;
    for (std::size_t i = 0; i <= text.size(); ++i) {
      const bool skipped = piece.optional && reached[i] != 0;
      const bool taken = i > 0 && (reached[i - 1] != 0 || (piece.repeated && next[i - 1] != 0)) &&
                         piece.fits(text[i - 1]);
      next[i] = skipped || taken ? 1 : 0;
      any = any || skipped || taken;
    }
    steps += static_cast<std::int64_t>(text.size()) + 1;
    if (!any) return false;
    std::swap(reached, next);
  }
  return reached[text.size()] != 0;
}

}  // namespace wishart::checkpoint
