#pragma once

/// @file
/// The options of `wishart plot`.

#include "options/command_options.hpp"

namespace wishart::job {

[[nodiscard]] Command plot_command();

}  // namespace wishart::job
