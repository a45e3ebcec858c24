#pragma once

/// @file
/// Gives memory back before the end of a scope.

#include <utility>

namespace wishart {

/// Makes `container` empty, and frees what it held. `container = {}` would keep it: of a vector or
/// a string, that is an assignment of no elements.
template <class T>
void release(T& container) {
  T empty;
  std::swap(container, empty);
}

}  // namespace wishart
