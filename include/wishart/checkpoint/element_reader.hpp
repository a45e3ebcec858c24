#pragma once

/// @file
/// Reads the numbers of a checkpoint: blocks of matrices, read by position and converted to
/// float64.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "wishart/record/matrix.hpp"

namespace wishart::checkpoint {

/// The rows [row_begin, row_end) and columns [col_begin, col_end) of a matrix.
struct Block {
  std::int64_t row_begin = 0;
  std::int64_t row_end = 0;
  std::int64_t col_begin = 0;
  std::int64_t col_end = 0;
};

/// Reads elements of tensors. Every rank has its own reader. It is made from the catalogue and does
/// not parse headers again: by then every format is reduced to byte ranges of files.
class ElementReader {
public:
  virtual ~ElementReader() = default;

  /// Elements [first, first + out.size()) of `tensor` in row-major order, as float64.
  /// @throws Error with Blame::input if the file changed, ends early or cannot be read
  virtual void read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) = 0;

  /// A block of `tensor`, seen as a row-major matrix whose rows run along the last dimension. Used
  /// for tensors that are not dense.
  virtual void read_rectangle(const Tensor& tensor, const Block& block, std::span<double> out);

  /// The bytes of a block of a dense tensor, as they are stored: codes of quantised weights need no
  /// way through float64. The tensor is seen as a matrix of `width` columns, whatever its shape.
  /// @returns false, and reads nothing, if the tensor is not dense or the reader has no such bytes
  /// @pre `out` has the bytes of the block
  [[nodiscard]] virtual bool read_stored(const Tensor& tensor, std::int64_t width,
                                         const Block& block, std::span<std::byte> out);
};

/// The reader over a catalogue's `root` and `files`. Files are opened when first used. A file whose
/// size or modification time differs from the catalogue is refused.
[[nodiscard]] std::unique_ptr<ElementReader> make_reader(const std::filesystem::path& root,
                                                         std::vector<SourceFile> files);

/// A number of which the elements of `tensor` are multiples by short floats: the scale of a whole
/// quantised weight (NVFP4). 1 if there is none.
/// @throws Error with Blame::input if it cannot be read
[[nodiscard]] double unit_of(ElementReader& reader, const Tensor& tensor);

/// Reads a block of view `view` of `matrix` into `out`, row-major, (row_end - row_begin) x
/// (col_end - col_begin), with the matrix's factor and float32 rounding applied.
void read_block(ElementReader& reader, const Matrix& matrix, std::int64_t view, const Block& block,
                std::span<double> out);

}  // namespace wishart::checkpoint
