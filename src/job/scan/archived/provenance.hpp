#pragma once

/// @file
/// Where an analysis comes from, as far as it is known before anything is computed.

#include <filesystem>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/job/options.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// The provenance of a scan of the checkpoint at `path`, which is absolute.
/// @throws Error with Blame::usage if its id is reserved
[[nodiscard]] Provenance started_provenance(const std::filesystem::path& path,
                                            const checkpoint::Catalogue& catalogue,
                                            const ScanOptions& options);

}  // namespace wishart::job
