#include "figure/role_colours.hpp"

#include "figure/canvas.hpp"

namespace wishart::report {

RoleColours colours_of(const std::set<std::string>& roles) {
  RoleColours colours;
  for (const std::string& role : roles) colours.emplace(role, colours.size());
  return colours;
}

std::vector<LegendEntry> legend_of(const RoleColours& colours) {
  std::vector<LegendEntry> legend;
  for (const auto& [role, colour] : colours) {
    if (colour + 1 < kSeriesColours || colours.size() <= kSeriesColours) {
      legend.push_back({colour, role});
    } else if (colour + 1 == kSeriesColours) {
      legend.push_back({colour, "other roles"});
    }
  }
  return legend;
}

double place_in_block(std::size_t colour, const RoleColours& colours) {
  constexpr double kWidth = 0.7;  ///< of all roles, of the distance of two blocks
  const double place = (static_cast<double>(colour) + 0.5) / static_cast<double>(colours.size());
  return kWidth * (place - 0.5);
}

}  // namespace wishart::report
