#include "wishart/mpi/team_comms.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"

namespace wishart::mpi {

TeamComms::TeamComms(const Comm& comm, std::span<const RankRange> teams,
                     std::span<const int> depths) {
  require(teams.size() == depths.size(), "TeamComms needs a depth for each team");
  comms_.resize(teams.size());
  const int deepest = depths.empty() ? -1 : *std::max_element(depths.begin(), depths.end());
  for (int depth = 0; depth <= deepest; ++depth) {
    std::optional<int> mine;
    for (std::size_t i = 0; i < teams.size(); ++i) {
      const bool inside =
          comm.rank() >= teams[i].first && comm.rank() < teams[i].first + teams[i].size;
      if (depths[i] == depth && inside) mine = static_cast<int>(i);
    }
    Comm part = comm.split(mine, comm.rank());
    if (mine) comms_[static_cast<std::size_t>(*mine)] = std::move(part);
  }
}

}  // namespace wishart::mpi
