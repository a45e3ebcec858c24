#include "layer_filter.hpp"

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::model {
namespace {

/// If a pattern matches nothing, at most this many names are searched for the nearest one.
constexpr std::size_t kNamesForNearest = 5000;

}  // namespace

LayerFilter::LayerFilter(const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.starts_with("-")) {
      excluded_.push_back({pattern.substr(1)});
    } else {
      included_.push_back({pattern});
    }
  }
}

bool LayerFilter::keeps(const std::string& tensor, const std::string& key) {
  const bool next_part = !names_.empty() && names_.back() == tensor;
  if (!next_part && names_.size() < kNamesForNearest) names_.push_back(tensor);
  const bool in = included_.empty() || any(included_, tensor, key);
  const bool out = any(excluded_, tensor, key);
  return in && !out;
}

void LayerFilter::check_all_matched() const {
  for (const auto* patterns : {&included_, &excluded_}) {
    const std::string sign = patterns == &excluded_ ? "-" : "";
    for (const Pattern& pattern : *patterns) {
      if (pattern.matched) continue;
      const std::string near = nearest(pattern.text, names_);
      throw Error(Blame::usage,
                  "--layers '" + sign + printable(pattern.text) +
                      "': no matrix of this checkpoint matches" +
                      (near.empty() ? "" : ". Did you mean '" + sign + printable(near) + "'?"));
    }
  }
}

bool LayerFilter::any(std::vector<Pattern>& patterns, const std::string& tensor,
                      const std::string& key) {
  bool found = false;
  for (Pattern& pattern : patterns) {
    if (glob_match(pattern.text, tensor) || glob_match(pattern.text, key)) {
      pattern.matched = true;
      found = true;
    }
  }
  return found;
}

}  // namespace wishart::model
