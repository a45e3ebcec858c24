#pragma once

/// @file
/// Writing that survives a crash: whole writes, flushing to disk, replacing a file in one step.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>

namespace wishart::archive {

/// A path as messages show it.
[[nodiscard]] std::string shown(const std::filesystem::path& path);
/// The system's text for an errno.
[[nodiscard]] std::string system_reason(int code);

/// Writes all of `bytes` at `offset_bytes`. Returns 0, or the errno of the write that failed.
[[nodiscard]] int write_fully(int descriptor, std::int64_t offset_bytes,
                              std::span<const std::byte> bytes) noexcept;

/// Forces the names in the folder of `path` to disk, so that a new name outlives a power failure.
/// Returns 0 or an errno; file systems that cannot do it count as done.
[[nodiscard]] int flush_folder_of(const std::filesystem::path& path);

/// Makes `target` hold the `pieces`, one after the other, or leaves it as it was: writes a hidden
/// temporary file beside it, flushes that to disk, renames it, and flushes the folder. The
/// temporary file never outlives a failure; one that a killed process left under the same name is
/// replaced.
/// @throws Error with Blame::resource
void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces);

}  // namespace wishart::archive
