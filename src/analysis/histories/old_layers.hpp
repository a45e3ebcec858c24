#pragma once

/// @file
/// Internal: layers that hold the values of an earlier checkpoint while the rest of the model has
/// moved on, as where one rank's part of a file is old.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wishart/analysis/history_row.hpp"

namespace wishart::analysis {

/// Follows the layers of one stage, checkpoint by checkpoint.
class OldLayersFinder {
public:
  /// A layer of a checkpoint. What the views show has to outlive the finder.
  struct Layer {
    std::string_view key;
    std::string_view hash;  ///< empty: not known
    std::string_view form;  ///< type and shape: a copy in another one has not changed
    std::string_view stack;
    std::int64_t block = -1;
    bool is_expert = false;
  };

  /// The old layers of the next checkpoint. A layer that has never changed is frozen, not old; and
  /// where nothing else has new values either, no part is older than the others.
  [[nodiscard]] OldLayers add(const std::string& checkpoint, const std::vector<Layer>& layers);

private:
  struct Past {
    std::unordered_map<std::string_view, std::size_t>
        first;              ///< of each hash, its first checkpoint
    std::string_view hash;  ///< the last that is known
    std::string_view form;
    bool changed = false;
    bool stood = false;  ///< at the last checkpoint
    bool rests = false;  ///< it stood, and went on from there
  };

  std::unordered_map<std::string_view, Past> pasts_;
  std::vector<std::string> checkpoints_;
};

}  // namespace wishart::analysis
