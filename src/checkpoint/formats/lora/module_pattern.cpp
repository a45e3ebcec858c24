#include "formats/lora/module_pattern.hpp"

#include <algorithm>
#include <utility>

#include "wishart/core/narrow.hpp"
#include "wishart/core/words.hpp"

namespace wishart::checkpoint {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

/// Reads a pattern from left to right.
class ModulePatternParser {
  using Piece = ModulePattern::Piece;
  using Kind = Piece::Kind;

public:
  explicit ModulePatternParser(std::string_view text) : text_(text) {}

  /// False if the pattern contains something that is not supported.
  [[nodiscard]] bool run() {
    result_.whole_ = take('^');
    if (text_.ends_with('$') && !text_.ends_with("\\$")) text_.remove_suffix(1);
    while (at_ < text_.size()) {
      if (!take_one()) return false;
    }
    return depth_ == 0 && can_end() && add_outermost_group();
  }
  [[nodiscard]] ModulePattern result() && { return std::move(result_); }

private:
  /// Nested groups are matched with memory for each.
  static constexpr std::int64_t kMaxDepth = 8;

  [[nodiscard]] bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void add(Kind kind, char literal = 0) {
    Piece piece;
    piece.kind = kind;
    piece.literal = literal;
    result_.pieces_.push_back(piece);
  }

  /// An alternative that is empty is not supported.
  [[nodiscard]] bool can_end() const {
    if (result_.pieces_.empty()) return true;
    const Kind last = result_.pieces_.back().kind;
    return last != Kind::open && last != Kind::alternative;
  }

  [[nodiscard]] bool take_one() {
    const char c = text_[at_++];
    if (c == '*' || c == '+' || c == '?') return repeat(c);
    repetitions_ = 0;
    switch (c) {
      case '.':
        add(Kind::any);
        return true;
      case '\\':
        return take_escaped();
      case '[':
        return take_set();
      case '(':
        if (take('?') && !take(':')) return false;
        add(Kind::open);
        return ++depth_ <= kMaxDepth;
      case '|':
        if (!can_end() || result_.pieces_.empty()) return false;
        alternatives_ = alternatives_ || depth_ == 0;
        add(Kind::alternative);
        return true;
      case ')':
        if (!can_end() || depth_-- == 0) return false;
        add(Kind::close);
        return true;
      default:
        if (std::string_view("]{}^$").find(c) != std::string_view::npos) return false;
        add(Kind::literal, c);
        return true;
    }
  }

  [[nodiscard]] bool repeat(char c) {
    if (!can_end() || result_.pieces_.empty()) return false;
    // `*?` matches the same as `*`, if another part of the text first.
    if (++repetitions_ > 1) return repetitions_ == 2 && c == '?';
    Piece& last = result_.pieces_.back();
    if (last.kind == Kind::close && c != '?') return false;
    last.optional = c != '+';
    last.repeated = c != '?';
    return true;
  }

  [[nodiscard]] bool take_escaped() {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    if (c == 'd' || c == 'w') {
      add(c == 'd' ? Kind::digit : Kind::word);
      return true;
    }
    if (is_digit(c) || is_letter(c)) return false;  // `\b`, `\s`, `\1`, ...
    add(Kind::literal, c);
    return true;
  }

  /// `[a-z_]`, after its first character.
  [[nodiscard]] bool take_set() {
    add(take('^') ? Kind::others : Kind::set);
    const std::size_t first = result_.ranges_.size();
    while (!take(']')) {
      if (!take_range()) return false;
    }
    Piece& piece = result_.pieces_.back();
    piece.first_range = narrow<std::int32_t>(first, "ranges of a pattern");
    piece.ranges = narrow<std::int32_t>(result_.ranges_.size() - first, "ranges of a pattern");
    return piece.ranges > 0;
  }

  [[nodiscard]] bool take_range() {
    const auto character = [&]() -> std::optional<char> {
      if (at_ == text_.size() || text_[at_] == '[') return std::nullopt;
      const bool escaped = take('\\');
      if (at_ == text_.size()) return std::nullopt;
      const char c = text_[at_++];
      if (escaped && (is_digit(c) || is_letter(c))) return std::nullopt;
      return c;
    };
    if (text_.substr(at_).starts_with("\\d")) {
      at_ += 2;
      result_.ranges_.push_back({'0', '9'});
      return true;
    }
    const std::optional<char> from = character();
    if (!from) return false;
    std::optional<char> to = from;
    const bool more = text_.substr(at_).starts_with('-') && !text_.substr(at_).starts_with("-]");
    if (more) {
      ++at_;
      to = character();
    }
    if (!to || *to < *from) return false;
    result_.ranges_.push_back({*from, *to});
    return true;
  }

  /// PEFT puts the pattern in a group, and what precedes it before that.
  [[nodiscard]] bool add_outermost_group() {
    if (!alternatives_) return true;
    if (result_.whole_) return false;  // `^` would be of the first alternative only
    Piece open;
    open.kind = Kind::open;
    result_.pieces_.insert(result_.pieces_.begin(), open);
    add(Kind::close);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::int64_t depth_ = 0;
  int repetitions_ = 0;        ///< characters just read that repeat what precedes them
  bool alternatives_ = false;  ///< outside of groups
  ModulePattern result_;
};

std::optional<ModulePattern> ModulePattern::parsed(std::string_view pattern) {
  ModulePatternParser parser(pattern);
  if (!parser.run()) return std::nullopt;
  return std::move(parser).result();
}

bool ModulePattern::fits(const Piece& piece, char c) const {
  switch (piece.kind) {
    case Piece::Kind::literal:
      return c == piece.literal;
    case Piece::Kind::any:
      return true;
    case Piece::Kind::digit:
      return is_digit(c);
    case Piece::Kind::word:
      return is_digit(c) || c == '_' || is_letter(c);
    case Piece::Kind::set:
    case Piece::Kind::others: {
      const auto first = ranges_.begin() + piece.first_range;
      const bool found = std::any_of(first, first + piece.ranges, [c](const Range& range) {
        return range.first <= c && c <= range.last;
      });
      return found == (piece.kind == Piece::Kind::set);
    }
    case Piece::Kind::open:
    case Piece::Kind::alternative:
    case Piece::Kind::close:
      break;
  }
  return false;
}

bool ModulePattern::matches(std::string_view module, std::int64_t& steps) const {
  // Most patterns are names. From the back, the first character that differs decides.
  std::size_t count = pieces_.size();
  for (; count > 0 && pieces_[count - 1].kind < Piece::Kind::set; --count) {
    const Piece& piece = pieces_[count - 1];
    if (piece.optional || piece.repeated) break;
    ++steps;
    if (module.empty() || !fits(piece, module.back())) return false;
    module.remove_suffix(1);
  }
  if (count == 0) return module.empty() || (!whole_ && module.back() == '.');
  return match(count, module, steps);
}

bool ModulePattern::match(std::size_t count, std::string_view text, std::int64_t& steps) const {
  const auto add = [](Places& to, const Places& from) {
    std::transform(to.begin(), to.end(), from.begin(), to.begin(),
                   [](char a, char b) { return static_cast<char>(a | b); });
  };
  // peft, utils/other.py, get_pattern_key: (.*\.)?(pattern)$. All beginnings in one pass.
  Places reached(text.size() + 1, 0);
  reached[0] = 1;
  for (std::size_t i = 0; !whole_ && i < text.size(); ++i) {
    if (text[i] == '.') reached[i + 1] = 1;
  }
  std::vector<OpenGroup> groups;
  for (std::size_t p = 0; p < count; ++p) {
    const Piece& piece = pieces_[p];
    steps += (static_cast<std::int64_t>(text.size()) + 1) * std::max(piece.ranges, 1);
    if (piece.kind == Piece::Kind::open) {
      groups.push_back({reached, Places(reached.size(), 0)});
    } else if (piece.kind == Piece::Kind::alternative) {
      add(groups.back().reached, reached);
      reached = groups.back().entry;
    } else if (piece.kind == Piece::Kind::close) {
      add(reached, groups.back().reached);
      if (piece.optional) add(reached, groups.back().entry);
      groups.pop_back();
    } else {
      reached = after(piece, text, reached);
    }
    const bool any = std::find(reached.begin(), reached.end(), 1) != reached.end();
    if (!any && groups.empty()) return false;
  }
  return reached[text.size()] != 0;
}

ModulePattern::Places ModulePattern::after(const Piece& piece, std::string_view text,
                                           const Places& reached) const {
  Places next(reached.size(), 0);
  for (std::size_t i = 0; i < next.size(); ++i) {
    const bool skipped = piece.optional && reached[i] != 0;
    const bool taken = i > 0 && (reached[i - 1] != 0 || (piece.repeated && next[i - 1] != 0)) &&
                       fits(piece, text[i - 1]);
    next[i] = skipped || taken ? 1 : 0;
  }
  return next;
}

}  // namespace wishart::checkpoint
