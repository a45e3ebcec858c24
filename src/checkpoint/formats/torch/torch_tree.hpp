#pragma once

/// @file
/// The tensors and the training step in the pickle of a torch.save file, as names and numbers.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/record/tensor.hpp"

#include "formats/torch/pickle.hpp"
#include "text/name_budget.hpp"

namespace wishart::checkpoint {

/// A tensor as described by its pickle: a view of a storage.
struct TorchTensor {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  ///< in elements
  std::int64_t storage_offset = 0;    ///< in elements
  std::string storage_key;
  std::int64_t storage_bytes = 0;  ///< as declared
};

/// The content of a torch.save file.
struct TorchTree {
  std::vector<TorchTensor> tensors;  ///< in the order of the file
  /// Of modules that hqq quantised: the name of the tensor of codes, `x.W_q`, and what lies beside
  /// it that is no tensor (bits, shape, packing, ...), as a JSON object.
  std::vector<std::pair<std::string, std::string>> facts;
  std::int64_t step = -1;  ///< from `global_step`, `iteration` or `step` beside the weights
  std::vector<std::string> warnings;
};

/// Finds the state dict in the tree of a pickle (docs/formats.md, "PyTorch files") and its tensors.
/// @throws Error with Blame::input if a tensor is built in an unknown way
[[nodiscard]] TorchTree read_torch_tree(const Pickle& pickle);

/// The tensor that a node builds, or nothing if it builds none.
/// @throws Error as above; `name` is for messages
[[nodiscard]] std::optional<TorchTensor> torch_tensor(const Pickle& pickle, PickleRef node,
                                                      std::string_view name,
                                                      std::vector<std::string>& warnings);

/// All tensors below a node, with names joined by dots. Training state is skipped. `names` is of
/// the file: several nodes may refer to the same tensors.
[[nodiscard]] std::vector<TorchTensor> torch_tensors(const Pickle& pickle, PickleRef node,
                                                     std::vector<std::string>& warnings,
                                                     NameBudget& names);

/// A storage that some node of a pickle refers to.
struct TorchStorage {
  std::string key;
  Dtype dtype = Dtype::u8;
  std::int64_t size_bytes = 0;
};

/// All storages of a pickle, including those of skipped tensors.
[[nodiscard]] std::vector<TorchStorage> torch_storages(const Pickle& pickle);

/// True for the names of training state, such as that of optimizers.
[[nodiscard]] bool is_training_state(std::string_view name);

/// The dtype that torch calls `bfloat16`, `float8_e4m3fn`, ...
[[nodiscard]] std::optional<Dtype> torch_dtype(std::string_view name);

/// The integers of a tuple, a list, or a torch.Size; nothing for other nodes and for more than
/// 1024.
[[nodiscard]] std::optional<std::vector<std::int64_t>> pickle_integers(const Pickle& pickle,
                                                                       PickleRef node);

/// The tensor with its place. Its storage begins at `storage_offset_bytes` of file `file`.
/// @throws Error with Blame::input, beginning with `place`, if it extends beyond its storage
[[nodiscard]] Tensor placed(const TorchTensor& tensor, std::int32_t file,
                            std::int64_t storage_offset_bytes, std::int64_t storage_bytes,
                            const std::string& place);

}  // namespace wishart::checkpoint
