#include "folder/completeness.hpp"

#include <charconv>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/step_name.hpp"

#include "formats/common/weight_names.hpp"
#include "formats/deepspeed/zero.hpp"
#include "formats/safetensors/weight_index.hpp"

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTracker = "latest_checkpointed_iteration.txt";

/// Megatron's tracker file beside the folder: the last complete iteration.
std::optional<std::int64_t> tracked_iteration(const fs::path& parent) {
  if (!is_there(parent / kTracker)) return std::nullopt;
  try {
    const std::string text = read_text_file(parent / kTracker, 1024);
    std::int64_t iteration = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), iteration);
    if (error == std::errc{}) return iteration;
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

/// DeepSpeed's tracker file beside the folder: the last complete tag.
std::int64_t tracked_tag(const fs::path& parent) {
  if (!is_there(parent / "latest") || is_folder(parent / "latest")) return -1;
  try {
    return parse_step_name(read_text_file(parent / "latest", 1024)).step;
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return -1;
  }
}

/// A missing file that an index names, or a missing shard number.
std::string missing_file(const fs::path& folder, const FolderContent& content) {
  try {
    if (content.kind == FolderContent::Kind::files) check_shards_complete(content.weights, folder);
    if (content.kind != FolderContent::Kind::index) return {};
    for (const auto& [name, tensors] : read_weight_index(folder / content.index)) {
      if (!is_there(folder / name)) {
        return "no " + printable(name) + ", which " + content.index + " names";
      }
    }
  } catch (const SystemFailure&) {
    throw;
  } catch (const Error&) {
    return content.kind == FolderContent::Kind::files ? "a shard is missing"
                                                      : "its index is broken";
  }
  return {};
}

}  // namespace

std::string missing_part(const fs::path& folder, const WeightsFolder& weights,
                         bool siblings_have_state) {
  const FolderContent& content = weights.content;
  if (content.kind == FolderContent::Kind::incomplete) return content.found;
  const std::string name = folder.filename().string();
  const std::int64_t step = parse_step_name(name).step;
  if (siblings_have_state && name.starts_with("checkpoint-") && step >= 0 &&
      !is_there(folder / "trainer_state.json")) {
    return "no trainer_state.json, which is written last";
  }
  if (name.starts_with("iter_") && step >= 0) {
    const std::optional<std::int64_t> last = tracked_iteration(folder.parent_path());
    if (last && step > *last) {
      return std::string(kTracker) + " says " + std::to_string(*last);
    }
  }
  if (content.format == kDeepSpeed && step >= 0) {
    const std::int64_t last = tracked_tag(folder.parent_path());
    if (last >= 0 && step > last) return "latest names step " + std::to_string(last);
  }
  return missing_file(weights.path, content);
}

}  // namespace wishart::checkpoint
