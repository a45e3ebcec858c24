#pragma once

/// @file
/// Times as archives store them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wishart {

/// Seconds since 1970 of a time in UTC such as `2026-01-31T12:00:00Z`, the form of utc_now().
/// Nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> utc_seconds(std::string_view text);

/// The other way round. For a time that has no such form, years before 0 or after 9999, the number.
[[nodiscard]] std::string utc_text(std::int64_t seconds);

}  // namespace wishart
