#pragma once

/// @file
/// Internal: layers of so few bits that norms tell too little of their error.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// True of a layer that is stored in fewer than 3 bits a weight, by the column `dtype`.
[[nodiscard]] bool has_fewest_bits(const LayerRow& row);

/// `24 layers are stored in fewer than 3 bits, ...`, if `stage` stores layers so and `other` does
/// not. Else empty.
[[nodiscard]] std::string few_bits_text(const CheckpointRecord& stage,
                                        const CheckpointRecord& other);

}  // namespace wishart::analysis
