#pragma once

/// @file
/// How a scan ends if some matrices failed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "wishart/job/ending.hpp"
#include "wishart/record/rows.hpp"

namespace wishart::job {

/// The ending for the matrices of a checkpoint. The most serious failure decides: input before
/// resources before numerics. The reason names the first matrix with this failure in the order of
/// the archive, so it does not depend on the number of ranks or their speed.
/// @param rows     the layer table of the archive
/// @param file_of  gives the weight file of a matrix by its key; the result may be empty
/// @param archive  the archive file
[[nodiscard]] Ending ending_of(const std::string& checkpoint_id, const std::vector<LayerRow>& rows,
                               const std::function<std::string(const std::string&)>& file_of,
                               const std::filesystem::path& archive);

/// The ending of a checkpoint of which only `skipped` is known.
[[nodiscard]] Ending nothing_analysed(const std::string& checkpoint_id,
                                      const std::vector<SkippedRow>& skipped);

}  // namespace wishart::job
