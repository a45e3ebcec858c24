#pragma once

/// @file
/// Whole models and changes of weights are kept apart: what is said of the ones says nothing of the
/// others.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::analysis {

/// What an archived analysis is about.
struct Analysed {
  std::string checkpoint;  ///< id
  AnalysisKind kind = AnalysisKind::weights;
  std::string base_path;
};

[[nodiscard]] Analysed analysed(const Provenance& provenance);

/// Takes from `all` what does not go with the rest, and returns what that is about. Whole models go
/// together; where there is none, changes of weights do.
/// @param about  gives the Analysed of an element
template <class T, class About>
[[nodiscard]] std::vector<Analysed> take_apart(std::vector<T>& all, About&& about) {
  std::vector<Analysed> left_out;
  const auto whole = [&](const T& one) { return is_whole(about(one).kind); };
  if (std::none_of(all.begin(), all.end(), whole)) return left_out;
  std::vector<T> kept;
  for (T& one : all) {
    if (whole(one)) {
      kept.push_back(std::move(one));
    } else {
      left_out.push_back(about(one));
    }
  }
  all = std::move(kept);
  return left_out;
}

/// Why `left_out` are: a sentence or two. Empty if nothing is.
[[nodiscard]] std::string left_out_text(const std::vector<Analysed>& left_out);

/// @throws Error with Blame::usage if one is a whole model, the other a change of weights
void check_alike(const Provenance& a, const Provenance& b);

}  // namespace wishart::analysis
