#pragma once

/// @file
/// When two analyses of a checkpoint are the same one, and when another.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// True if both computed spectra with the same options. Which layers were asked for does not count,
/// nor how the path of a base was spelled.
[[nodiscard]] bool same_settings(const Provenance& a, const Provenance& b);

/// True if both were asked for the same layers, in the same words.
[[nodiscard]] bool same_layers(const std::string& options_a, const std::string& options_b);

/// Why `here`, what a scan would write, is another analysis of the checkpoint than `there`, what
/// the archive has. Empty if it is the same: the same weights, and the same settings.
[[nodiscard]] std::string why_another(const Provenance& there, const Provenance& here);

/// True if nothing but the content of the files is between them.
[[nodiscard]] bool only_files_changed(const Provenance& there, const Provenance& here);

/// The options of a record to which a scan with `here` adds layers: what `there` was asked for
/// stands under `layers`, what was added under `more_layers`, a list for each time.
/// @param all  now there are all layers of the checkpoint, as without `--layers`
[[nodiscard]] std::string with_layers_added(const std::string& there, const std::string& here,
                                            bool all);

}  // namespace wishart::job
