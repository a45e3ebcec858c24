#pragma once

/// @file
/// How a scan ends whose matrices did not all succeed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "wishart/job/ending.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::job {

/// The ending that the matrices of a checkpoint ask for: the gravest failure counts, input before
/// resources before numerics. The reason names the first matrix that failed so, in the order of the
/// archive: the number of ranks and their speed do not matter.
/// @param rows     of the archive
/// @param file_of  the weight file of a matrix, by its key; may be empty
/// @param archive  the archive's file, which has the others
[[nodiscard]] Ending ending_of(const std::string& checkpoint_id, const std::vector<LayerRow>& rows,
                               const std::function<std::string(const std::string&)>& file_of,
                               const std::filesystem::path& archive);

}  // namespace wishart::job
