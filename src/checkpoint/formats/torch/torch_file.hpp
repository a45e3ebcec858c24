#pragma once

/// @file
/// Files of torch.save: zip archives, and the format before PyTorch 1.6.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

#include "bytes/zip_directory.hpp"
#include "formats/common/format.hpp"

namespace wishart::checkpoint {

struct TorchFile {
  SourceFile source;            ///< named by its last path component
  std::vector<Tensor> tensors;  ///< in the order of the file; `file` is 0
  /// Names that share the elements of another tensor: the name -> the first of them.
  std::vector<std::pair<std::string, std::string>> aliases;
  /// What a tensor has beside it: TorchTree::facts.
  std::vector<std::pair<std::string, std::string>> facts;
  std::int64_t step = -1;
  std::vector<std::string> warnings;
};

/// Reads the directory and the pickle of a file. The numbers are not read.
/// @throws Error with Blame::input that names the file and the tensor
[[nodiscard]] TorchFile read_torch_file(const std::filesystem::path& file);

/// The one tensor that torch.save wrote into a slice of a file, as
/// torch.distributed.checkpoint stores its chunks. Its name is `name`, its file `index`.
[[nodiscard]] Tensor read_torch_slice(const InputFile& file, ByteRange slice, std::int32_t index,
                                      const std::string& name, const std::string& place);

/// Files of torch.save.
[[nodiscard]] const Format& torch_format();

}  // namespace wishart::checkpoint
