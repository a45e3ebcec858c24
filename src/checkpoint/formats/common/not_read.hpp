#pragma once

/// @file
/// Formats of weights that are recognised by names but not read, and what converts them: one table.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

/// True for the name of a file or folder that by itself shows a format that is not read.
[[nodiscard]] bool is_not_read(std::string_view name);

/// `model.tflite (TensorFlow Lite), which is not supported. Convert it with ...` for the name that
/// tells most among `names`; empty if none of them shows a format of the table.
[[nodiscard]] std::string not_read_among(const std::vector<std::string>& names);

/// The same for a file that is named by itself, and shows its format alone or with the other
/// `names` of its folder: `model.json` beside shards of TensorFlow.js.
[[nodiscard]] std::string not_read_file(const std::string& name,
                                        const std::vector<std::string>& names);

/// The same if all of `weights`, whose names look like files of a format that is read, belong to a
/// format that is not: shards `params_shard_0.bin` of MLC, or `model.bin` beside `model.xml`; or if
/// one of them is one rank's piece of the weights.
/// @param names  of all entries of their folder
[[nodiscard]] std::string not_read_instead(const std::vector<std::string>& names,
                                           const std::vector<std::string>& weights);

/// The same if all of `weights`, files beside an index, are pieces of ranks: then they are what it
/// names, or it is a copy of that of another model, as vLLM's example of saving pieces makes.
[[nodiscard]] std::string pieces_beside_index(const std::vector<std::string>& names,
                                              const std::vector<std::string>& weights);

/// What is said of an archive, after its path, where a checkpoint is expected.
inline constexpr std::string_view kIsArchive = ": is an archive of wishart, expected a checkpoint";

/// Says of a folder that it is still being written.
inline constexpr std::string_view kUnfinished =
    "its name begins with tmp_, as torch_checkpointing names what it still writes";

/// True if `folder`, with these files of weights, is one that torch_checkpointing renames when all
/// ranks have written their shards, `model_0.pt`, `model_1.pt`.
[[nodiscard]] bool is_unfinished(const std::filesystem::path& folder,
                                 const std::vector<std::string>& weights);

}  // namespace wishart::checkpoint
