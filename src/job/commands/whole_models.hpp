#pragma once

/// @file
/// Which checkpoints of an archive a command means that is about models.

#include <string>
#include <vector>

#include "wishart/archive/reader.hpp"

namespace wishart::job {

/// The ids of the whole models of an archive, in natural order; of all checkpoints if none is one.
[[nodiscard]] std::vector<std::string> whole_models(const archive::Reader& archive);

/// The only one of these, or empty if there are several or none.
[[nodiscard]] std::string only_whole(const archive::Reader& archive);

}  // namespace wishart::job
