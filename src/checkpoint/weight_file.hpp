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
  std::vector<Tensor> tensors;  ///< `file` is 0 in all their places
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

/// Says which file of the catalogue a tensor and its parts are in.
void set_file(Tensor& tensor, std::int32_t file);

}  // namespace wishart::checkpoint
