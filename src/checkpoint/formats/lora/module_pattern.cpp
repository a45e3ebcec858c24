#include <algorithm>
#include <optional>
#include <vector>

#include "formats/lora/adapter.hpp"

namespace wishart::checkpoint {
namespace {

/// One element of a pattern: a character class and a repetition.
struct Piece {
  enum class Kind : std::uint8_t { literal, any, digit, word } kind = Kind::literal;
  char literal = 0;
  bool optional = false;
  bool repeated = false;

  [[nodiscard]] bool fits(char c) const {
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
};

std::optional<std::vector<Piece>> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces;
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
  return pieces;
}

/// Whether the pieces match the whole text. The time is at most proportional to pieces x
/// characters.
bool matches(const std::vector<Piece>& pieces, std::string_view text) {
  std::vector<char> reached(text.size() + 1, 0);
  reached[0] = 1;
  for (const Piece& piece : pieces) {
    std::vector<char> next(text.size() + 1, 0);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      if (piece.optional && reached[i] != 0) next[i] = 1;
      if (i == 0 || !piece.fits(text[i - 1])) continue;
      if (reached[i - 1] != 0 || (piece.repeated && next[i - 1] != 0)) next[i] = 1;
    }
    reached = std::move(next);
  }
  return reached[text.size()] != 0;
}

}  // namespace

std::optional<bool> matches_module(std::string_view pattern, std::string_view module) {
  const bool whole = pattern.starts_with('^');
  if (whole) pattern.remove_prefix(1);
  if (pattern.ends_with('$') && !pattern.ends_with("\\$")) pattern.remove_suffix(1);
  const auto pieces = pieces_of(pattern);
  if (!pieces) return std::nullopt;
  // peft, utils/other.py, get_pattern_key: (.*\.)?(pattern)$
  if (matches(*pieces, module)) return true;
  for (std::size_t at = module.find('.'); !whole && at != std::string_view::npos;
       at = module.find('.', at + 1)) {
    if (matches(*pieces, module.substr(at + 1))) return true;
  }
  return false;
}

}  // namespace wishart::checkpoint
