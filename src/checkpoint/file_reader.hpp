#pragma once

/// @file
/// Elements of tensors of any format: dense, in extents, or encoded.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

#include "open_files.hpp"
#include "strided_read.hpp"

namespace wishart::checkpoint {

class FileReader final : public ElementReader {
public:
  /// Files open at a time; a node runs many ranks, and a limit of 1024 a process is common.
  static constexpr std::size_t kMaxOpenFiles = 64;

  FileReader(std::filesystem::path root, std::vector<SourceFile> files,
             std::size_t max_open_files = kMaxOpenFiles);

  void read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) override;
  void read_rectangle(const Tensor& tensor, const Block& block, std::span<double> out) override;

  [[nodiscard]] std::size_t num_open_files() const noexcept { return files_.num_open(); }

private:
  void read_dense(const Tensor& tensor, std::int64_t first, std::vector<Axis> axes, double* out);
  void read_extents(const Tensor& tensor, const Block& block, std::span<double> out);
  void read_flat_extents(const Tensor& tensor, std::int64_t first, std::int64_t count, double* out);
  [[nodiscard]] const InputFile& file_of(std::int32_t file);

  OpenFiles files_;
  ReadScratch scratch_;
};

/// Length of the last dimension; 1 for a scalar. The columns of a tensor as read_rectangle sees it.
[[nodiscard]] std::int64_t row_length(const Tensor& tensor) noexcept;

}  // namespace wishart::checkpoint
