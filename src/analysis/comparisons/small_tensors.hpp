#pragma once

/// @file
/// Internal: tensors that get no spectrum, such as biases, norms and small routers, in two
/// checkpoints.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

struct SmallTensor {
  std::string name;
  bool missing = false;  ///< B has no tensor of this name, nor the same one by another
};

/// Those of A that belong to a model: neither buffers nor scales and zero points, which come and go
/// with the code that wrote the file. None unless both are whole weights as stored.
/// @param head_replaced  B has a classifier instead of a language head: what belongs to the head is
///   left out
[[nodiscard]] std::vector<SmallTensor> small_tensors(const CheckpointRecord& a,
                                                     const CheckpointRecord& b, bool head_replaced);

}  // namespace wishart::analysis
