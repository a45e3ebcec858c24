#include "bytes/filtered_chunks.hpp"

#include "wishart/core/error.hpp"

#include "bytes/inflater.hpp"

namespace wishart::checkpoint {
namespace {

/// Undoes the shuffle filter, which stores the first bytes of all elements, then the second bytes,
/// ...
std::vector<std::byte> unshuffled(const std::vector<std::byte>& bytes, std::int64_t element_bytes) {
  const auto width = static_cast<std::size_t>(element_bytes);
  const std::size_t count = bytes.size() / width;
  require(count * width == bytes.size(),
          "a shuffled chunk does not hold a whole number of elements");
  std::vector<std::byte> result(bytes.size());
  for (std::size_t b = 0; b < width; ++b) {
    for (std::size_t i = 0; i < count; ++i) result[i * width + b] = bytes[b * count + i];
  }
  return result;
}

std::vector<std::byte> unfiltered(const InputFile& file, const FilteredChunk& chunk) {
  const Deflated& range = chunk.range;
  require(range.size_bytes >= 0 && range.size_bytes <= kMaxFilteredChunkBytes,
          "a filtered chunk is larger than the limit");
  std::vector<std::byte> bytes(static_cast<std::size_t>(range.size_bytes));
  if (chunk.deflated) {
    Inflater inflater(range, DeflateForm::zlib);
    inflater.read(file, 0, bytes);
    inflater.expect_end(file);
  } else {
    require(range.stored_bytes == range.size_bytes,
            "a chunk's size differs from the number of its bytes");
    file.read(range.offset_bytes, bytes);
  }
  return chunk.shuffled_bytes > 1 ? unshuffled(bytes, chunk.shuffled_bytes) : bytes;
}

}  // namespace

std::span<const std::byte> FilteredChunks::read(const InputFile& file, std::int32_t number,
                                                const FilteredChunk& chunk) {
  const Key key(number, chunk.range.offset_bytes, chunk.range.stored_bytes, chunk.range.size_bytes,
                chunk.deflated, chunk.shuffled_bytes);
  if (const auto found = held_.find(key); found != held_.end()) return found->second;
  while (!order_.empty() && held_bytes_ + chunk.range.size_bytes > kHeldBytes) {
    const auto oldest = held_.find(order_.front());
    held_bytes_ -= std::ssize(oldest->second);
    held_.erase(oldest);
    order_.pop_front();
  }
  const auto [place, is_new] = held_.emplace(key, unfiltered(file, chunk));
  order_.push_back(key);
  held_bytes_ += chunk.range.size_bytes;
  return place->second;
}

}  // namespace wishart::checkpoint
