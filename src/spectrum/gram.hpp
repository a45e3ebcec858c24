#pragma once

/// @file
/// Internal: the Gram matrix of the short side, accumulated from a stream of panels.

#include <optional>
#include <span>

#include "wishart/spectrum/spectrum.hpp"
#include "wishart/spectrum/workspace.hpp"

#include "panels.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {

/// Writes the Gram matrix of a slice of the view, W^T W of a tall one and W W^T of a wide one, to
/// `gram`: the lower triangle, column-major, order and leading dimension the short side. Elements
/// above the diagonal are left unchanged.
///
/// With Precision::float32 the products of a panel are formed in float32 and added in float64. With
/// Products::integer they are formed exactly, if integer_form has a form for the elements.
/// @returns how; nothing, with part of the slice read, if integers were wanted and an element does
///          not fit into a float, which only the elements tell
/// @throws Error from the source
std::optional<ProductRecord> gram_of_slice(const ViewTask& task, Slice slice,
                                           const SolveOptions& options, Tally& tally,
                                           Workspace& workspace, std::span<double> gram);

/// Copies the lower triangle of a column-major matrix of order n above the diagonal.
void mirror_lower(std::span<double> a, std::int64_t n);

}  // namespace wishart::spectrum
