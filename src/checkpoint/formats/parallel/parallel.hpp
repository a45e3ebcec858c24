#pragma once

/// @file
/// Checkpoints that tensor-parallel ranks wrote, each its piece of every tensor: what Megatron-LM
/// and what was made from it leave behind.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/core/file.hpp"

#include "formats/common/format.hpp"
#include "formats/torch/torch_archive.hpp"

namespace wishart::checkpoint {

/// One file of torch.save among the files of a checkpoint.
class ParallelFile {
public:
  /// Opens `root`/`name` and adds it to the files.
  /// @throws Error with Blame::input
  ParallelFile(const std::filesystem::path& root, const std::string& name, Weights& checkpoint);

  [[nodiscard]] const Pickle& pickle() const noexcept { return archive_->pickle(); }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  [[nodiscard]] Tensor tensor(const TorchTensor& tensor) { return archive_->tensor(tensor, file_); }
  /// The tensors below a node.
  [[nodiscard]] std::vector<Tensor> tensors(PickleRef node, std::vector<std::string>& warnings);
  [[noreturn]] void fail(const std::string& what) const;

private:
  std::string place_;
  InputFile input_;
  std::unique_ptr<TorchArchive> archive_;
  std::int32_t file_ = 0;
};

/// How the pieces of a tensor make the whole.
enum class ParallelAxis : std::uint8_t {
  copied,    ///< every rank has all of it
  rows,      ///< one below the other (column-parallel: outputs are divided)
  columns,   ///< side by side (row-parallel: inputs are divided)
  not_known  ///< its name is in no rule
};

/// What the name of a tensor of so many dimensions says: Megatron-LM,
/// core/tensor_parallel/layers.py and the layers that use it.
[[nodiscard]] ParallelAxis parallel_axis(std::string_view name, std::size_t dimensions);

/// Puts together the pieces of one tensor, those of rank 0 first. `gated`: the outputs of its MLP
/// are gates and values, of which each rank has its share of both.
/// Adds the tensor to the checkpoint, or to what is left out.
/// @throws Error with Blame::input, beginning with `place`, if the pieces do not fit
void add_merged(Weights& checkpoint, std::vector<Tensor>&& pieces, bool gated,
                const std::string& place);

/// The pieces of tensors by name, those of rank 0 first.
using PiecesByName = std::map<std::string, std::vector<Tensor>>;

/// Adds the pieces of one rank, after those of the ranks before it.
/// @throws Error with Blame::input, beginning with `place`, if an earlier one lacks a piece
void add_pieces(PiecesByName& pieces, std::size_t rank, std::vector<Tensor>&& tensors,
                const std::string& place);

/// Puts together the pieces of all tensors.
/// @throws Error with Blame::input, beginning with `place`, if a rank lacks one or they do not fit
void merge_pieces(Weights& checkpoint, PiecesByName&& pieces, std::size_t num_ranks,
                  const std::string& place);

}  // namespace wishart::checkpoint
