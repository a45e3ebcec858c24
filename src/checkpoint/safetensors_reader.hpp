#pragma once

/// @file
/// Elements of safetensors files: dense row-major tensors, little-endian.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/file.hpp"

namespace wishart::checkpoint {

class SafetensorsReader final : public ElementReader {
public:
  /// Files open at a time; a node runs many ranks, and a limit of 1024 a process is common.
  static constexpr std::size_t kMaxOpenFiles = 64;
  /// Elements read and converted at once: 512 KiB as float64 and at most half as much as stored,
  /// which a second-level cache of 1 MiB keeps; 128 KiB of bf16, where a call costs a few percent
  /// of the copying that it asks for. Parallel file systems read ahead by themselves.
  static constexpr std::size_t kChunkElements = std::size_t{1} << 16;

  SafetensorsReader(std::filesystem::path root, std::vector<SourceFile> files,
                    std::size_t max_open_files = kMaxOpenFiles);

  void read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) override;

  [[nodiscard]] std::size_t num_open_files() const noexcept;

private:
  /// The open file, which it opens and checks if need be; closes the least recently used.
  [[nodiscard]] const InputFile& file(std::size_t index);
  [[nodiscard]] InputFile open_checked(const SourceFile& source) const;

  struct Slot {
    std::optional<InputFile> file;
    std::int64_t last_used = 0;
  };
  std::filesystem::path root_;
  std::vector<SourceFile> files_;
  std::vector<Slot> slots_;  // one for each file
  std::size_t max_open_files_;
  std::int64_t uses_ = 0;
  std::vector<std::byte> chunk_;
};

}  // namespace wishart::checkpoint
