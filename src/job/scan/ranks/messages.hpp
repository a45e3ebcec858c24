#pragma once

/// @file
/// The messages between the coordinator and the workers.

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

inline constexpr int kCommandTag = 1;         ///< coordinator to workers
inline constexpr int kResultTag = 2;          ///< first rank of a team to the coordinator
inline constexpr int kRawChunksTag = 3;       ///< rank 0 to the others, when the archive is written
inline constexpr int kFilteredChunksTag = 4;  ///< back

/// All that a rank needs to know about a checkpoint. Only rank 0 parses its files.
struct WorkOrder {
  bool nothing_to_do = false;
  bool left_to_another = false;  ///< nothing to do now, because another job is working on it
  bool calibrate = false;        ///< measure the speed of the ranks first
  std::string root;
  std::vector<SourceFile> files;
  std::vector<Matrix> matrices;  ///< item i of the plan is matrices[i]
  std::vector<plan::Way> ways;   ///< how to compute each matrix
  /// The hash of each matrix's values in an earlier checkpoint; empty: unknown. If the hash is the
  /// same now, the spectrum is not computed.
  std::vector<std::string> known_hashes;
  bool resolve = false;
  fit::FitOptions fit;
};

/// Values of Assignment::team if there are no items: the coordinator has received every result, or
/// it has failed and takes no more.
inline constexpr std::int64_t kLeave = 0;
inline constexpr std::int64_t kLeaveAtOnce = -1;

/// Compute the matrices `items`, one after the other, as team `team`. Without items: leave.
struct Assignment {
  std::vector<std::int64_t> items;
  std::int64_t team = 0;
};

/// A finished matrix.
struct Result {
  std::int64_t item = -1;
  bool unchanged = false;  ///< the hash is that in `known_hashes`; spectrum and row are empty
  Spectrum spectrum;
  LayerRow row;
};

/// The results of an assignment.
struct Results {
  Assignment command;
  std::vector<Result> results;  ///< one for each of its items
};

template <class F>
void visit_fields(WorkOrder& v, F&& f) {
  f(v.nothing_to_do), f(v.left_to_another), f(v.calibrate), f(v.root), f(v.files), f(v.matrices),
      f(v.ways), f(v.known_hashes), f(v.resolve), f(v.fit);
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
