#include "comparisons/pruned.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "wishart/core/text.hpp"

#include "words/numbered_names.hpp"

namespace wishart::analysis {
namespace {

/// A name as what comes before a number, that number, and the rest.
struct Numbered {
  std::string_view before;  ///< with the dot
  std::int64_t number = -1;
  std::string_view after;
};

/// At each number of a name: `a.3.experts.5.up` at 3 and at 5.
std::vector<Numbered> numbers_in(std::string_view name) {
  std::vector<Numbered> all;
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    if (const auto number = number_of_word(name.substr(begin, end - begin)); number && begin > 0) {
      all.push_back({name.substr(0, begin), *number, name.substr(end)});
    }
    begin = end + 1;
  }
  return all;
}

/// The place where two names differ, if it is one number.
std::optional<std::pair<Numbered, Numbered>> only_difference(std::string_view b,
                                                             std::string_view a) {
  for (const Numbered& here : numbers_in(b)) {
    for (const Numbered& there : numbers_in(a)) {
      if (here.before == there.before && here.after == there.after && here.number != there.number) {
        return std::pair{here, there};
      }
    }
  }
  return {};
}

/// The series of things that are numbered, by what is before their numbers. Of a block `layers.`,
/// of experts `layers.3.mlp.experts.`.
using Numbers = std::map<std::string, std::set<std::int64_t>, std::less<>>;
/// Of each series, the number in A of each in B.
using Maps = std::map<std::string, std::map<std::int64_t, std::int64_t>, std::less<>>;

Numbers numbers_of(const CheckpointRecord& record) {
  Numbers all;
  const auto add = [&](std::string_view name) {
    for (const Numbered& one : numbers_in(name)) all[std::string(one.before)].insert(one.number);
  };
  for (const LayerRow& row : record.layers) add(row.key);
  for (const SkippedRow& row : record.skipped) add(row.tensor);
  return all;
}

/// `layers.3.mlp.experts.` as `layers.*.mlp.experts.`: series that are pruned alike.
std::string kind_of(std::string_view series) {
  std::vector<std::string> words = split(series, '.');
  for (std::string& word : words) {
    if (number_of_word(word)) word = "*";
  }
  return join(words, ".");
}

/// Zeros and constants are alike wherever they lie.
bool is_plain(const LayerRow& row) { return row.matrix_rank >= 0 && row.matrix_rank <= 1; }

class Finder {
public:
  Finder(const CheckpointRecord& a, const CheckpointRecord& b) : b_(&b) {
    for (const LayerRow& row : a.layers) {
      by_key_.emplace(row.key, &row);
      if (!row.hash.empty()) by_hash_.emplace(row.hash, &row);
    }
  }

  /// Which number of A each number of B has; nothing if B is not A with parts removed.
  std::optional<Maps> maps(const Numbers& of_a) {
    if (!read_places() || maps_.empty()) return {};
    const Numbers of_b = numbers_of(*b_);
    add_unmoved(of_a, of_b);
    for (auto& [series, map] : maps_) {
      const auto before = of_a.find(series);
      const auto now = of_b.find(series);
      if (before == of_a.end() || now == of_b.end()) return {};
      if (!completed(series, map, before->second, now->second)) return {};
    }
    return maps_;
  }

private:
  /// Where the layers of B were in A. False if one is in a place that no pruning explains.
  bool read_places() {
    for (const LayerRow& row : b_->layers) {
      const auto own = by_key_.find(row.key);
      if (own == by_key_.end()) return false;  // pruning adds nothing
      if (own->second->hash == row.hash || row.hash.empty() || is_plain(row)) continue;
      const auto from = by_hash_.find(row.hash);
      if (from == by_hash_.end()) continue;
      const auto places = only_difference(row.key, from->second->key);
      if (!places) return false;
      const auto [place, first] = maps_[std::string(places->first.before)].emplace(
          places->first.number, places->second.number);
      if (!first && place->second != places->second.number) return false;
    }
    return true;
  }

  /// Series of the same kind of which only the last ones were removed.
  void add_unmoved(const Numbers& of_a, const Numbers& of_b) {
    std::set<std::string> kinds;
    for (const auto& [series, map] : maps_) kinds.insert(kind_of(series));
    for (const auto& [series, numbers] : of_a) {
      const auto now = of_b.find(series);
      if (now != of_b.end() && now->second.size() < numbers.size() &&
          kinds.contains(kind_of(series))) {
        maps_.emplace(series, std::map<std::int64_t, std::int64_t>());
      }
    }
  }

  /// Adds the numbers that stayed. False unless the last numbers of A are gone, and the others
  /// increase.
  bool completed(const std::string& series, std::map<std::int64_t, std::int64_t>& map,
                 const std::set<std::int64_t>& before, const std::set<std::int64_t>& now) const {
    if (now.size() >= before.size() || !std::equal(now.begin(), now.end(), before.begin())) {
      return false;
    }
    for (const std::int64_t number : now) {
      if (!map.contains(number) && !stayed(series, number)) return false;
      map.emplace(number, number);
    }
    std::int64_t last = -1;
    for (const auto& [here, there] : map) {
      if (there <= last || !before.contains(there)) return false;
      last = there;
    }
    return true;
  }

  /// True if a layer of this number has the weights that it had.
  [[nodiscard]] bool stayed(const std::string& series, std::int64_t number) const {
    const std::string begin = series + std::to_string(number) + ".";
    return std::any_of(b_->layers.begin(), b_->layers.end(), [&](const LayerRow& row) {
      if (!row.key.starts_with(begin)) return false;
      const auto own = by_key_.find(row.key);
      return own != by_key_.end() && !row.hash.empty() && own->second->hash == row.hash;
    });
  }

  const CheckpointRecord* b_;
  std::unordered_map<std::string_view, const LayerRow*> by_key_;
  std::unordered_map<std::string_view, const LayerRow*> by_hash_;
  Maps maps_;
};

/// The name in B of what A calls `name`; nothing if it was removed.
std::optional<std::string> name_in_b(const std::string& name, const Maps& back,
                                     const std::set<std::string, std::less<>>& pruned) {
  std::string text = name;
  for (const Numbered& one : numbers_in(name)) {
    if (!pruned.contains(one.before)) continue;
    const auto map = back.find(one.before);
    const auto number = map->second.find(one.number);
    if (number == map->second.end()) return {};
    // Series within others keep the names of A, so that only one number changes: maps of both
    // kinds at once are not found.
    text = std::string(one.before) + std::to_string(number->second) + std::string(one.after);
  }
  return text;
}

/// `3, 4 and 7`; of many the first few.
std::string list_of(const std::vector<std::int64_t>& numbers) {
  constexpr std::size_t kMost = 8;
  std::string text;
  for (std::size_t i = 0; i < numbers.size() && i < kMost; ++i) {
    const bool last = i + 1 == numbers.size();
    text += (i == 0 ? "" : last ? " and " : ", ") + std::to_string(numbers[i]);
  }
  if (numbers.size() > kMost) text += " and " + std::to_string(numbers.size() - kMost) + " more";
  return text;
}

std::string removed_text(const Maps& maps, const Numbers& of_a) {
  const auto& [series, map] = *maps.begin();
  const std::set<std::int64_t>& before = of_a.find(series)->second;
  std::set<std::int64_t> kept;
  for (const auto& [here, there] : map) kept.insert(there);
  std::vector<std::int64_t> removed;
  for (const std::int64_t number : before) {
    if (!kept.contains(number)) removed.push_back(number);
  }
  const bool experts = series.ends_with("experts.");
  const auto more = std::ssize(maps) - 1;
  return (removed.size() > 1 ? "numbers " : "number ") + list_of(removed) + " of the " +
         std::to_string(before.size()) + (experts ? " experts" : " blocks") + " of " +
         printable(series.substr(0, series.size() - 1)) +
         (more > 0 ? ", and as many of " + std::to_string(more) + " more," : std::string()) +
         (removed.size() > 1 || more > 0 ? " were" : " was") +
         " removed, and the others follow in their order";
}

/// The first number of `64 x 32`, which has two; -1 for other shapes.
std::int64_t rows_of_shape(std::string_view shape) {
  const std::size_t by = shape.find(" x ");
  if (by == std::string_view::npos || shape.find(" x ", by + 1) != std::string_view::npos)
    return -1;
  return number_of_word(shape.substr(0, by)).value_or(-1);
}

/// True if something beside the experts of a pruned series still has a row for each of those that A
/// has: a router, perhaps too small for a spectrum. Then experts were lost, not pruned.
bool has_lost_experts(const CheckpointRecord& b, const Maps& maps, const Numbers& of_a) {
  return std::any_of(maps.begin(), maps.end(), [&](const auto& one) {
    const std::string_view series = one.first;
    constexpr std::string_view kExperts = "experts.";
    if (!series.ends_with(kExperts)) return false;
    const std::string_view beside = series.substr(0, series.size() - kExperts.size());
    const std::int64_t all = std::ssize(of_a.find(series)->second);
    const auto is_router = [&](std::string_view name, std::int64_t rows) {
      return rows == all && name.starts_with(beside) && !name.starts_with(series);
    };
    return std::any_of(b.layers.begin(), b.layers.end(),
                       [&](const LayerRow& row) {
                         return row.role == "router" && is_router(row.key, row.rows);
                       }) ||
           std::any_of(b.skipped.begin(), b.skipped.end(), [&](const SkippedRow& row) {
             return is_router(row.tensor, rows_of_shape(row.shape));
           });
  });
}

}  // namespace

std::optional<Pruned> pruned_from(const CheckpointRecord& a, const CheckpointRecord& b) {
  if (a.layers.size() <= b.layers.size()) return {};
  const Numbers of_a = numbers_of(a);
  const std::optional<Maps> maps = Finder(a, b).maps(of_a);
  if (!maps || has_lost_experts(b, *maps, of_a)) return {};
  Maps back;
  std::set<std::string, std::less<>> series;
  for (const auto& [name, map] : *maps) {
    series.insert(name);
    for (const auto& [here, there] : map) back[name].emplace(there, here);
  }
  Pruned pruned;
  pruned.text = removed_text(*maps, of_a);
  pruned.a.provenance = a.provenance;
  std::unordered_map<std::string_view, const LayerRow*> now;
  for (const LayerRow& row : b.layers) now.emplace(row.key, &row);
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    const std::optional<std::string> key = name_in_b(a.layers[i].key, back, series);
    if (!key) continue;
    const auto found = now.find(*key);
    if (found != now.end() && found->second->role == "router" &&
        found->second->rows < a.layers[i].rows && found->second->cols == a.layers[i].cols) {
      pruned.routers.push_back(*key);
      continue;
    }
    pruned.a.layers.push_back(a.layers[i]);
    pruned.a.layers.back().key = *key;
    if (found != now.end()) pruned.a.layers.back().block = found->second->block;
    if (i < a.spectra.size()) pruned.a.spectra.push_back(a.spectra[i]);
  }
  for (const SkippedRow& row : a.skipped) {
    const std::optional<std::string> name = name_in_b(row.tensor, back, series);
    if (!name) continue;
    pruned.a.skipped.push_back(row);
    pruned.a.skipped.back().tensor = *name;
  }
  return pruned;
}

}  // namespace wishart::analysis
