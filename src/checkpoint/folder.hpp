#pragma once

/// @file
/// Which files of a folder are the weights, told from their names.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wishart::checkpoint {

inline constexpr std::string_view kIndexName = "model.safetensors.index.json";
inline constexpr std::string_view kExtension = ".safetensors";

/// What a folder holds. Made from names alone.
struct FolderContent {
  enum class Kind : std::uint8_t {
    nothing,      ///< no weights that wishart knows of
    index,        ///< `model.safetensors.index.json` names the files
    files,        ///< `weights` are the files
    unsupported,  ///< weights in a format that is not read
  };
  Kind kind = Kind::nothing;
  std::vector<std::string> weights;  ///< of `files`, in natural order
  std::vector<std::string>
      unused;         ///< .safetensors files that `files` leaves out, in natural order
  std::string found;  ///< of `unsupported`: `pytorch_model.bin (PyTorch)`
};

/// Classifies the names of a folder's entries. The rules: docs/formats.md, "Which files are read".
[[nodiscard]] FolderContent classify_folder(std::vector<std::string> names);

/// `adapter_model.safetensors (LoRA adapter)` for the name of a file or folder whose format is
/// known and not read; empty for any other.
[[nodiscard]] std::string unsupported_format(std::string_view name);

/// Throws if files named as shards, `x-00001-of-00004.safetensors`, are not all there.
void check_shards_complete(const std::vector<std::string>& names,
                           const std::filesystem::path& folder);

/// Names of the entries of a folder, hidden ones too.
/// @throws Error with Blame::input if it cannot be listed
[[nodiscard]] std::vector<std::string> list_folder(const std::filesystem::path& folder);

/// `path`, absolute and without a slash at its end.
[[nodiscard]] std::filesystem::path absolute_path(const std::filesystem::path& path);

}  // namespace wishart::checkpoint
