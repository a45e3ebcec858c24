#pragma once

/// @file
/// A file that is not ours is told apart from one of ours that is damaged.

#include "wishart/core/error.hpp"

namespace wishart::archive {

/// The refusal of a file that is not damaged: it is no archive, or one of a newer program.
class ForeignFile : public Error {
public:
  using Error::Error;
};

}  // namespace wishart::archive
