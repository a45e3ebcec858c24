#pragma once

/// @file
/// The figures of reports as pictures by themselves, in SVG.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/analysis/history.hpp"
#include "wishart/record/checkpoint_record.hpp"

namespace wishart::report {

/// A picture, and how it is asked for.
struct Picture {
  std::string what;     ///< the kind of figure: `blocks`
  std::string measure;  ///< what it shows, if there are several of the kind: `alpha`; else empty
  std::string caption;
  std::string svg;  ///< a document: valid XML with its own style, without scripts and addresses
};

/// A candidate for xmin in the fit of a layer.
struct XminCandidate {
  double xmin = kNan;
  double alpha = kNan;
  double D = kNan;
};

/// All pictures of the layers of a checkpoint.
/// @param before  the layers of the checkpoint before; null: not known
[[nodiscard]] std::vector<Picture> checkpoint_pictures(const CheckpointRecord& record,
                                                       const std::vector<LayerRow>* before);

/// Those of one layer: `spectrum`, if its singular values are in the record, and `xmin`, if there
/// are candidates.
/// @param layer  index into record.layers
[[nodiscard]] std::vector<Picture> layer_pictures(const CheckpointRecord& record, std::size_t layer,
                                                  std::span<const XminCandidate> candidates);

/// All pictures of a history.
[[nodiscard]] std::vector<Picture> history_pictures(const analysis::History& history);

/// One layer through a history: `layer`. Empty if no step is known.
[[nodiscard]] std::vector<Picture> course_pictures(const analysis::History& history,
                                                   const analysis::LayerCourse& course);

/// All pictures of a comparison.
[[nodiscard]] std::vector<Picture> comparison_pictures(const analysis::Comparison& comparison);

}  // namespace wishart::report
