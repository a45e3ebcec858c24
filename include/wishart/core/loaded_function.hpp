#pragma once

/// @file
/// Functions that only some builds of a library have.

#include <dlfcn.h>

namespace wishart {

/// The function `name` of the libraries of this process; null if none of them has it.
template <class Function>
[[nodiscard]] Function* loaded_function(const char* name) noexcept {
  return reinterpret_cast<Function*>(::dlsym(RTLD_DEFAULT, name));
}

}  // namespace wishart
