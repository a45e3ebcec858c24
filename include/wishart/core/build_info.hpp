#pragma once

/// @file
/// The source and the tools that this program was built from. Stored in every archive.

#include <string_view>

namespace wishart {

struct BuildInfo {
  std::string_view version;    ///< `0.1.0`
  std::string_view commit;     ///< git commit, with `-dirty` if the tree had changes; or `unknown`
  std::string_view compiler;   ///< `GNU 12.2.0`
  std::string_view flags;      ///< build type and sanitizers
  std::string_view libraries;  ///< names and versions known at build time, `; ` between them
};

[[nodiscard]] const BuildInfo& build_info() noexcept;

}  // namespace wishart
