#pragma once

/// @file
/// What the system says about this process: variables of its environment, the name of its host.
/// Nobody writes the environment, so it may be read from any thread.

#include <cstdint>
#include <optional>
#include <string>

namespace wishart {

/// The value of a variable; nothing if it is not set.
[[nodiscard]] std::optional<std::string> environment_variable(const char* name);

/// The whole number with which the value of a variable begins; 0 if there is none.
[[nodiscard]] std::int64_t environment_number(const char* name);

/// The name of this host; nothing if the system does not tell.
[[nodiscard]] std::optional<std::string> host_name();

}  // namespace wishart
