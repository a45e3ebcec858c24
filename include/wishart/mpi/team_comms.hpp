#pragma once

/// @file
/// The communicators of a tree of teams.

#include <cstdint>
#include <span>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// A team: `size` neighbouring ranks from `first` on.
struct RankRange {
  int first = 0;
  int size = 1;
};

/// One communicator for each team of a tree, made once.
///
/// On ranks outside a team, the team's communicator is not valid.
class TeamComms {
public:
  /// Collective over `comm`. Teams of the same depth must not overlap.
  /// @param teams  teams[i] at depth depths[i]
  TeamComms(const Comm& comm, std::span<const RankRange> teams, std::span<const int> depths);

  /// @param team  index as given to the constructor
  [[nodiscard]] const Comm& team(std::int64_t team) const {
    return comms_[static_cast<std::size_t>(team)];
  }

private:
  std::vector<Comm> comms_;
};

}  // namespace wishart::mpi
