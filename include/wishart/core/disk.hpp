#pragma once

/// @file
/// Writing that tells what went wrong: whole writes, and flushing to disk.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace wishart {

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

}  // namespace wishart
