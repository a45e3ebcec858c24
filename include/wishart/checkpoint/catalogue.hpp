#pragma once

/// @file
/// A checkpoint on disk: its format, its tensors, and where their bytes are.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/record/analysis_kind.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// A tensor that is not analysed, and why: a code and a sentence.
struct LeftOut {
  Tensor tensor;
  std::string reason;
  std::string detail;
};

/// The content of a checkpoint, except its numbers.
///
/// Made by one rank. Only that rank parses text from untrusted files; the others receive validated
/// numbers.
struct Catalogue {
  std::filesystem::path root;                     ///< folder of the files, absolute
  AnalysisKind analysis = AnalysisKind::weights;  ///< what the tensors are
  std::string base_identity;                      ///< of the base, if one takes part
  std::string format;  ///< `safetensors`, `torch`, `torch.distributed.checkpoint`, ...
  std::vector<SourceFile> files;
  std::vector<Tensor> tensors;  ///< in natural order of their names, each name once
  /// Names that the writer dropped because the tensor is stored under another name: dropped ->
  /// kept.
  std::vector<std::pair<std::string, std::string>> aliases;
  std::vector<LeftOut> left_out;  ///< tensors without a partner in the base
  ModelConfig config;
  TrainingState training;
  std::vector<std::string> warnings;  ///< worth reporting, not fatal
  std::string no_base;  ///< of an adapter: why it cannot be added to a base; empty if it can

  /// XXH3-128 over the names, sizes, modification times and header hashes of the files.
  [[nodiscard]] std::string identity() const;
};

/// Opens a checkpoint: a file of weights, or a folder of one of the formats of docs/formats.md.
/// Reads headers and side files only.
/// @throws Error with Blame::input that names the file, what was expected and what was found
[[nodiscard]] Catalogue open_checkpoint(const std::filesystem::path& path);

/// Which of several files to open, and a second checkpoint to combine with the first.
struct OpenOptions {
  std::filesystem::path base;       ///< W - W_base instead of W
  std::filesystem::path with_base;  ///< for an adapter: W_base + s B A instead of s B A
  /// Of a folder that holds one model in several precisions; empty: the most precise one.
  std::string variant;
  /// Leaves out the tensors of a quantisation that is not read, with the reason, instead of
  /// refusing the checkpoint.
  bool allow_unknown = false;
};

/// The same, with options.
/// @throws Error with Blame::usage if the base does not match the checkpoint, or if there is no
///         such variant
[[nodiscard]] Catalogue open_checkpoint(const std::filesystem::path& path,
                                        const OpenOptions& options);

/// True if `path` is something open_checkpoint would take: a file of weights, or a folder with one
/// of the file sets of docs/formats.md. Checks names only.
[[nodiscard]] bool looks_like_checkpoint(const std::filesystem::path& path);

/// The checkpoints at `path`: `path` itself, or the checkpoints in a history folder, ordered by
/// training step. Checkpoints that are left out because they are still being written are reported
/// in `messages`.
/// @throws Error with Blame::input if there is none
[[nodiscard]] std::vector<std::filesystem::path> find_checkpoints(
    const std::filesystem::path& path, std::vector<std::string>& messages);
[[nodiscard]] std::vector<std::filesystem::path> find_checkpoints(
    const std::filesystem::path& path);

/// The name of a checkpoint: the last component of its path or, in the Hugging Face cache, the
/// revision that refers to the snapshot.
[[nodiscard]] std::string checkpoint_name(const std::filesystem::path& path);

}  // namespace wishart::checkpoint
