#pragma once

/// @file
/// Replacing a file of the archive in one step.

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>

#include "wishart/core/disk.hpp"

namespace wishart::archive {

/// Makes `target` hold the `pieces`, one after the other, or leaves it as it was (WholeFile).
/// @throws Error with Blame::resource
void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces);

}  // namespace wishart::archive
