#pragma once

/// @file
/// Reads the elements of all tensors of one file, unless there are too many.

#include <filesystem>
#include <vector>

#include "wishart/record/tensor.hpp"

#include "numbers/file_reader.hpp"

namespace wishart::test {

inline void read_all(const std::filesystem::path& folder, const SourceFile& source,
                     const std::vector<Tensor>& tensors) {
  constexpr std::int64_t kMost = 10'000;
  checkpoint::FileReader reader(folder, {source});
  for (const Tensor& tensor : tensors) {
    if (!has_weights(tensor) || tensor.num_elements > kMost) continue;
    std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
    reader.read_elements(tensor, 0, values);
  }
}

}  // namespace wishart::test
