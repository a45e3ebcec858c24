#pragma once

/// @file
/// What the ranks are working on at the moment.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "scan/ranks/messages.hpp"

namespace wishart::job {

/// The assignments that are out, with the time at which each team began its present one. A team
/// works on its assignments in the order in which it got them.
class UnderWay {
public:
  using Time = std::chrono::steady_clock::time_point;

  /// @param seconds  how long the team will take for it
  void handed_out(const Assignment& work, double seconds, Time now);
  void returned(const Assignment& work, Time now);

  /// The seconds until `team` has done all that it has; 0 if that is nothing. Work that takes
  /// longer than expected is about to end.
  [[nodiscard]] double busy_seconds(std::int64_t team, Time now) const;

  struct Oldest {
    std::int64_t item = 0;  ///< the first of its assignment
    std::int64_t team = 0;
    double seconds = 0;       ///< since its team began it
    std::int64_t others = 0;  ///< matrices that other teams are working on
  };
  /// The work that began first; nothing if nobody works.
  [[nodiscard]] std::optional<Oldest> oldest(Time now) const;

private:
  struct Work {
    std::vector<std::int64_t> items;
    double seconds = 0;
    Time since;  ///< of the first of a team: when it began
  };
  std::map<std::int64_t, std::deque<Work>> of_team_;  ///< without teams that have nothing
};

}  // namespace wishart::job
