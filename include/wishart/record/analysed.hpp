#pragma once

/// @file
/// Which analyses can stand beside each other in a history or a ranking: those whose numbers mean
/// the same (docs/decisions/088-modes-apart.md).

#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart {

/// Why an analysis is left out beside others.
enum class LeftOut : std::uint8_t {
  no,
  change,  ///< a change of weights beside whole models
  mode,    ///< of another mode
  fit,     ///< fitted with other options that change metrics, or by another version
  twice,   ///< the same files at the same step are there under another id
  run,     ///< of another run, as names or folders tell; only of a history
  step,    ///< another checkpoint of the same stage and step is there
  place,   ///< without a step beside others that have one; only of a history
};
/// `change`, `mode`, `fit`, `twice`, `run`, `step`, `place`; empty for `no`.
[[nodiscard]] std::string_view left_out_name(LeftOut why) noexcept;

/// What was analysed, and how.
struct Analysed {
  std::string checkpoint;  ///< id
  AnalysisKind kind = AnalysisKind::weights;
  std::string base_path;
  std::string mode;
  std::string fit;       ///< the options of the fit that change metrics, and its version
  std::string identity;  ///< of the files; empty: not known
  std::string folder;    ///< name of the folder that the files lie in, the run's; may be empty
  std::int64_t step = -1;
  LeftOut why = LeftOut::no;
  std::size_t run = 0;  ///< of those left out as LeftOut::run: which one, from 1
};
[[nodiscard]] Analysed analysed(const Provenance& provenance);

/// True if metrics, fits and warnings of the two are computed in the same way.
[[nodiscard]] bool is_alike(const Analysed& a, const Analysed& b);
[[nodiscard]] bool is_alike(const Provenance& a, const Provenance& b);

/// Which of several groups of analyses that are alike is kept.
enum class Prefer : std::uint8_t {
  latest,  ///< that of the last checkpoint in training
  most,    ///< the largest
};

/// Sets `why` of each: changes of weights are left out unless there are only such; of the others
/// one group of alike analyses is kept; in it, the same checkpoint once, and with Prefer::latest
/// one run (record/runs.hpp) and of it one checkpoint of each step. The rest of what decides, in
/// this order, is the number of analyses, mode `corrected`, and the name.
/// @param like  an id whose group and run, and which itself, are kept; empty: see `prefer`
void mark_left_out(std::vector<Analysed>& all, Prefer prefer, const std::string& like = "");

/// Removes from `all` what mark_left_out marks, and returns it. The order is kept.
/// @param about  returns the Analysed of an element
template <class T, class About>
[[nodiscard]] std::vector<Analysed> take_apart(std::vector<T>& all, About&& about, Prefer prefer,
                                               const std::string& like = "") {
  std::vector<Analysed> marked;
  marked.reserve(all.size());
  for (const T& one : all) marked.push_back(about(one));
  mark_left_out(marked, prefer, like);
  std::vector<Analysed> left_out;
  std::vector<T> kept;
  for (std::size_t i = 0; i < marked.size(); ++i) {
    if (marked[i].why == LeftOut::no) {
      kept.push_back(std::move(all[i]));
    } else {
      left_out.push_back(std::move(marked[i]));
    }
  }
  all = std::move(kept);
  return left_out;
}

}  // namespace wishart
