#pragma once

/// @file
/// Quantised models: combines codes, scales and zero points, stored under separate names, into
/// weights.

#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "quantised/declared.hpp"

namespace wishart::checkpoint {

/// Replaces the tensors that form a weight by the weight. Names determine which belong together,
/// `config.json`, types and shapes determine how: docs/formats.md, "Quantised models". What belongs
/// to a quantised weight, but makes up no scheme, is never left as a tensor of its own.
/// @param entries        of the headers of the files
/// @param allow_unknown  moves such tensors to `left_out` instead of refusing the checkpoint
/// @throws Error with Blame::input if the quantisation is not read, or parts are missing, of other
///         types, or of shapes that do not agree
void assemble_quantised(Catalogue& catalogue, const HeaderEntries& entries, bool allow_unknown);

/// Tensors of a checkpoint's folder that are not read.
struct UnreadTensor {
  std::string name;
  std::string why;  ///< `in a.safetensors, but not in model.safetensors.index.json`
};

/// True for assembled weights, and codes that nothing was known to belong to.
[[nodiscard]] bool is_quantised(const Tensor& tensor);

/// Refuses such weights of which a part is not read, although it is there: without a factor or
/// zero points that a scheme may have, the weight would be another.
/// @throws Error with Blame::input that names the part, unless `allow_unknown`
void refuse_without_unread(Catalogue& catalogue, const std::vector<UnreadTensor>& unread,
                           bool allow_unknown);

}  // namespace wishart::checkpoint
