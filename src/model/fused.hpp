#pragma once

/// @file
/// Inside of the module: the parts of tensors that hold several linear maps, as families of models
/// lay them out.

#include <cstdint>
#include <string_view>
#include <vector>

#include "wishart/model/naming.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::model {

/// Rows, or columns, of a fused matrix: `count` of them. Number i is the one at
/// first + (i / run) * stride + i % run.
struct FusedPart {
  std::string_view name;  ///< `q`, `k`, `v`, `gate`, `up`
  std::string_view role;
  bool columns = false;
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t run = 0;
  std::int64_t stride = 0;

  [[nodiscard]] bool contiguous() const noexcept { return run == count; }
};

/// The parts of a tensor of two dimensions, or of each matrix of a stack of experts. Empty unless
/// the config tells the family, and the shape is what the family's formula gives: docs/roles.md,
/// "Fused tensors".
[[nodiscard]] std::vector<FusedPart> fused_parts(std::string_view tensor_name, const Naming& naming,
                                                 std::int64_t rows, std::int64_t cols,
                                                 const ModelConfig& config);

}  // namespace wishart::model
