#include "wishart/plan/team_tree.hpp"

#include <algorithm>
#include <bit>

#include "wishart/core/error.hpp"

namespace wishart::plan {

std::vector<Team> team_tree(int ranks) {
  require(ranks >= 1, "team_tree needs at least one rank");
  std::vector<Team> tree{{0, ranks, 0, -1}};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const Team team = tree[i];
    if (team.size == 1) continue;
    const int left = static_cast<int>(std::bit_floor(static_cast<unsigned>(team.size - 1)));
    const auto parent = static_cast<std::int64_t>(i);
    tree.push_back({team.first, left, team.depth + 1, parent});
    tree.push_back({team.first + left, team.size - left, team.depth + 1, parent});
  }
  return tree;
}

std::vector<int> team_sizes(const std::vector<Team>& tree) {
  std::vector<int> sizes;
  sizes.reserve(tree.size());
  for (const Team& team : tree) sizes.push_back(team.size);
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

}  // namespace wishart::plan
