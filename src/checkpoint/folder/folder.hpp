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
inline constexpr std::string_view kTorchIndexName = "pytorch_model.bin.index.json";
inline constexpr std::string_view kExtension = ".safetensors";

/// Formats of weight files.
inline constexpr std::string_view kSafetensors = "safetensors";
inline constexpr std::string_view kTorch = "torch";
inline constexpr std::string_view kLora = "lora";
inline constexpr std::string_view kGguf = "gguf";
inline constexpr std::string_view kNumpy = "numpy";
inline constexpr std::string_view kKeras = "keras";
inline constexpr std::string_view kOnnx = "onnx";
inline constexpr std::string_view kMegatron = "megatron";
inline constexpr std::string_view kDeepSpeed = "deepspeed";
inline constexpr std::string_view kDistributed = "torch.distributed.checkpoint";

/// What a folder holds. Made from names alone.
struct FolderContent {
  enum class Kind : std::uint8_t {
    nothing,      ///< no weights that wishart knows of
    index,        ///< `index` names the files
    files,        ///< `weights` are the files
    distributed,  ///< a `.metadata` names the files
    parallel,     ///< each file or folder holds the pieces of a rank; `format` tells whose
    several,      ///< `weights` are files that are a checkpoint each
    incomplete,   ///< `found` says what is not there yet
    unsupported,  ///< weights in a format that is not read
  };
  Kind kind = Kind::nothing;
  std::string_view format;
  std::string index;                 ///< name of the index
  std::vector<std::string> weights;  ///< of `files` and `several`, in natural order
  std::vector<std::string> unused;   ///< weight files that are left out, in natural order
  std::string inside;                ///< of `distributed`: the folder of `.metadata`, or empty
  std::string found;                 ///< of `unsupported`: `model.gguf (GGUF)`
  bool adapter = false;              ///< of `files`: a LoRA adapter
  bool loose = false;  ///< of `files`: a file of any name, which may lie here by chance

  /// Something that open_checkpoint opens.
  [[nodiscard]] bool is_readable() const noexcept {
    return kind == Kind::index || kind == Kind::files || kind == Kind::distributed ||
           kind == Kind::parallel;
  }
};

/// Classifies the names of a folder's entries. The rules: docs/formats.md, "Which files are read".
[[nodiscard]] FolderContent classify_folder(std::vector<std::string> names);

/// What a folder holds, by its names and those of the folders that trainers put weights into.
/// @throws Error with Blame::input if it cannot be listed
[[nodiscard]] FolderContent content_of_folder(const std::filesystem::path& folder);

/// The format of a weight file, by its name; empty if it is none that is read.
[[nodiscard]] std::string_view format_of_file(std::string_view name);

/// True for the names of PEFT's adapters.
[[nodiscard]] bool is_adapter(std::string_view name);

/// `model.gguf (GGUF)` for the name of a file or folder whose format is
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
