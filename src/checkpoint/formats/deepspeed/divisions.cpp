#include "formats/deepspeed/divisions.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "wishart/core/error.hpp"

// Keys: DeepSpeed (edaa722), runtime/engine.py (_save_moe_checkpoint, _save_checkpoint),
// checkpoint/constants.py, module_inject/layers.py (collect_autotp_universal_checkpoint_info).

namespace wishart::checkpoint {
namespace {

using Kind = Pickle::Kind;

/// The layers of AutoEP under the key of this or of an earlier version; the key is empty if there
/// are none.
std::pair<std::string_view, std::vector<PickleRef>> autoep_layers(const Pickle& p) {
  for (const std::string_view key : {"ds_autoep_layers", "autoep_layers"}) {
    const PickleRef layers = p.value(p.top(), key);
    if (p.kind(layers) == Kind::list) return {key, p.items(layers)};
  }
  return {};
}

}  // namespace

ExpertCounts expert_counts(const Pickle& states) {
  ExpertCounts counts;
  const PickleRef list = states.value(states.top(), "num_experts");
  if (states.kind(list) == Kind::list) {
    std::int64_t layer = 0;
    for (const PickleRef count : states.items(list)) {
      counts[layer++] = states.integer(count).value_or(0);
    }
  }
  for (const PickleRef layer : autoep_layers(states).second) {
    const auto number = states.integer(states.value(layer, "moe_layer_id"));
    const auto count = states.integer(states.value(layer, "num_experts"));
    if (number && count) counts[*number] = *count;
  }
  return counts;
}

void check_experts(const ExpertCounts& counts, const ExpertFiles& files, const std::string& place) {
  std::map<std::int64_t, std::int64_t> found;  // experts 0, 1, ... of each layer without a gap
  std::int64_t all = 0;                        // layers, as far as the names of files tell
  for (const auto& [key, name] : files) {
    const auto& [layer, expert] = key;
    all = std::max(all, layer + 1);
    std::int64_t& next = found[layer];
    if (expert == next)
      ++next;
    else
      next = -1;
    if (next >= 0) continue;
    throw Error(Blame::input, place + ": layer " + std::to_string(layer) +
                                  " of experts: a file is missing before that of expert " +
                                  std::to_string(expert) + ". Copy the folder again");
  }
  if (found.contains(-1)) return;  // names of old versions do not tell the layer
  for (const auto& [layer, count] : counts) {
    if (found[layer] == count) continue;
    throw Error(Blame::input, place + ": layer " + std::to_string(layer) +
                                  " of experts: expected " + "files of " + std::to_string(count) +
                                  " experts, found " + std::to_string(found[layer]) +
                                  ". Copy the folder again");
  }
}

void refuse_auto_tensor_parallel(const ParallelFile& states, std::size_t model_ranks) {
  const Pickle& p = states.pickle();
  const PickleRef info = p.value(p.top(), "universal_checkpoint_info");
  if (model_ranks < 2 || p.kind(info) != Kind::dict) return;
  for (const char* key : {"sub_param_shard_widths", "autotp_unsupported_parameter_patterns"}) {
    if (p.value(info, key) == Pickle::kNone) continue;
    states.fail("weights divided by DeepSpeed's AutoTP ('" + std::string(key) +
                "') are not supported. Convert them to a universal checkpoint with DeepSpeed's "
                "ds_to_universal.py");
  }
}

void refuse_divided_experts(const ParallelFile& states) {
  const Pickle& p = states.pickle();
  const auto [key, layers] = autoep_layers(p);
  for (const PickleRef layer : layers) {
    if (p.text(p.value(layer, "checkpoint_format")) != "zero3_partitioned") continue;
    states.fail("ZeRO stage 3 with experts divided among groups of ranks ('" + std::string(key) +
                "') is not supported. Convert it to a universal checkpoint with DeepSpeed's "
                "ds_to_universal.py");
  }
}

}  // namespace wishart::checkpoint
