#pragma once

/// @file
/// Patterns of rank_pattern and alpha_pattern, which choose modules by their paths.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// A pattern matches a module's path, or an end of it that starts after a dot. Supports literals,
/// `.`, `\d`, `\w`, `\.` and `*`, `+`, `?`, `^`, `$`.
class ModulePattern {
public:
  /// Nothing if the pattern contains anything else.
  [[nodiscard]] static std::optional<ModulePattern> parsed(std::string_view pattern);

  /// Takes at most pieces x characters steps, and adds those that it took.
  [[nodiscard]] bool matches(std::string_view module, std::int64_t& steps) const;

private:
  /// One element of a pattern: a character class and a repetition.
  struct Piece {
    enum class Kind : std::uint8_t { literal, any, digit, word } kind = Kind::literal;
    char literal = 0;
    bool optional = false;
    bool repeated = false;

    [[nodiscard]] bool fits(char c) const;
  };

  ModulePattern() = default;
  /// Whether the first `count` pieces match the text, or an end of it after a dot.
  [[nodiscard]] bool match(std::size_t count, std::string_view text, std::int64_t& steps) const;

  std::vector<Piece> pieces_;
  bool whole_ = false;  ///< the path, no end of it
};

}  // namespace wishart::checkpoint
