#pragma once

/// @file
/// What the coordinator and the workers tell each other.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/core/pack.hpp"
#include "wishart/fit/options.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::job {

inline constexpr int kCommandTag = 1;  ///< coordinator to workers
inline constexpr int kResultTag = 2;   ///< first rank of a team to the coordinator

/// All that a rank has to know about a checkpoint, from rank 0, which alone has parsed its files.
struct WorkOrder {
  bool nothing_to_do = false;
  std::string format;
  std::string root;
  std::vector<SourceFile> files;
  std::vector<Matrix> matrices;  ///< item i of the plan is matrices[i]
  Method method = Method::gram;
  std::int64_t panel_bytes = 0;
  fit::FitOptions fit;
};

/// Work on matrix `item` as team `team`; or, with a negative item, leave.
struct Command {
  std::int64_t item = -1;
  std::int64_t team = 0;
};

/// A finished matrix.
struct Result {
  Command command;
  Spectrum spectrum;
  LayerRow row;
};

template <class F>
void visit_fields(WorkOrder& v, F&& f) {
  f(v.nothing_to_do), f(v.format), f(v.root), f(v.files), f(v.matrices), f(v.method),
      f(v.panel_bytes), f(v.fit);
}
template <class F>
void visit_fields(Command& v, F&& f) {
  f(v.item), f(v.team);
}
template <class F>
void visit_fields(Result& v, F&& f) {
  f(v.command), f(v.spectrum), f(v.row);
}

}  // namespace wishart::job
