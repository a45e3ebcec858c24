#pragma once

/// @file
/// Replaces a file of the archive atomically.

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>

#include "wishart/core/disk.hpp"

namespace wishart::archive {

/// Writes the concatenation of `pieces` to `target`, or leaves it unchanged (WholeFile).
/// @throws Error with Blame::resource
void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces);

}  // namespace wishart::archive
