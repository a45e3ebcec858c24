#pragma once

/// @file
/// Keeps whole models and changes of weights apart, because their results are not comparable.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// What was analysed.
struct Analysed {
  std::string checkpoint;  ///< id
  AnalysisKind kind = AnalysisKind::weights;
  std::string base_path;
};

[[nodiscard]] Analysed analysed(const Provenance& provenance);

/// Removes changes of weights from `all` and returns them, unless there is no whole model.
/// @param about  returns the Analysed of an element
template <class T, class About>
[[nodiscard]] std::vector<Analysed> take_apart(std::vector<T>& all, About&& about) {
  std::vector<Analysed> left_out;
  for (const T& one : take_changes(all, [&](const T& each) { return about(each).kind; })) {
    left_out.push_back(about(one));
  }
  return left_out;
}

/// A sentence or two on what was left out and why; empty if nothing was.
[[nodiscard]] std::string left_out_text(const std::vector<Analysed>& left_out);

/// @throws Error with Blame::usage if one is a whole model and the other a change of weights
void check_alike(const Provenance& a, const Provenance& b);

}  // namespace wishart::analysis
