#pragma once

/// @file
/// Internal: the parts of tensors that contain several linear maps, by the layout of each model
/// family.

#include <cstdint>
#include <string_view>
#include <vector>

#include "wishart/model/naming.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::model {

/// `count` rows or columns of a fused matrix. Number i is at first + (i / run) * stride + i % run.
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
/// the config names the family and the shape agrees with the family's formula: docs/roles.md,
/// "Fused tensors".
[[nodiscard]] std::vector<FusedPart> fused_parts(std::string_view tensor_name, const Naming& naming,
                                                 std::int64_t rows, std::int64_t cols,
                                                 const ModelConfig& config);

}  // namespace wishart::model
