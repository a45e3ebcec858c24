#pragma once

/// @file
/// Codes of reasons for which a checkpoint's tensors are left out, where other modules ask for
/// them.

namespace wishart::checkpoint {

/// Part of a quantised weight that is not read: LeftOut::reason, SkippedRow::reason.
inline constexpr const char* kQuantisedNotRead = "quantised-not-read";

}  // namespace wishart::checkpoint
