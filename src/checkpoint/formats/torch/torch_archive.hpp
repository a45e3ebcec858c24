#pragma once

/// @file
/// A zip archive of torch.save: its pickle, and where the storages of its tensors are.

#include <cstdint>
#include <map>
#include <string>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

#include "bytes/zip_directory.hpp"
#include "formats/torch/pickle.hpp"
#include "formats/torch/torch_tree.hpp"

namespace wishart::checkpoint {

class TorchArchive {
public:
  /// Reads the directory and the pickle of a slice of `file`, which is only borrowed.
  /// @throws Error with Blame::input that begins with `place`
  TorchArchive(const InputFile& file, ByteRange slice, std::string place);
  TorchArchive(const TorchArchive&) = delete;
  TorchArchive& operator=(const TorchArchive&) = delete;

  [[nodiscard]] const Pickle& pickle() const noexcept { return pickle_; }
  /// XXH3-128 over directory and pickle.
  [[nodiscard]] const std::string& hash() const noexcept { return hash_; }

  /// The tensor with its place in file `file` of a catalogue.
  /// @throws Error with Blame::input if its storage is missing or does not have the declared length
  [[nodiscard]] Tensor tensor(const TorchTensor& tensor, std::int32_t file);

private:
  [[nodiscard]] std::string find_root() const;
  [[nodiscard]] std::string read_pickle();
  [[nodiscard]] ByteRange storage(const TorchTensor& tensor);

  std::string place_;
  ZipDirectory directory_;
  std::string root_;  // prefix of the names of its members
  std::string hash_;
  Pickle pickle_;
  std::map<std::string, ByteRange> ranges_;  // of the storages requested so far
};

}  // namespace wishart::checkpoint
