#pragma once

/// @file
/// What every format of weights provides, so that the rest of the module does not know which ones
/// there are. The list of them: formats/formats.hpp.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

/// What the files of a checkpoint, or one of them, hold; the numbers are not read yet.
struct Weights {
  std::vector<SourceFile> files;  ///< named by their paths below the checkpoint's folder
  std::vector<Tensor> tensors;    ///< `file` counts from 0 in `files`
  /// Names that may stand for a tensor stored under another name: the name -> the other.
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<LeftOut> left_out;
  ModelConfig config;  ///< where the files say what config.json would
  std::int64_t step = -1;
  std::vector<std::string> warnings;
};

/// One of several files that hold the same model.
struct Variant {
  std::string name;  ///< `q4f16`, as --variant takes it
  std::string file;
};

/// What a folder holds. Made from names alone.
struct FolderContent {
  enum class Kind : std::uint8_t {
    nothing,      ///< no weights known to wishart
    index,        ///< `index` names the files
    files,        ///< `weights` are the files
    folder,       ///< the format reads the folder as a whole
    several,      ///< each of `weights` is a checkpoint by itself
    incomplete,   ///< `found` says what is missing
    unsupported,  ///< weights in a format that wishart does not read
  };
  Kind kind = Kind::nothing;
  std::string format;                ///< its name
  std::string index;                 ///< name of the index
  std::vector<std::string> weights;  ///< of `files` and `several`, in natural order
  std::vector<std::string> unused;   ///< weight files that are left out, in natural order
  std::string inside;             ///< of `folder`: the folder in it that has the weights, or empty
  std::string found;              ///< of `unsupported`: its name, and what to do
  std::vector<Variant> variants;  ///< of `files`: what the one in `weights` was chosen from
  bool adapter = false;           ///< of `files`: a LoRA adapter
  bool loose = false;             ///< of `files`: a file of any name, which may be here by chance

  [[nodiscard]] bool is_readable() const noexcept {
    return kind == Kind::index || kind == Kind::files || kind == Kind::folder;
  }
};

/// A format of files (`read_file`) or of folders (`read_folder`, `classify`).
struct Format {
  std::string_view name;  ///< in reports and archives
  /// Endings of the names of its files.
  std::span<const std::string_view> endings{};
  /// The file that names the shards of a checkpoint and their tensors; empty: the format has none.
  std::string_view index{};
  /// The name of a tensor that the index calls `name`; null: the same.
  std::string (*name_in_index)(std::string name) = nullptr;
  /// If a folder has a file of this name, the others are left out.
  std::string_view usual{};
  /// Files may have any name: several that are not shards are checkpoints of their own.
  bool any_name = false;
  /// Files with this ending hold one array each, and make one checkpoint together.
  std::string_view array_ending{};
  /// What a folder with these names, in natural order, holds; null: decided by the names of files.
  FolderContent (*classify)(const std::vector<std::string>& names) = nullptr;
  /// A folder inside that has the weights, if `names` of `folder` show one; empty if none does.
  std::string (*find_inside)(const std::filesystem::path& folder,
                             const std::vector<std::string>& names) = nullptr;
  /// Reads the header of one file. Throws Error with Blame::input.
  Weights (*read_file)(const std::filesystem::path& file) = nullptr;
  /// Reads the headers of a checkpoint in a folder; `inside` as above. Throws Error with
  /// Blame::input.
  Weights (*read_folder)(const std::filesystem::path& root, const std::string& inside) = nullptr;
  /// Combines tensors, which may be in different files of the checkpoint; null: each stands alone.
  void (*combine)(Catalogue& catalogue) = nullptr;
};

/// Adds `shift` to every file index of a tensor and its parts.
void shift_files(Tensor& tensor, std::int32_t shift);

/// What `file` holds, taken out of it: readers of single files return a struct each, with what only
/// their format has.
template <class File>
[[nodiscard]] Weights take_weights(File& file) {
  Weights weights;
  weights.files.push_back(std::move(file.source));
  weights.tensors = std::move(file.tensors);
  if constexpr (requires { file.left_out; }) weights.left_out = std::move(file.left_out);
  return weights;
}

}  // namespace wishart::checkpoint
