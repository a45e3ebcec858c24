#pragma once

/// @file
/// Internal: which matrices the `layers` option keeps.

#include <string>
#include <vector>

namespace wishart::model {

/// The patterns of the `layers` option, and which of them have matched.
class LayerFilter {
public:
  explicit LayerFilter(const std::vector<std::string>& patterns);

  /// True if a matrix with these names is kept.
  [[nodiscard]] bool keeps(const std::string& tensor, const std::string& key);
  /// Refuses patterns that match nothing.
  void check_all_matched() const;

private:
  struct Pattern {
    std::string text;
    bool matched = false;
  };

  static bool any(std::vector<Pattern>& patterns, const std::string& tensor,
                  const std::string& key);

  std::vector<Pattern> included_;
  std::vector<Pattern> excluded_;
  std::vector<std::string> names_;  ///< of matrices seen so far, to find the nearest
};

}  // namespace wishart::model
