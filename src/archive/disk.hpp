#pragma once

/// @file
/// Replaces a file of the archive atomically.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <span>

#include "wishart/core/disk.hpp"

namespace wishart::archive {

/// Writes the concatenation of `pieces` to `target`, or leaves it unchanged (WholeFile).
/// @param before_naming  called when all is written; what it throws leaves `target` unchanged
/// @throws Error with Blame::resource
void replace_file(const std::filesystem::path& target,
                  std::initializer_list<std::span<const std::byte>> pieces,
                  const std::function<void()>& before_naming = {});

}  // namespace wishart::archive
