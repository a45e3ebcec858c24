#pragma once

/// @file
/// What `wishart check` is about: which kind of change the tuned checkpoint is, by its files.

#include <vector>

#include "wishart/analysis/gate.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/job/options.hpp"

namespace wishart::job {

/// True for a weight of 8 bits or fewer, by the way it is stored.
[[nodiscard]] bool has_few_bits(const Tensor& tensor);

/// `lora` for an adapter, `quantised` if the checkpoint holds weights of 8 bits or fewer and its
/// base none, or most of these are stored in another way than in the base; else `full`. Never
/// `automatic`.
[[nodiscard]] CheckKind kind_of(const checkpoint::Catalogue& tuned,
                                const checkpoint::Catalogue& base);

/// The word of --kind for it.
[[nodiscard]] const char* word_of(CheckKind kind);
/// What a checkpoint of this kind is called: `adapter`, `quantised model` or `fine-tuned model`.
[[nodiscard]] const char* what_is(CheckKind kind);

/// @throws Error with Blame::usage if the base is an adapter, with Blame::input if the two have no
///   weight of the same name and shape, one of them has left out all of its weights, or one stacks
///   experts in an order that is not known and the other does not
void check_is_base(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base);

/// The rules for a kind: those of jobs/gate-finetune.cfg, gate-lora.cfg or gate-compression.cfg.
/// @pre kind is not `automatic`
[[nodiscard]] std::vector<analysis::Rule> rules_of(CheckKind kind);

}  // namespace wishart::job
