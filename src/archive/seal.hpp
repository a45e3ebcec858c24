#pragma once

/// @file
/// The seal: a line after the HDF5 content of a file, with a hash of every byte before it.
///
/// HDF5's own checksums have gaps (reserved fields, freed space), and do not show that another
/// program has changed a file and closed it properly. The seal covers both. HDF5 ignores bytes
/// after its end of file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace wishart::archive {

/// `wishart seal `, 32 hexadecimal digits of the XXH3-128, a line feed.
inline constexpr std::int64_t kSealBytes = 46;

/// The seal for `bytes`.
[[nodiscard]] std::string seal_of(std::span<const std::byte> bytes);

enum class Seal : std::uint8_t {
  none,    ///< no seal at the end: an older file, a truncated one, or another program cut it off
  good,    ///< every byte is as it was written
  broken,  ///< a byte has changed
};

/// Reads the whole file and compares it with its seal.
/// @throws Error with Blame::input if it cannot be read
[[nodiscard]] Seal check_seal(const std::filesystem::path& file);

}  // namespace wishart::archive
