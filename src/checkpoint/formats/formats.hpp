#pragma once

/// @file
/// The formats of checkpoints that wishart reads: their list, and which of them a file or a folder
/// is in. Nothing outside of `formats` names them one by one.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/common/format.hpp"

namespace wishart::checkpoint {

/// All formats, in the order in which a folder is tried.
[[nodiscard]] std::span<const Format* const> formats();

/// The format with this name.
/// @throws Error with Blame::bug if there is none
[[nodiscard]] const Format& format_named(std::string_view name);

/// The format of a weight file, by the ending of its name; nullptr if wishart reads none such.
[[nodiscard]] const Format* format_of_file(std::string_view name);

/// `*.safetensors, *.pt or *.gguf`: what names of weight files end in, for messages.
[[nodiscard]] std::string endings_text();

/// Classifies the names of a folder's entries. The rules: docs/formats.md, "Which files are read".
[[nodiscard]] FolderContent classify_folder(std::vector<std::string> names);

/// True if all of `weights`, files in `folder` whose names look like those of weights, are files of
/// an archive of wishart. False if there are none.
[[nodiscard]] bool is_archive(const std::filesystem::path& folder,
                              const std::vector<std::string>& weights);

/// What a folder holds, by its names and those of the folders that trainers put weights into.
/// @throws Error with Blame::input if it cannot be listed
[[nodiscard]] FolderContent content_of_folder(const std::filesystem::path& folder);

}  // namespace wishart::checkpoint
