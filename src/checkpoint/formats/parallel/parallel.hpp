#pragma once

/// @file
/// Checkpoints written by tensor-parallel ranks, each with its piece of every tensor: Megatron-LM
/// and programs derived from it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/core/file.hpp"

#include "formats/common/format.hpp"
#include "formats/torch/torch_archive.hpp"
#include "text/name_budget.hpp"

namespace wishart::checkpoint {

/// One file of torch.save among the files of a checkpoint.
class ParallelFile {
public:
  /// Opens `root`/`name` and adds it to the files.
  /// @throws Error with Blame::input
  ParallelFile(const std::filesystem::path& root, const std::string& name, Weights& checkpoint);

  [[nodiscard]] const Pickle& pickle() const noexcept { return archive_->pickle(); }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }
  /// The text of a node, as the name of something. Many nodes may refer to one text.
  [[nodiscard]] std::string name(PickleRef node) { return names_->joined({}, pickle().text(node)); }
  [[nodiscard]] Tensor tensor(const TorchTensor& tensor) { return archive_->tensor(tensor, file_); }
  /// The tensors below a node.
  [[nodiscard]] std::vector<Tensor> tensors(PickleRef node, std::vector<std::string>& warnings);
  [[noreturn]] void fail(const std::string& what) const;

private:
  std::string place_;
  InputFile input_;
  std::unique_ptr<TorchArchive> archive_;
  std::optional<NameBudget> names_;
  std::int32_t file_ = 0;
};

/// How the pieces of a tensor are combined.
enum class ParallelAxis : std::uint8_t {
  copied,    ///< every rank has the whole tensor
  rows,      ///< one below the other (column-parallel: outputs are divided)
  columns,   ///< side by side (row-parallel: inputs are divided)
  not_known  ///< no rule covers its name
};

/// The axis for a tensor of this name and number of dimensions: Megatron-LM,
/// core/tensor_parallel/layers.py and the layers that use it.
[[nodiscard]] ParallelAxis parallel_axis(std::string_view name, std::size_t dimensions);

/// Assembles the pieces of one tensor, that of rank 0 first. `gated`: the outputs of its MLP are
/// gates and values, and each rank has a share of both. Adds the tensor to the checkpoint, or to
/// `left_out`.
/// @throws Error with Blame::input, beginning with `place`, if the pieces do not fit
void add_merged(Weights& checkpoint, std::vector<Tensor>&& pieces, bool gated,
                const std::string& place);

/// The pieces of tensors by name, those of rank 0 first.
using PiecesByName = std::map<std::string, std::vector<Tensor>>;

/// Adds the pieces of one rank, after those of the ranks before it.
/// @throws Error with Blame::input, beginning with `place`, if an earlier one lacks a piece
void add_pieces(PiecesByName& pieces, std::size_t rank, std::vector<Tensor>&& tensors,
                const std::string& place);

/// Assembles the pieces of all tensors.
/// @throws Error with Blame::input, beginning with `place`, if a rank has no piece, or pieces do
/// not fit
void merge_pieces(Weights& checkpoint, PiecesByName&& pieces, std::size_t num_ranks,
                  const std::string& place);

}  // namespace wishart::checkpoint
