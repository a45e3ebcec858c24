#include "figure/depth.hpp"

#include <algorithm>
#include <set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::report {
namespace {

bool comes_first(const Place& a, const Place& b) {
  if (a.stack != b.stack) return natural_less(a.stack, b.stack);
  return a.block < b.block;
}

/// The stacks by the last word of their names, or by the whole names if that is not unique.
bool last_words_suffice(const std::set<std::string>& stacks) {
  std::set<std::string> words;
  for (const std::string& stack : stacks) words.insert(stack.substr(stack.rfind('.') + 1));
  return words.size() == stacks.size();
}

}  // namespace

Depth::Depth(std::vector<Place> places) {
  std::set<std::string> stacks;
  for (const Place& place : places) {
    if (place.block < 0) {
      outside_ = true;
    } else {
      stacks.insert(place.stack);
    }
  }
  std::erase_if(places, [](const Place& place) { return place.block < 0; });
  std::sort(places.begin(), places.end(), comes_first);
  places.erase(std::unique(places.begin(), places.end(),
                           [](const Place& a, const Place& b) {
                             return a.stack == b.stack && a.block == b.block;
                           }),
               places.end());
  stacks_ = stacks.size();
  const bool brief = last_words_suffice(stacks);
  for (const Place& place : places) {
    const std::string block = std::to_string(place.block);
    const std::string stack = brief ? place.stack.substr(place.stack.rfind('.') + 1) : place.stack;
    labels_.push_back(
        stacks_ > 1 && !stack.empty() ? join(std::vector<std::string>{stack, block}, ".") : block);
  }
  if (outside_) {
    places.push_back({"", -1});
    labels_.emplace_back("outside");
  }
  places_ = std::move(places);
}

std::size_t Depth::index_of(const std::string& stack, std::int64_t block) const {
  if (block < 0 && outside_) return places_.size() - 1;
  const auto end = places_.end() - (outside_ ? 1 : 0);
  const auto found = std::lower_bound(places_.begin(), end, Place{stack, block}, comes_first);
  require(found != end && found->stack == stack && found->block == block,
          "the depth of a layer that is not in the model");
  return static_cast<std::size_t>(found - places_.begin());
}

Axis Depth::axis(std::size_t most_ticks) const {
  const std::vector<std::string> inside(labels_.begin(),
                                        labels_.begin() + static_cast<std::ptrdiff_t>(blocks()));
  return names_axis(axis_label(), inside, most_ticks, false);
}

}  // namespace wishart::report
