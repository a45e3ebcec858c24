#include "figure/block_figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "wishart/analysis/metric.hpp"
#include "wishart/core/text.hpp"

#include "figure/depth.hpp"
#include "figure/plot.hpp"
#include "text/escape.hpp"
#include "text/numbers.hpp"

namespace wishart::report {
namespace {

using Indices = std::vector<std::size_t>;

constexpr std::size_t kNamedKeys = 3;

Depth depth_of(const std::vector<LayerRow>& layers) {
  std::vector<Place> places;
  places.reserve(layers.size());
  for (const LayerRow& layer : layers) places.push_back({layer.stack, layer.block});
  return Depth(std::move(places));
}

/// Roles in the order of their names, which keeps kinds together; those outside of blocks last.
std::vector<std::string> role_rows(const std::vector<LayerRow>& layers) {
  std::map<std::string, bool> in_block;
  for (const LayerRow& layer : layers) in_block[layer.role] |= layer.block >= 0;
  std::vector<std::string> roles;
  for (const bool wanted : {true, false}) {
    for (const auto& [role, inside] : in_block) {
      if (inside == wanted) roles.push_back(role);
    }
  }
  return roles;
}

/// The finite values of some layers.
std::vector<double> known(const Measure& measure, const Indices& layers) {
  std::vector<double> values;
  for (const std::size_t i : layers) {
    if (std::isfinite(measure.values[i])) values.push_back(measure.values[i]);
  }
  return values;
}

double summed(const Measure& measure, const std::vector<double>& values) {
  return measure.kind == ScaleKind::share ? analysis::mean_of(values).value
                                          : analysis::median_of(values);
}

/// `alpha 3.25`, and the words of the warnings.
std::string told_layer(const LayerRow& layer, const Measure& measure, double value) {
  std::string text = layer.key.empty() ? "-" : layer.key;
  if (measure.kind != ScaleKind::share) {
    text += ": " + measure.name + " " + value_text(measure, value);
  }
  return text + (layer.warning.empty() ? "" : ", " + layer.warning);
}

/// Several layers in words: their number, the middle value and the ends, and those that need
/// attention by name.
std::string told_group(const std::vector<LayerRow>& layers, const Measure& measure,
                       const Indices& group, const std::string& where) {
  const std::vector<double> values = known(measure, group);
  std::string text = where + ": " + std::to_string(group.size()) + " layers";
  if (measure.kind != ScaleKind::share) {
    text += ", " + measure.name + " ";
    if (values.empty()) {
      text += "not known";
    } else {
      const auto [low, high] = std::minmax_element(values.begin(), values.end());
      text += value_text(measure, analysis::median_of(values)) + " (" + value_text(measure, *low) +
              " to " + value_text(measure, *high) + ")";
    }
  }
  std::vector<std::string> named;
  std::size_t count = 0;
  for (const std::size_t i : group) {
    if (!needs_attention(layers[i])) continue;
    if (++count <= kNamedKeys) named.push_back(layers[i].key + " " + layers[i].warning);
  }
  if (count > 0) {
    text += "; need attention: " + join(named, ", ") +
            (count > kNamedKeys ? " and " + std::to_string(count - kNamedKeys) + " more" : "");
  }
  return text;
}

std::string data_i(std::size_t i) { return " data-i=\"" + std::to_string(i) + "\""; }

/// The range of a measure, with the layers at its ends.
std::string ends_text(const std::vector<LayerRow>& layers, const Measure& measure) {
  std::size_t count = 0;
  std::size_t low = 0;
  std::size_t high = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double value = measure.values[i];
    if (!std::isfinite(value)) continue;
    if (count == 0 || value < measure.values[low]) low = i;
    if (count == 0 || value > measure.values[high]) high = i;
    ++count;
  }
  if (count == 0) return "No value is known.";
  if (measure.kind == ScaleKind::share) {
    const auto warned = std::count(measure.values.begin(), measure.values.end(), 1.0);
    return std::to_string(warned) + " of " + plural(static_cast<std::int64_t>(count), "layer") +
           " need attention.";
  }
  const std::size_t unknown = layers.size() - count;
  return "From " + value_text(measure, measure.values[low]) + " (" + layers[low].key + ") to " +
         value_text(measure, measure.values[high]) + " (" + layers[high].key + "), median " +
         value_text(measure, analysis::median_of(measure.values)) + "." +
         (unknown == 0
              ? ""
              : " Not known for " + plural(static_cast<std::int64_t>(unknown), "layer") + ".");
}

Figure finished(const std::string& group, const Measure& measure, const std::string& caption,
                const HeatMap& map, std::string description) {
  Figure figure;
  figure.name = group;
  figure.group = group;
  figure.choice = measure.name;
  figure.id = "fig-" + group + "-" + measure.name;
  std::replace(figure.id.begin(), figure.id.end(), '_', '-');
  figure.caption = caption;
  figure.description = std::move(description);
  const HeatScale scale(measure.kind, measure.label, map.values());
  figure.svg = heat_svg(map, scale, caption, figure.description);
  return figure;
}

std::string where_text(const Depth& depth, std::size_t place) {
  return place >= depth.blocks() ? "outside of blocks"
                                 : depth.axis_label() + " " + depth.labels()[place];
}

/// The experts of a row: `0`, or `0-7`.
std::string bin_name(std::int64_t first, std::int64_t last) {
  return first == last ? std::to_string(first) : std::to_string(first) + "-" + std::to_string(last);
}

/// The layer that is farthest from the median of its role, in units of the typical distance there.
class Oddness {
public:
  Oddness(const std::vector<LayerRow>& layers, const Measure& measure) : measure_(&measure) {
    std::map<std::string, std::vector<double>> by_role;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (layers[i].expert >= 0 && std::isfinite(measure.values[i])) {
        by_role[layers[i].role].push_back(measure.values[i]);
      }
    }
    for (auto& [role, values] : by_role) {
      const double middle = analysis::median_of(values);
      for (double& value : values) value = std::abs(value - middle);
      roles_[role] = {middle, analysis::median_of(values)};
    }
  }

  /// 0 if the value is not known.
  [[nodiscard]] double of(const LayerRow& layer, std::size_t i) const {
    const auto role = roles_.find(layer.role);
    const double value = measure_->values[i];
    if (role == roles_.end() || !std::isfinite(value)) return 0;
    const double distance = std::abs(value - role->second.middle);
    return distance / std::max(role->second.spread, 1e-300 + 1e-9 * std::abs(role->second.middle));
  }

private:
  struct Role {
    double middle = 0;
    double spread = 0;
  };
  const Measure* measure_;
  std::map<std::string, Role> roles_;
};

}  // namespace

std::vector<Figure> block_figures(const CheckpointRecord& record,
                                  const std::vector<Measure>& measures) {
  const std::vector<LayerRow>& layers = record.layers;
  if (layers.empty()) return {};
  const Depth depth = depth_of(layers);
  std::vector<std::string> roles = role_rows(layers);
  const std::size_t all_roles = roles.size();
  roles.resize(std::min(roles.size(), kMostRows));
  std::map<std::string, std::size_t> row_of;
  for (std::size_t r = 0; r < roles.size(); ++r) row_of[roles[r]] = r;
  std::vector<Indices> cells(roles.size() * depth.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto row = row_of.find(layers[i].role);
    if (row == row_of.end()) continue;
    const std::size_t place = depth.index_of(layers[i].stack, layers[i].block);
    cells[row->second * depth.size() + place].push_back(i);
  }
  const bool several =
      std::any_of(cells.begin(), cells.end(), [](const Indices& cell) { return cell.size() > 1; });
  std::vector<Figure> figures;
  for (const Measure& measure : measures) {
    HeatMap map(roles, depth.labels());
    map.column_label = depth.axis_label();
    for (std::size_t r = 0; r < roles.size(); ++r) {
      for (std::size_t p = 0; p < depth.size(); ++p) {
        const Indices& group = cells[r * depth.size() + p];
        if (group.empty()) continue;
        HeatCell& cell = map.at(r, p);
        cell.exists = true;
        cell.value = summed(measure, known(measure, group));
        if (group.size() == 1) {
          cell.tooltip = told_layer(layers[group[0]], measure, cell.value);
          cell.attributes = data_i(group[0]);
        } else {
          cell.tooltip = told_group(layers, measure, group, roles[r] + ", " + where_text(depth, p));
          cell.attributes = group_attributes(roles[r], depth.told_stack(p), depth.place(p).block);
        }
      }
    }
    std::string caption =
        measure.label.substr(0, measure.label.find(", logarithmic")) + ", by role and block";
    if (several && measure.kind != ScaleKind::share) {
      caption += "; of several layers, the median";
    }
    if (roles.size() < all_roles) {
      caption +=
          "; " + std::to_string(roles.size()) + " of " + std::to_string(all_roles) + " roles";
    }
    figures.push_back(finished("blocks", measure, caption, map,
                               plural(static_cast<std::int64_t>(layers.size()), "layer") + " in " +
                                   plural(static_cast<std::int64_t>(depth.blocks()), "block") +
                                   " and " + plural(static_cast<std::int64_t>(all_roles), "role") +
                                   ". " + ends_text(layers, measure)));
  }
  return figures;
}

namespace {

/// The layer of the group whose value is farthest from those of its role; known ones first.
std::size_t most_unusual(const std::vector<LayerRow>& layers, const Measure& measure,
                         const Indices& group, const Oddness& oddness) {
  return *std::max_element(group.begin(), group.end(), [&](std::size_t a, std::size_t b) {
    const bool a_known = std::isfinite(measure.values[a]);
    const bool b_known = std::isfinite(measure.values[b]);
    if (a_known != b_known) return b_known;
    return oddness.of(layers[a], a) < oddness.of(layers[b], b);
  });
}

std::string experts_caption(const Measure& measure) {
  const std::string caption =
      measure.label.substr(0, measure.label.find(", logarithmic")) + ", by expert and block";
  return measure.kind == ScaleKind::share
             ? caption
             : caption + "; of several layers, the one farthest from the median of its role";
}

/// The attributes of a cell with several layers.
std::string data_experts(const Depth& depth, std::size_t place, const std::string& experts) {
  const std::string stack = depth.told_stack(place);
  return " data-block=\"" + std::to_string(depth.place(place).block) + "\"" +
         (stack.empty() ? "" : " data-stack=\"" + html_text(stack) + "\"") + " data-expert=\"" +
         experts + "\"";
}

}  // namespace

std::vector<Figure> expert_figures(const CheckpointRecord& record,
                                   const std::vector<Measure>& measures) {
  std::vector<LayerRow> const& layers = record.layers;
  // The number of the last one, of which a stranger's archive may have the largest that there is.
  std::int64_t last = 0;
  std::vector<Place> places;
  for (const LayerRow& layer : layers) {
    if (layer.expert < 0) continue;
    last = std::max(last, layer.expert);
    places.push_back({layer.stack, layer.block});
  }
  if (last < 1) return {};
  const Depth depth(std::move(places));
  const std::int64_t per_row = last / static_cast<std::int64_t>(kMostRows) + 1;
  std::vector<std::string> rows;
  for (std::int64_t row = 0; row <= last / per_row; ++row) {
    const std::int64_t first = row * per_row;
    rows.push_back(bin_name(first, first + std::min(per_row - 1, last - first)));
  }
  std::vector<Indices> cells(rows.size() * depth.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].expert < 0) continue;
    const auto row = static_cast<std::size_t>(layers[i].expert / per_row);
    cells[row * depth.size() + depth.index_of(layers[i].stack, layers[i].block)].push_back(i);
  }
  std::vector<Figure> figures;
  for (const Measure& measure : measures) {
    const Oddness oddness(layers, measure);
    HeatMap map(rows, depth.labels());
    map.row_label = "expert";
    map.column_label = depth.axis_label();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (std::size_t p = 0; p < depth.size(); ++p) {
        const Indices& group = cells[r * depth.size() + p];
        if (group.empty()) continue;
        HeatCell& cell = map.at(r, p);
        cell.exists = true;
        const std::size_t odd = most_unusual(layers, measure, group, oddness);
        const bool share = measure.kind == ScaleKind::share;
        cell.value = share ? summed(measure, known(measure, group)) : measure.values[odd];
        cell.tooltip = share ? told_group(layers, measure, group,
                                          where_text(depth, p) + ", experts " + rows[r])
                             : told_layer(layers[odd], measure, cell.value);
        if (!share && group.size() > 1) {
          cell.tooltip += " (the most unusual of " + std::to_string(group.size()) + ")";
        }
        cell.attributes = group.size() == 1 ? data_i(group[0]) : data_experts(depth, p, rows[r]);
      }
    }
    figures.push_back(finished("experts", measure, experts_caption(measure), map,
                               std::to_string(static_cast<std::uint64_t>(last) + 1) +
                                   " experts in " +
                                   plural(static_cast<std::int64_t>(depth.blocks()), "block") +
                                   ". " + ends_text(layers, measure)));
  }
  return figures;
}

}  // namespace wishart::report
