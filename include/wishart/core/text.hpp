#pragma once

/// @file
/// Text helpers: safe printing of untrusted names, sizes, numbers, globs, nearest words.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wishart {

/// `text` made safe for a terminal and a log: control characters (C0, C1, DEL), bidirectional
/// overrides and bytes that are not UTF-8 are shown as `\xNN`. Longer than `max_chars` bytes, it is
/// cut and ends in `...`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t max_chars = 300);

/// True if `text` is well-formed UTF-8 (RFC 3629).
[[nodiscard]] bool is_utf8(std::string_view text);

/// The shortest decimal text that reads back as the same double; `nan`, `inf`, `-inf`.
[[nodiscard]] std::string shortest(double value);

/// `text` as a JSON string with its quotes: escapes per RFC 8259; bytes that are not UTF-8 become
/// U+FFFD.
[[nodiscard]] std::string json_quoted(std::string_view text);

/// `value` with `digits` significant digits, for tables.
[[nodiscard]] std::string rounded(double value, int digits);

/// 1536 -> `1.5 KiB`.
[[nodiscard]] std::string human_bytes(std::int64_t bytes);

/// A shape as messages write it: `4096 x 14336`.
[[nodiscard]] std::string shape_text(std::span<const std::int64_t> shape);

/// Reads `8G`, `512MiB`, `1048576` as bytes (powers of 1024; K M G T, with or without `iB`/`B`).
/// @throws Error with Blame::usage that names `what`
[[nodiscard]] std::int64_t parse_bytes(std::string_view text, std::string_view what);

/// The candidate with the smallest edit distance to `word`, or empty if none is close.
[[nodiscard]] std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// Shell-style match of the whole `text`: `*` any run of characters, `?` one character.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

/// Natural order of names: runs of digits compare by value, so `layers.2` comes before `layers.10`.
/// A strict weak order; equal only for equal strings.
[[nodiscard]] bool natural_less(std::string_view a, std::string_view b);

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(std::span<const std::string> parts, std::string_view separator);

/// The current time in UTC, as `2026-01-31T12:00:00Z`.
[[nodiscard]] std::string utc_now();

}  // namespace wishart
