#pragma once

/// @file
/// Tensors that may be parts of a quantised weight that is not read. None of them gets a row of its
/// own: a scale or a code book would look like a layer.

#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "quantised/declared.hpp"

namespace wishart::checkpoint {

struct Doubt {
  std::vector<std::string> tensors;  ///< those that must not be analysed
  std::string reason;
};

/// Looks at what is left after all known weights have been assembled.
/// @param any_made  true if the checkpoint has quantised weights that were assembled
[[nodiscard]] std::vector<Doubt> doubtful_tensors(const Catalogue& catalogue,
                                                  const Declared& declared, bool any_made);

/// The names that the weight beside a companion may have: `m.weight` and `m` for `m.weight_scale`.
/// Empty if it is no companion, or one of activations.
[[nodiscard]] std::vector<std::string> weights_beside(const std::string& companion);

/// Names in `tensors` of activations' scales, which say nothing about weights.
[[nodiscard]] bool is_of_activations(const std::string& name);

}  // namespace wishart::checkpoint
