#pragma once

/// @file
/// Patterns of rank_pattern and alpha_pattern, which choose modules by their paths.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// A pattern matches a module's path, or an end of it that starts after a dot. Supports literals,
/// `.`, `\d`, `\w`, `\.`, `[a-z]` and `[^a-z]`, `*`, `+`, `?`, `^`, `$`, and groups of
/// alternatives,
/// `(a|b)` or `(?:a|b)`, which may be optional but not repeated.
class ModulePattern {
public:
  /// Nothing if the pattern contains anything else.
  [[nodiscard]] static std::optional<ModulePattern> parsed(std::string_view pattern);

  /// Takes at most pieces x characters steps, and adds those that it took.
  [[nodiscard]] bool matches(std::string_view module, std::int64_t& steps) const;

private:
  friend class ModulePatternParser;

  /// One element of a pattern: a class of characters and a repetition, or a mark of a group.
  struct Piece {
    enum class Kind : std::uint8_t {
      literal,
      any,
      digit,
      word,
      set,          ///< `[...]`
      others,       ///< `[^...]`
      open,         ///< `(`
      alternative,  ///< `|`
      close         ///< `)`
    } kind = Kind::literal;
    char literal = 0;
    bool optional = false;
    bool repeated = false;
    std::int32_t first_range = 0;
    std::int32_t ranges = 0;
  };
  struct Range {
    char first = 0;
    char last = 0;
  };
  /// Where the text may be divided; one for each place before, between and after its characters.
  using Places = std::vector<char>;
  /// A group that is being matched: from where, and to where its alternatives lead.
  struct OpenGroup {
    Places entry;
    Places reached;
  };

  ModulePattern() = default;
  [[nodiscard]] bool fits(const Piece& piece, char c) const;
  /// Whether the first `count` pieces match the text, or an end of it after a dot.
  [[nodiscard]] bool match(std::size_t count, std::string_view text, std::int64_t& steps) const;
  /// Where `piece`, a class of characters, leads from `reached`.
  [[nodiscard]] Places after(const Piece& piece, std::string_view text,
                             const Places& reached) const;

  std::vector<Piece> pieces_;
  std::vector<Range> ranges_;
  bool whole_ = false;  ///< the path, no end of it
};

}  // namespace wishart::checkpoint
