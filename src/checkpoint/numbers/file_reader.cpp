#include "numbers/file_reader.hpp"

#include <algorithm>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "numbers/encodings.hpp"

namespace wishart::checkpoint {
namespace {

/// A box of a tensor: one pair of numbers for each dimension.
struct Box {
  std::vector<std::int64_t> origin;
  std::vector<std::int64_t> size;
};

/// Throws if the elements are outside the tensor, or the tensor outside its file. Both would be
/// bugs, because they come from our own catalogue.
void check_bounds(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  require(tensor.encoding != Encoding::plain || can_decode(tensor.dtype),
          "only floating-point tensors can be read as numbers");
  const std::optional<std::int64_t> end = checked_sum(first, count);
  require(first >= 0 && end && *end <= tensor.num_elements,
          "elements outside the tensor were requested");
}

void check_dense(const Tensor& tensor, std::int64_t file_bytes) {
  const std::optional<std::int64_t> bytes =
      checked_product(tensor.num_elements, dtype_bits(tensor.dtype) / 8);
  require(bytes && *bytes == tensor.size_bytes,
          "a tensor's size in bytes does not match its elements");
  const std::optional<std::int64_t> file_end = checked_sum(tensor.offset_bytes, *bytes);
  require(tensor.offset_bytes >= 0 && file_end && *file_end <= file_bytes,
          "a tensor extends beyond its file");
}

void check_extent(const Extent& extent, Dtype dtype, std::int64_t file_bytes) {
  const std::size_t rank = extent.size.size();
  require(extent.origin.size() == rank && extent.strides.size() == rank,
          "an extent does not have one number per dimension");
  std::optional<std::int64_t> last = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    require(extent.origin[d] >= 0 && extent.size[d] >= 1 && extent.strides[d] >= 0,
            "an extent has a negative number");
    const auto step = checked_product(extent.size[d] - 1, extent.strides[d]);
    last = last && step ? checked_sum(*last, *step) : std::nullopt;
  }
  const std::int64_t element_bytes = dtype_bits(dtype) / 8;
  const auto bytes = last ? checked_product(*last + 1, element_bytes) : std::nullopt;
  const auto end = bytes ? checked_sum(extent.offset_bytes, *bytes) : std::nullopt;
  require(extent.offset_bytes >= 0 && end && *end <= file_bytes,
          "an extent extends beyond its file");
}

void check_block(std::int64_t num_elements, std::int64_t width, const Block& block,
                 std::size_t out_size) {
  const std::int64_t height = width == 0 ? 0 : num_elements / width;
  require(0 <= block.row_begin && block.row_begin <= block.row_end && block.row_end <= height &&
              0 <= block.col_begin && block.col_begin <= block.col_end && block.col_end <= width,
          "elements outside the tensor were requested");
  const auto size =
      checked_product(block.row_end - block.row_begin, block.col_end - block.col_begin);
  require(size && static_cast<std::size_t>(*size) == out_size,
          "the output does not have the size of the block");
}

/// Splits rows [begin, end), counted over all dimensions but the last, into boxes. In the last
/// dimension each covers [col_begin, col_end).
class RowBoxes {
public:
  RowBoxes(const std::vector<std::int64_t>& shape, const Block& block) : shape_(shape) {
    box_.origin.assign(shape.size(), 0);
    box_.size.assign(shape.size(), 1);
    box_.origin.back() = block.col_begin;
    box_.size.back() = block.col_end - block.col_begin;
    cut(0, block.row_begin, block.row_end);
  }
  [[nodiscard]] const std::vector<Box>& boxes() const noexcept { return boxes_; }

private:
  void cut(std::size_t dimension, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    if (dimension + 1 >= shape_.size()) {
      boxes_.push_back(box_);
      return;
    }
    std::int64_t inner = 1;
    for (std::size_t d = dimension + 1; d + 1 < shape_.size(); ++d) inner *= shape_[d];
    const std::int64_t first = begin / inner;
    const std::int64_t last = (end - 1) / inner;
    if (first == last) {  // inside one step of this dimension
      if (begin == first * inner && end == (first + 1) * inner) return whole(dimension, first, 1);
      return step(dimension, first, begin - first * inner, end - first * inner);
    }
    std::int64_t from = first;
    if (begin != first * inner) step(dimension, from++, begin - first * inner, inner);
    const bool part_left = end != (last + 1) * inner;
    const std::int64_t to = part_left ? last : last + 1;
    if (from < to) whole(dimension, from, to - from);
    if (part_left) step(dimension, last, 0, end - last * inner);
  }
  void step(std::size_t dimension, std::int64_t at, std::int64_t begin, std::int64_t end) {
    box_.origin[dimension] = at;
    box_.size[dimension] = 1;
    cut(dimension + 1, begin, end);
  }
  void whole(std::size_t dimension, std::int64_t at, std::int64_t count) {
    box_.origin[dimension] = at;
    box_.size[dimension] = count;
    for (std::size_t d = dimension + 1; d + 1 < shape_.size(); ++d) {
      box_.origin[d] = 0;
      box_.size[d] = shape_[d];
    }
    boxes_.push_back(box_);
  }

  const std::vector<std::int64_t>& shape_;
  Box box_;
  std::vector<Box> boxes_;
};

/// The intersection of a box and an extent as axes; false if it is empty.
struct Overlap {
  std::vector<Axis> axes;
  std::int64_t file_first = 0;  ///< elements from the extent's first
  std::vector<std::int64_t> origin;
};

bool overlap(const Box& box, const Extent& extent, Overlap& result) {
  const std::size_t rank = box.size.size();
  result.axes.resize(rank);
  result.origin.resize(rank);
  result.file_first = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t begin = std::max(box.origin[d], extent.origin[d]);
    const std::int64_t end =
        std::min(box.origin[d] + box.size[d], extent.origin[d] + extent.size[d]);
    if (begin >= end) return false;
    result.origin[d] = begin;
    result.axes[d] = {end - begin, extent.strides[d], 0};
    result.file_first += (begin - extent.origin[d]) * extent.strides[d];
  }
  return true;
}

}  // namespace

std::int64_t row_length(const Tensor& tensor) noexcept {
  return tensor.shape.empty() ? 1 : tensor.shape.back();
}

void ElementReader::read_rectangle(const Tensor& tensor, const Block& block,
                                   std::span<double> out) {
  const std::int64_t width = row_length(tensor);
  const std::int64_t cols = block.col_end - block.col_begin;
  for (std::int64_t row = block.row_begin; row < block.row_end; ++row) {
    read_elements(tensor, row * width + block.col_begin,
                  out.subspan(static_cast<std::size_t>((row - block.row_begin) * cols),
                              static_cast<std::size_t>(cols)));
  }
}

bool ElementReader::read_stored(const Tensor& /*tensor*/, std::int64_t /*width*/,
                                const Block& /*block*/, std::span<std::byte> /*out*/) {
  return false;
}

FileReader::Place FileReader::place_in(const Extent& extent, std::int64_t element, Dtype dtype) {
  return {extent.file, extent.offset_bytes + element * (dtype_bits(dtype) / 8),
          extent.chunk.range.size_bytes > 0 ? &extent.chunk : nullptr};
}

FileReader::FileReader(std::filesystem::path root, std::vector<SourceFile> files,
                       std::size_t max_open_files)
    : files_(std::move(root), std::move(files), max_open_files) {}

std::int64_t FileReader::size_of(const Tensor& tensor, std::int32_t file) const {
  require(file >= 0 && static_cast<std::size_t>(file) < files_.size(),
          "a tensor refers to a file that is not in the checkpoint");
  if (tensor.deflated.size_bytes > 0) return tensor.deflated.size_bytes;
  return files_.source(static_cast<std::size_t>(file)).size_bytes;
}

std::int64_t FileReader::size_of(const Tensor& tensor, const Extent& extent) const {
  const std::int64_t bytes = size_of(tensor, extent.file);
  const Deflated& stored = extent.chunk.range;
  if (stored.size_bytes == 0) return bytes;
  const auto end = checked_sum(stored.offset_bytes, stored.stored_bytes);
  require(stored.offset_bytes >= 0 && stored.stored_bytes >= 0 && end && *end <= bytes,
          "a chunk extends beyond its file");
  return stored.size_bytes;
}

Inflater& FileReader::inflater_of(std::int32_t file, const Deflated& range) {
  const std::pair key(file, range.offset_bytes);
  if (inflaters_.size() >= kMaxInflaters && inflaters_.count(key) == 0) inflaters_.clear();
  return inflaters_.try_emplace(key, range).first->second;
}

ReadBytes FileReader::bytes_at(const Tensor& tensor, const Place& place) {
  const InputFile* file = &files_.open(static_cast<std::size_t>(place.file));
  if (place.chunk != nullptr) {
    const std::span<const std::byte> chunk = chunks_.read(*file, place.file, *place.chunk);
    return [chunk](std::int64_t offset_bytes, std::span<std::byte> bytes) {
      const auto wanted = chunk.subspan(static_cast<std::size_t>(offset_bytes), bytes.size());
      std::copy(wanted.begin(), wanted.end(), bytes.begin());
    };
  }
  if (tensor.deflated.size_bytes > 0) {
    Inflater* inflater = &inflater_of(place.file, tensor.deflated);
    return [file, inflater](std::int64_t offset_bytes, std::span<std::byte> bytes) {
      inflater->read(*file, offset_bytes, bytes);
    };
  }
  return [file](std::int64_t offset_bytes, std::span<std::byte> bytes) {
    file->read(offset_bytes, bytes);
  };
}

void FileReader::read_place(const Tensor& tensor, const Place& place, std::vector<Axis> axes,
                            double* out) {
  const ReadBytes read = bytes_at(tensor, place);
  read_strided(read, tensor.dtype, place.offset_bytes, std::move(axes), out, scratch_);
  files_.check_unchanged(static_cast<std::size_t>(place.file));
}

void FileReader::read_dense(const Tensor& tensor, std::int64_t first, std::vector<Axis> axes,
                            double* out) {
  check_dense(tensor, size_of(tensor, tensor.file));
  const std::int64_t offset_bytes = tensor.offset_bytes + first * (dtype_bits(tensor.dtype) / 8);
  read_place(tensor, {tensor.file, offset_bytes}, std::move(axes), out);
}

bool FileReader::read_stored(const Tensor& tensor, std::int64_t width, const Block& block,
                             std::span<std::byte> out) {
  if (!tensor.is_dense()) return false;
  const std::int64_t element_bytes = dtype_bits(tensor.dtype) / 8;
  require(element_bytes > 0, "elements of less than a byte have no bytes of their own");
  check_dense(tensor, size_of(tensor, tensor.file));
  check_block(tensor.num_elements, width, block,
              out.size() / static_cast<std::size_t>(element_bytes));
  if (out.empty()) return true;
  const std::int64_t cols = block.col_end - block.col_begin;
  const Place place{tensor.file, tensor.offset_bytes +
                                     (block.row_begin * width + block.col_begin) * element_bytes};
  const ReadBytes read = bytes_at(tensor, place);
  read_strided_bytes(
      read, place.offset_bytes,
      {{block.row_end - block.row_begin, width * element_bytes, cols * element_bytes},
       {cols * element_bytes, 1, 1}},
      out.data());
  files_.check_unchanged(static_cast<std::size_t>(tensor.file));
  return true;
}

void FileReader::read_elements(const Tensor& tensor, std::int64_t first, std::span<double> out) {
  const auto count = static_cast<std::int64_t>(out.size());
  check_bounds(tensor, first, count);
  if (tensor.is_dense()) {
    if (out.empty()) return read_dense(tensor, 0, {{0, 1, 1}}, nullptr);
    return read_dense(tensor, first, {{count, 1, 1}}, out.data());
  }
  // Whole rows in the middle, parts of rows before and after.
  const std::int64_t width = row_length(tensor);
  while (!out.empty()) {
    const std::int64_t row = first / width;
    const std::int64_t col = first % width;
    const auto left = static_cast<std::int64_t>(out.size());
    Block block{row, row + 1, col, std::min(width, col + left)};
    if (col == 0 && left >= width) block = {row, row + left / width, 0, width};
    const std::int64_t read = (block.row_end - block.row_begin) * (block.col_end - block.col_begin);
    read_rectangle(tensor, block, out.first(static_cast<std::size_t>(read)));
    first += read;
    out = out.subspan(static_cast<std::size_t>(read));
  }
}

void FileReader::read_rectangle(const Tensor& tensor, const Block& block, std::span<double> out) {
  check_block(tensor.num_elements, row_length(tensor), block, out.size());
  if (out.empty()) return;
  if (tensor.encoding != Encoding::plain) return read_encoded(*this, tensor, block, out);
  check_bounds(tensor, 0, 0);
  const std::int64_t width = row_length(tensor);
  const std::int64_t cols = block.col_end - block.col_begin;
  if (tensor.extents.empty()) {
    return read_dense(tensor, block.row_begin * width + block.col_begin,
                      {{block.row_end - block.row_begin, width, cols}, {cols, 1, 1}}, out.data());
  }
  if (tensor.extents.front().size.size() == tensor.shape.size()) {
    return read_extents(tensor, block, out);
  }
  if (cols == width) {
    return read_flat_extents(tensor, block.row_begin * width, static_cast<std::int64_t>(out.size()),
                             out.data());
  }
  for (std::int64_t row = block.row_begin; row < block.row_end; ++row) {
    read_flat_extents(tensor, row * width + block.col_begin, cols,
                      out.data() + (row - block.row_begin) * cols);
  }
}

void FileReader::read_extents(const Tensor& tensor, const Block& block, std::span<double> out) {
  const std::size_t rank = tensor.shape.size();
  const std::int64_t cols = block.col_end - block.col_begin;
  // Output strides of each dimension.
  std::vector<std::int64_t> out_strides(rank, 1);
  for (std::size_t d = rank - 1; d-- > 0;) {
    out_strides[d] = d + 2 == rank ? cols : out_strides[d + 1] * tensor.shape[d + 1];
  }
  const RowBoxes rows(tensor.shape, block);
  std::int64_t filled = 0;
  Overlap common;
  for (const Extent& extent : tensor.extents) {
    for (const Box& box : rows.boxes()) {
      if (!overlap(box, extent, common)) continue;
      std::int64_t position = -block.row_begin * cols - block.col_begin;
      std::int64_t count = 1;
      for (std::size_t d = 0; d < rank; ++d) {
        common.axes[d].out_stride = out_strides[d];
        position += common.origin[d] * out_strides[d];
        count *= common.axes[d].count;
      }
      check_extent(extent, tensor.dtype, size_of(tensor, extent));
      read_place(tensor, place_in(extent, common.file_first, tensor.dtype), common.axes,
                 out.data() + position);
      filled += count;
    }
  }
  require(filled == static_cast<std::int64_t>(out.size()), "extents do not tile their tensor");
}

void FileReader::read_flat_extents(const Tensor& tensor, std::int64_t first, std::int64_t count,
                                   double* out) {
  std::int64_t filled = 0;
  const Box wanted{{first}, {count}};
  Overlap common;
  for (const Extent& extent : tensor.extents) {
    require(extent.size.size() == 1, "an extent does not have one number per dimension");
    if (!overlap(wanted, extent, common)) continue;
    check_extent(extent, tensor.dtype, size_of(tensor, extent));
    common.axes[0].out_stride = 1;
    read_place(tensor, place_in(extent, common.file_first, tensor.dtype), common.axes,
               out + (common.origin[0] - first));
    filled += common.axes[0].count;
  }
  require(filled == count, "extents do not tile their tensor");
}

std::unique_ptr<ElementReader> make_reader(const std::filesystem::path& root,
                                           std::vector<SourceFile> files) {
  return std::make_unique<FileReader>(root, std::move(files));
}

}  // namespace wishart::checkpoint
