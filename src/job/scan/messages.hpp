#pragma once

/// @file
/// What the coordinator and the workers tell each other.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/core/pack.hpp"
#include "wishart/fit/options.hpp"
#include "wishart/plan/plan.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

inline constexpr int kCommandTag = 1;  ///< coordinator to workers
inline constexpr int kResultTag = 2;   ///< first rank of a team to the coordinator

/// All that a rank has to know about a checkpoint, from rank 0, which alone has parsed its files.
struct WorkOrder {
  bool nothing_to_do = false;
  bool calibrate = false;  ///< the ranks measure their speed first
  std::string root;
  std::vector<SourceFile> files;
  std::vector<Matrix> matrices;  ///< item i of the plan is matrices[i]
  std::vector<plan::Way> ways;   ///< how each is done
  /// Of each, the hash of its values in an earlier checkpoint; empty: not known. If they hash
  /// alike today, the spectrum is known.
  std::vector<std::string> known_hashes;
  bool resolve = false;
  fit::FitOptions fit;
};

/// What Assignment::team says where there are no items: the coordinator has received every result,
/// or it has failed and takes no more.
inline constexpr std::int64_t kLeave = 0;
inline constexpr std::int64_t kLeaveAtOnce = -1;

/// Work on the matrices `items`, one after the other, as team `team`; or, without any, leave.
struct Assignment {
  std::vector<std::int64_t> items;
  std::int64_t team = 0;
};

/// A finished matrix.
struct Result {
  std::int64_t item = -1;
  bool unchanged = false;  ///< the values hash as `known_hashes` says; spectrum and row are empty
  Spectrum spectrum;
  LayerRow row;
};

/// What came of a command.
struct Results {
  Assignment command;
  std::vector<Result> results;  ///< one for each of its items
};

template <class F>
void visit_fields(WorkOrder& v, F&& f) {
  f(v.nothing_to_do), f(v.calibrate), f(v.root), f(v.files), f(v.matrices), f(v.ways),
      f(v.known_hashes), f(v.resolve), f(v.fit);
}
template <class F>
void visit_fields(Assignment& v, F&& f) {
  f(v.items), f(v.team);
}
template <class F>
void visit_fields(Result& v, F&& f) {
  f(v.item), f(v.unchanged), f(v.spectrum), f(v.row);
}
template <class F>
void visit_fields(Results& v, F&& f) {
  f(v.command), f(v.results);
}

}  // namespace wishart::job
