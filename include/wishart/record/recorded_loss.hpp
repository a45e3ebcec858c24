#pragma once

/// @file
/// Losses as a trainer recorded them: a number, an infinity or NaN. A loss that was not recorded is
/// kNan, which is another NaN than the one that a trainer recorded.

#include <bit>
#include <cmath>
#include <cstdint>

namespace wishart {

/// The NaN that a trainer recorded: a quiet one with payload 1 (docs/decisions/084). For everybody
/// who does not ask it is NaN like any other, in archives too.
inline constexpr double kRecordedNan = std::bit_cast<double>(std::uint64_t{0x7FF8'0000'0000'0001});

[[nodiscard]] inline bool is_recorded(double loss) {
  return !std::isnan(loss) ||
         std::bit_cast<std::uint64_t>(loss) == std::bit_cast<std::uint64_t>(kRecordedNan);
}

/// True for a loss that was recorded as NaN or infinite.
[[nodiscard]] inline bool is_recorded_nonfinite(double loss) {
  return is_recorded(loss) && !std::isfinite(loss);
}

/// True for a loss that is that of the checkpoint before: the log had no new one. Two measurements
/// differ in their last bits at least. One that is not finite stays what it is.
[[nodiscard]] inline bool is_carried(double loss, double before) {
  return std::isfinite(loss) && loss == before;
}

}  // namespace wishart
