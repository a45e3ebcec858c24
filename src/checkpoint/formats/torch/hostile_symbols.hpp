#pragma once

/// @file
/// What a pickle must not ask for.

#include <string_view>

namespace wishart::checkpoint {

/// True of modules and functions that attacks call and checkpoints never do: `os.system`. Nothing
/// is ever called here, but a file that asks for one of these is not a checkpoint and is refused.
[[nodiscard]] bool is_hostile(std::string_view symbol);

}  // namespace wishart::checkpoint
