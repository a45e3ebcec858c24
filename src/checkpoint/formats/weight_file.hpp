#pragma once

/// @file
/// One file of weights of any format, its header read.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::checkpoint {

struct WeightFile {
  SourceFile source;
  std::vector<SourceFile> data_files;  ///< files beside it that hold numbers of its tensors
  std::vector<Tensor> tensors;         ///< `file` 0 is the source, k the k-th file of data
  /// Names of tensors that are stored under another.
  std::vector<std::pair<std::string, std::string>> names;
  std::vector<LeftOut> left_out;
  ModelConfig config;  ///< where the file tells what config.json would
  std::int64_t step = -1;
  std::vector<std::string> warnings;
};

/// Reads the header of a file of one of the formats of folder.hpp.
/// @throws Error with Blame::input
[[nodiscard]] WeightFile read_weight_file(const std::filesystem::path& path,
                                          std::string_view format);

/// Adds `shift` to every file index of a tensor and its parts.
void shift_files(Tensor& tensor, std::int32_t shift);

}  // namespace wishart::checkpoint
