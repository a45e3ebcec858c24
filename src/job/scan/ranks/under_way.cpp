#include "scan/ranks/under_way.hpp"

#include <algorithm>

namespace wishart::job {
namespace {

double seconds_between(UnderWay::Time begin, UnderWay::Time end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

void UnderWay::handed_out(const Assignment& work, double seconds, Time now) {
  of_team_[work.team].push_back({work.items, seconds, now});
}

void UnderWay::returned(const Assignment& work, Time now) {
  const auto team = of_team_.find(work.team);
  if (team == of_team_.end()) return;
  team->second.pop_front();
  if (team->second.empty()) {
    of_team_.erase(team);
  } else {
    team->second.front().since = now;
  }
}

double UnderWay::busy_seconds(std::int64_t team, Time now) const {
  const auto found = of_team_.find(team);
  if (found == of_team_.end()) return 0;
  const std::deque<Work>& all = found->second;
  double seconds = std::max(all.front().seconds - seconds_between(all.front().since, now), 0.0);
  for (std::size_t i = 1; i < all.size(); ++i) seconds += all[i].seconds;
  return seconds;
}

std::optional<UnderWay::Oldest> UnderWay::oldest(Time now) const {
  const auto first =
      std::min_element(of_team_.begin(), of_team_.end(), [](const auto& one, const auto& other) {
        return one.second.front().since < other.second.front().since;
      });
  if (first == of_team_.end()) return std::nullopt;
  const Work& work = first->second.front();
  return Oldest{work.items.front(), first->first, seconds_between(work.since, now),
                static_cast<std::int64_t>(of_team_.size()) - 1};
}

}  // namespace wishart::job
