#pragma once

/// @file
/// Decides whether two analyses of a checkpoint are the same.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// True if `there`, which is archived, computed spectra with the options of `here`, or in compat
/// mode with another method that holds the same digits. Ignores which layers were requested, and
/// how the path of a base was written.
[[nodiscard]] bool same_settings(const Provenance& there, const Provenance& here);

/// True if both requested the same layers with the same patterns.
[[nodiscard]] bool same_layers(const std::string& options_a, const std::string& options_b);

/// Why `here`, the analysis that a scan would write, differs from `there`, the archived one. Empty
/// if the weights and the settings are the same.
[[nodiscard]] std::string why_another(const Provenance& there, const Provenance& here);

/// True if they differ only in the content of the files.
[[nodiscard]] bool only_files_changed(const Provenance& there, const Provenance& here);

/// The options of a record to which a scan with `here` adds layers. `layers` has the patterns of
/// `there`; `more_layers` has a list for each time that layers were added.
/// @param all  the record now has all layers of the checkpoint, as without `--layers`
[[nodiscard]] std::string with_layers_added(const std::string& there, const std::string& here,
                                            bool all);

/// True if the two are neither of the same files nor at the same place, whatever links lead there.
[[nodiscard]] bool is_another_checkpoint(const Provenance& there, const Provenance& here);

}  // namespace wishart::job
