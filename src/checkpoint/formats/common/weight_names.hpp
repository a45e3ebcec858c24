#pragma once

/// @file
/// Weight files told from other files by their names, whatever their format.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// The names of PEFT's adapters.
inline constexpr std::string_view kAdapterNames[] = {"adapter_model.safetensors",
                                                     "adapter_model.bin"};
[[nodiscard]] bool is_adapter(std::string_view name);

/// True for states of the optimizer and the like, which hold no weights.
[[nodiscard]] bool is_side_state(std::string_view name);

/// What the files of one format in a folder make, from their names: an index, the file with the
/// usual name, all of them as shards, or several checkpoints.
/// @param names  of the folder's entries, in natural order
[[nodiscard]] FolderContent classify_files(const Format& format,
                                           const std::vector<std::string>& names);

/// Throws Error with Blame::input if files named as shards, `x-00001-of-00004.safetensors`, are not
/// all there.
void check_shards_complete(const std::vector<std::string>& names,
                           const std::filesystem::path& folder);

/// True if `name` is among the names.
[[nodiscard]] bool has_name(const std::vector<std::string>& names, std::string_view name);

}  // namespace wishart::checkpoint
