#pragma once

/// @file
/// Divides ranks into teams: a tree made by halving. Arithmetic only.

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

/// All teams of `ranks` ranks. Team 0 contains all of them. A team of more than one rank is divided
/// in two: the first part has the largest power of two below its size, the second part the rest. So
/// the number of ranks is a power of two in all teams but those on the right edge, and the ranks of
/// one machine stay together.
///
///     6 ranks:   0 1 2 3 4 5
///                0 1 2 3 | 4 5
///                0 1 | 2 3 | 4 | 5
///                0 | 1 | 2 | 3
///
/// @pre ranks >= 1
[[nodiscard]] std::vector<Team> team_tree(int ranks);

/// The distinct sizes in the tree, ascending.
[[nodiscard]] std::vector<int> team_sizes(const std::vector<Team>& tree);

}  // namespace wishart::plan
