#pragma once

/// @file
/// The source and the tools that this program was built from. Stored in every archive.

#include <string_view>

namespace wishart {

struct BuildInfo {
  std::string_view version;  ///< `0.1.0`
  std::string_view date;     ///< of the version, `2026-11-29`
  /// What the sources are: equal only if they are. The git commit (12 digits) of an unchanged
  /// tree, COMMIT-dirty-HASH of a changed one; of sources without git, such as an archive of them,
  /// COMMIT-archive-HASH, or source-HASH if the archive does not tell the commit.
  std::string_view commit;
  std::string_view compiler;   ///< `GNU 12.2.0`
  std::string_view flags;      ///< build type and sanitizers
  std::string_view libraries;  ///< names and versions known at build time, `; ` between them
};

[[nodiscard]] const BuildInfo& build_info() noexcept;

}  // namespace wishart
