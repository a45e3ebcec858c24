#pragma once

/// @file
/// What `wishart check` says beside its rules: where they cannot tell what the tuned checkpoint is,
/// and what they leave out.

#include <string>
#include <vector>

#include "wishart/analysis/gate.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// Whether every layer has the values that it has in the base.
/// @param stages  the base and the tuned model
[[nodiscard]] bool nothing_changed(const std::vector<CheckpointRecord>& stages);

/// A sentence if the norms changed as by few bits or by pruning, though nothing else tells a
/// compressed copy from a fine-tuned model. Else empty.
[[nodiscard]] std::string compression_doubt(const std::vector<CheckpointRecord>& stages);

/// True if rules are broken, and each of them only by norms and spectra: what rescaled weights
/// change without changing the model.
[[nodiscard]] bool only_sizes_broken(const std::vector<analysis::Rule>& rules,
                                     const std::vector<analysis::RuleVerdict>& verdicts);

/// A sentence if the weights of a quantised copy were rescaled, as AWQ and SmoothQuant do: it is
/// stored by AWQ, or a vector of weights with a name of the base's, which no quantisation changes,
/// has other values. Else empty.
/// @throws Error with Blame::input if such a vector cannot be read
[[nodiscard]] std::string rescaling_text(const checkpoint::Catalogue& tuned,
                                         const checkpoint::Catalogue& base);

/// What the rules leave out: layers of a larger vocabulary, and those that an adapter holds whole.
/// Begins with a space, or is empty.
[[nodiscard]] std::string left_out_of_rules_text(const std::vector<CheckpointRecord>& stages);

}  // namespace wishart::job
