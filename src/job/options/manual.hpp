#pragma once

/// @file
/// Manual pages in the man macros of roff.

#include <string>

namespace wishart::job {

/// The page wishart-COMMAND(1), or wishart(1) for an empty name.
/// @throws Error with Blame::bug if there is no such command
[[nodiscard]] std::string manual_page(const std::string& command);

}  // namespace wishart::job
