#pragma once

/// @file
/// How ranks are divided into teams: a tree by halving. Arithmetic only.

#include <cstdint>
#include <vector>

namespace wishart::plan {

/// A team: `size` neighbouring ranks from `first` on, a node of the tree.
struct Team {
  int first = 0;
  int size = 1;
  int depth = 0;
  std::int64_t parent = -1;  ///< index of the team that was divided, -1 for all ranks
};

/// All teams of `ranks` ranks. Team 0 is all of them; a team of more than one is divided into the
/// largest power of two below its size, first, and the rest. So all teams but those on the right
/// edge have a power of two of ranks, and one machine's ranks stay together.
///
///     6 ranks:   0 1 2 3 4 5
///                0 1 2 3 | 4 5
///                0 1 | 2 3 | 4 | 5
///                0 | 1 | 2 | 3
///
/// @pre ranks >= 1
[[nodiscard]] std::vector<Team> team_tree(int ranks);

/// The sizes that occur in the tree, ascending, each once.
[[nodiscard]] std::vector<int> team_sizes(const std::vector<Team>& tree);

}  // namespace wishart::plan
