#pragma once

/// @file
/// Whose definitions the numbers of an analysis follow.

#include <cstdint>
#include <string_view>

namespace wishart {

struct Provenance;

/// The modes that Provenance::mode may name.
enum class Mode : std::uint8_t {
  corrected,      ///< wishart's own definitions
  weightwatcher,  ///< compat mode: WeightWatcher's, defects included
  other,          ///< an archive of another program has another word, or none
};

/// `corrected` or `weightwatcher`.
/// @pre mode is not `other`, which may be any word
[[nodiscard]] std::string_view mode_name(Mode mode);

[[nodiscard]] Mode mode_of(std::string_view name) noexcept;

/// True if the numbers are WeightWatcher's. All others are read as those of the corrected mode.
[[nodiscard]] bool is_compat(const Provenance& provenance) noexcept;

}  // namespace wishart
