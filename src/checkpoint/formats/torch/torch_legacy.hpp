#pragma once

/// @file
/// The format of torch.save before PyTorch 1.6: five pickles, then the storages.

#include <string>
#include <string_view>
#include <unordered_map>

#include "wishart/core/file.hpp"

#include "bytes/zip_directory.hpp"
#include "formats/torch/torch_tree.hpp"

namespace wishart::checkpoint {

struct LegacyTorch {
  TorchTree tree;
  std::unordered_map<std::string, ByteRange>
      storages;      ///< by key; all storages that tensors refer to
  std::string hash;  ///< of the pickles
};

/// True if a file begins with the magic number of such files.
[[nodiscard]] bool is_torch_legacy(std::string_view head);

/// @throws Error with Blame::input that begins with `place`
[[nodiscard]] LegacyTorch read_torch_legacy(const InputFile& file, const std::string& place);

}  // namespace wishart::checkpoint
