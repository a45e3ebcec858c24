#pragma once

/// @file
/// The seal: a line behind the HDF5 content of a file, with a hash of every byte before it.
///
/// HDF5's own checksums leave gaps (reserved fields, space that was freed), and tell nothing of a
/// file that another program has changed and closed properly. The seal does both. HDF5 passes over
/// what stands behind its end of file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace wishart::archive {

/// `wishart seal `, 32 hexadecimal digits of the XXH3-128, a line feed.
inline constexpr std::int64_t kSealBytes = 46;

/// The seal of these bytes.
[[nodiscard]] std::string seal_of(std::span<const std::byte> bytes);

enum class Seal : std::uint8_t {
  none,    ///< no seal at the end: a file from before there were any, or one cut short
  good,    ///< every byte is as it was written
  broken,  ///< a byte has changed
};

/// Reads the whole file and compares.
/// @throws Error with Blame::input if it cannot be read
[[nodiscard]] Seal check_seal(const std::filesystem::path& file);

}  // namespace wishart::archive
