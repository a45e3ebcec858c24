#pragma once

/// @file
/// What `wishart check` says beside its rules: where they cannot tell what the tuned checkpoint is,
/// and what they leave out.
///
/// Those that read take a function `check_stop`, which is asked before each vector and may throw.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/gate.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::job {

/// With --allow-unknown: layers that one of the two has, but not in a form that is read, are not
/// missing in it. They are left out of both.
/// @param stages  the base and the tuned model
/// @return how many they are
std::size_t leave_out_unread(std::vector<CheckpointRecord>& stages);

/// Biases of zeros that the tuned model leaves out are not missing: they add nothing.
/// They are taken out of `base_stage`.
/// @param comparison  of the base and the tuned model
/// @return true if there are any, so that the two have to be compared anew
/// @throws Error with Blame::input if a bias cannot be read
[[nodiscard]] bool leave_out_zero_biases(CheckpointRecord& base_stage,
                                         const checkpoint::Catalogue& base,
                                         const analysis::Comparison& comparison,
                                         const std::function<void()>& check_stop);

/// Sentences if norms or biases, of which no spectrum is taken, have NaN or infinite values, or
/// norms only zeros, and have not in the base. Begins with a space, or is empty.
/// @throws Error with Blame::input if one of them cannot be read
[[nodiscard]] std::string damage_text(const checkpoint::Catalogue& tuned,
                                      const checkpoint::Catalogue& base,
                                      const std::function<void()>& check_stop);

/// A sentence if norms or biases have other values than in the base, though no matrix has. Begins
/// with a space, or is empty.
/// @throws Error with Blame::input if one of them cannot be read
[[nodiscard]] std::string only_vectors_text(const checkpoint::Catalogue& tuned,
                                            const checkpoint::Catalogue& base,
                                            const std::function<void()>& check_stop);

/// A sentence if rules are broken only because layers are rearranged, which may be meant. Else
/// empty.
[[nodiscard]] std::string layout_text(const std::vector<analysis::Rule>& rules,
                                      const std::vector<analysis::RuleVerdict>& verdicts);

/// Whether the vocabulary is smaller than that of the base.
[[nodiscard]] bool is_smaller(const analysis::Comparison& comparison);

/// Whether every layer has the values that it has in the base.
[[nodiscard]] bool nothing_changed(const analysis::Comparison& comparison);

/// A sentence if blocks or experts of the base were removed and the others numbered anew. Else
/// empty.
[[nodiscard]] std::string pruned_text(const analysis::Comparison& comparison);

/// Whether no layer moved further than rounding to another dtype moves it.
[[nodiscard]] bool moved_by_rounding(const analysis::Comparison& comparison);

/// A sentence if all rules are kept, but by norms alone of layers of so few bits that norms tell
/// too little. Else empty.
[[nodiscard]] std::string few_bits_doubt(const std::vector<analysis::RuleVerdict>& verdicts);

/// A sentence if the norms changed as by few bits or by pruning, or the weights did, though nothing
/// else tells a compressed copy from a fine-tuned model. Else empty.
/// @param known  measured errors of layers that take few values
[[nodiscard]] std::string compression_doubt(const std::vector<CheckpointRecord>& stages,
                                            const analysis::KnownErrors& known);

/// True if rules are broken, and each of them only by norms and spectra: what rescaled weights
/// change without changing the model.
[[nodiscard]] bool only_sizes_broken(const std::vector<analysis::Rule>& rules,
                                     const std::vector<analysis::RuleVerdict>& verdicts);

/// A sentence if the weights of a quantised copy were rescaled, as AWQ and SmoothQuant do: it is
/// stored by AWQ, or a vector of weights with a name of the base's, which no quantisation changes,
/// has other values. Else empty.
/// @throws Error with Blame::input if such a vector cannot be read
[[nodiscard]] std::string rescaling_text(
    const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
    const std::function<void()>& check_stop = [] {});

/// How many layers the base does not have, and so no rule compares.
[[nodiscard]] std::int64_t num_added(const analysis::Comparison& comparison);

/// What the rules leave out: layers of another vocabulary, heads that are tied or replaced, layers
/// that an adapter holds whole, and those that the base does not have.
/// Begins with a space, or is empty.
[[nodiscard]] std::string left_out_of_rules_text(const analysis::Comparison& comparison);

}  // namespace wishart::job
