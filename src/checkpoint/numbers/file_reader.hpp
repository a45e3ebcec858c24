#pragma once

/// @file
/// Reads elements of tensors of any format: dense, in extents, or encoded.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"

#include "bytes/filtered_chunks.hpp"
#include "bytes/inflater.hpp"
#include "bytes/open_files.hpp"
#include "numbers/strided_read.hpp"

namespace wishart::checkpoint {

class FileReader final : public ElementReader {
public:
  /// Files open at a time. A limit of 1024 per process is common, and a node runs many ranks.
  static constexpr std::size_t kMaxOpenFiles = 64;
  /// Open decompression streams, so that reads can continue: for a tensor, its base and its parts.
  static constexpr std::size_t kMaxInflaters = 8;

  FileReader(std::filesystem::path root, std::vector<SourceFile> files,
             std::size_t max_open_files = kMaxOpenFiles);

  void read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) override;
  void read_rectangle(const Tensor& tensor, const Block& block, std::span<double> out) override;
  [[nodiscard]] bool read_stored(const Tensor& tensor, std::int64_t width, const Block& block,
                                 std::span<std::byte> out) override;

private:
  void read_dense(const Tensor& tensor, std::int64_t first, std::vector<Axis> axes, double* out);
  void read_extents(const Tensor& tensor, const Block& block, std::span<double> out);
  void read_flat_extents(const Tensor& tensor, std::int64_t first, std::int64_t count, double* out);
  /// Where elements begin: in the bytes of a file, in decompressed bytes, or in those of a chunk.
  struct Place {
    std::int32_t file = 0;
    std::int64_t offset_bytes = 0;
    const FilteredChunk* chunk = nullptr;
  };
  [[nodiscard]] static Place place_in(const Extent& extent, std::int64_t element, Dtype dtype);
  /// How the bytes of a place are read; valid until the next call.
  [[nodiscard]] ReadBytes bytes_at(const Tensor& tensor, const Place& place);
  void read_place(const Tensor& tensor, const Place& place, std::vector<Axis> axes, double* out);
  /// The number of bytes available: those of the file, or the decompressed ones.
  [[nodiscard]] std::int64_t size_of(const Tensor& tensor, std::int32_t file) const;
  [[nodiscard]] std::int64_t size_of(const Tensor& tensor, const Extent& extent) const;
  [[nodiscard]] Inflater& inflater_of(std::int32_t file, const Deflated& range);

  OpenFiles files_;
  ReadScratch scratch_;
  FilteredChunks chunks_;
  std::map<std::pair<std::int32_t, std::int64_t>, Inflater> inflaters_;  // by file and offset
};

/// Length of the last dimension; 1 for a scalar. The columns of a tensor as read_rectangle sees it.
[[nodiscard]] std::int64_t row_length(const Tensor& tensor) noexcept;

}  // namespace wishart::checkpoint
