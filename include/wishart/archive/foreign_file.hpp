#pragma once

/// @file
/// Distinguishes a file of another kind from a damaged archive.

#include "wishart/core/error.hpp"

namespace wishart::archive {

/// Thrown for a file that is not an archive, or that a newer wishart wrote. It is not damaged.
class ForeignFile : public Error {
public:
  using Error::Error;
};

}  // namespace wishart::archive
