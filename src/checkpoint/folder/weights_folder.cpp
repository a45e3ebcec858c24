#include "folder/weights_folder.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>

#include "wishart/core/system_failure.hpp"
#include "wishart/record/step_name.hpp"

#include "formats/formats.hpp"

// Source for the layout: NVIDIA-NeMo/Automodel 36044ad, recipes/base_recipe.py and
// components/checkpoint (checkpointing.py, utils.py).

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;
using Kind = FolderContent::Kind;

constexpr const char* kModel = "model";
constexpr std::array kOptimizers{"optim", "optimizer", "optimizers"};

/// True of a run, whose last weights may lie in `model`.
bool has_steps(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (parse_step_name(name).step >= 0 && is_folder(entry.path())) return true;
  }
  return false;
}

/// A checkpoint of which model and optimizer have folders of their own.
bool keeps_model_apart(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (name.starts_with("epoch_") && parse_step_name(name).step >= 0) return true;
  return is_folder(folder / kModel) &&
         std::any_of(kOptimizers.begin(), kOptimizers.end(),
                     [&](const char* optimizer) { return is_folder(folder / optimizer); }) &&
         !has_steps(folder);
}

}  // namespace

WeightsFolder weights_in(const fs::path& folder) {
  WeightsFolder own{folder, content_of_folder(folder)};
  const FolderContent& content = own.content;
  // States of the trainer are loose files of PyTorch.
  if ((content.is_readable() && !content.loose) || !keeps_model_apart(folder)) return own;
  constexpr const char* kMarker = ".incomplete";
  if (is_there(folder / kMarker)) {
    own.content = {};
    own.content.kind = Kind::incomplete;
    own.content.found =
        "it has the file " + std::string(kMarker) + ", which NeMo AutoModel removes last";
    return own;
  }
  for (const fs::path& inside : {fs::path(kModel) / "consolidated", fs::path(kModel)}) {
    const fs::path path = folder / inside;
    if (!is_folder(path)) continue;
    FolderContent found = content_of_folder(path);
    if (found.is_readable() || found.kind == Kind::incomplete) return {path, std::move(found)};
  }
  return own;
}

bool is_optimizer_folder(std::string_view name) {
  return std::find(kOptimizers.begin(), kOptimizers.end(), name) != kOptimizers.end();
}

}  // namespace wishart::checkpoint
