#include "formats/hdf5/h5_chunks.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/filtered_chunks.hpp"
#include "bytes/inflater.hpp"
#include "text/json_scanner.hpp"

// Layout: HDF5 File Format Specification, version 3.0: B-trees III.A.1 (node type 1), layout
// messages IV.A.2.i.

namespace wishart::checkpoint {
namespace {

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};

class ChunkIndex {
public:
  ChunkIndex(Hdf5Bytes& file, const Hdf5Shape& shape, const Hdf5Filters& filters,
             std::vector<std::int64_t> chunk, std::int64_t chunk_bytes)
      : file_(file),
        shape_(shape),
        filters_(filters),
        chunk_(std::move(chunk)),
        chunk_bytes_(chunk_bytes) {}

  /// Nodes of level 0 refer to chunks, higher ones to nodes of the next lower level.
  void visit(std::uint64_t address, std::uint64_t level_above) {
    constexpr std::uint64_t kHead = 24;
    const std::string head = file_.read(address, kHead);
    Hdf5Fields fields(head, file_);
    const bool is_tree = fields.text(4) == "TREE";
    const std::uint64_t kind = fields.number(1);
    const std::uint64_t level = fields.number(1);
    const std::uint64_t count = fields.number(2);
    if (!is_tree || kind != 1 || level >= level_above) {
      fail("expected the index of its chunks at address " + std::to_string(address) +
           ", found none");
    }
    const std::uint64_t key_bytes = 8 + 8 * (shape_.sizes.size() + 1);
    const std::string body = file_.read(address + kHead, count * (key_bytes + 8));
    Hdf5Fields entries(body, file_);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t stored_bytes = entries.number(4);
      const std::uint64_t mask = entries.number(4);  // which filters were skipped
      std::vector<std::uint64_t> origin;
      for (std::size_t d = 0; d < shape_.sizes.size(); ++d) origin.push_back(entries.number(8));
      entries.skip(8);
      const std::uint64_t child = entries.number(8);
      if (level > 0) {
        visit(child, level);
      } else {
        add(origin, stored_bytes, mask, child);
      }
    }
  }

  [[nodiscard]] std::vector<Extent> take_extents() { return std::move(extents_); }
  [[nodiscard]] std::int64_t num_elements() const noexcept { return num_elements_; }

private:
  void add(const std::vector<std::uint64_t>& origin, std::uint64_t stored_bytes, std::uint64_t mask,
           std::uint64_t address) {
    Extent extent;
    std::int64_t count = 1;
    std::int64_t stride = 1;
    for (std::size_t d = shape_.sizes.size(); d-- > 0;) {
      const auto step = static_cast<std::uint64_t>(chunk_[d]);
      if (origin[d] >= static_cast<std::uint64_t>(shape_.sizes[d]) || origin[d] % step != 0) {
        fail("a chunk begins at " + std::to_string(origin[d]) + " of dimension " +
             std::to_string(d));
      }
      const auto at = static_cast<std::int64_t>(origin[d]);
      extent.origin.insert(extent.origin.begin(), at);
      const std::int64_t size = std::min(chunk_[d], shape_.sizes[d] - at);
      extent.size.insert(extent.size.begin(), size);
      extent.strides.insert(extent.strides.begin(), stride);
      stride *= chunk_[d];
      count *= size;
    }
    if (!origins_.insert(extent.origin).second) {
      fail("two chunks begin at " + printable(shape_text(extent.origin), 100));
    }
    place(extent, stored_bytes, mask, address);
    num_elements_ += count;
    extents_.push_back(std::move(extent));
  }

  /// A chunk is stored as it is, or through filters, where deflate makes it shorter.
  void place(Extent& extent, std::uint64_t stored_bytes, std::uint64_t mask,
             std::uint64_t address) {
    const bool deflated = filters_.deflates(mask);
    const bool shuffled = filters_.shuffles(mask);
    if (!deflated && stored_bytes != static_cast<std::uint64_t>(chunk_bytes_)) {
      fail("expected chunks of " + std::to_string(chunk_bytes_) + " bytes, found one of " +
           std::to_string(stored_bytes));
    }
    // At least one byte: an empty chunk would hide others from the overlap check.
    const auto least = static_cast<std::uint64_t>(chunk_bytes_ / kMaxDeflateRatio);
    if (stored_bytes == 0 || stored_bytes < least) {
      fail("a chunk claims " + std::to_string(chunk_bytes_) + " bytes, but its " +
           std::to_string(stored_bytes) + " compressed bytes cannot hold that many");
    }
    const std::int64_t offset_bytes = file_.offset_of(address, stored_bytes);
    const auto end = offset_bytes + static_cast<std::int64_t>(stored_bytes);
    const auto next = ends_.upper_bound(offset_bytes);
    if (next != ends_.end() && next->second < end) {
      fail("two chunks overlap at byte " + std::to_string(next->second));
    }
    ends_.emplace(end, offset_bytes);
    if (!deflated && !shuffled) {
      extent.offset_bytes = offset_bytes;
      return;
    }
    extent.chunk.range = {offset_bytes, static_cast<std::int64_t>(stored_bytes), chunk_bytes_};
    extent.chunk.deflated = deflated;
    extent.chunk.shuffled_bytes = shuffled ? shape_.element_bytes : 0;
  }

  [[noreturn]] void fail(const std::string& what) const {
    file_.fail("dataset " + in_quotes(shape_.path, 100) + ": " + what);
  }

  Hdf5Bytes& file_;
  const Hdf5Shape& shape_;
  const Hdf5Filters& filters_;
  std::vector<std::int64_t> chunk_;
  std::int64_t chunk_bytes_;
  std::vector<Extent> extents_;
  std::set<std::vector<std::int64_t>> origins_;
  std::map<std::int64_t, std::int64_t> ends_;  ///< end of each chunk in the file -> its first byte
  std::int64_t num_elements_ = 0;
};

}  // namespace

Hdf5Chunks hdf5_chunks(Hdf5Bytes& file, Hdf5Fields layout, const Hdf5Shape& shape,
                       const Hdf5Filters& filters) {
  const std::string name = "dataset " + in_quotes(shape.path, 100);
  const std::uint64_t dimensions = layout.number(1);
  const std::uint64_t index = layout.number(8);
  if (dimensions != shape.sizes.size() + 1) {
    file.fail(name + ": expected chunks of " + std::to_string(shape.sizes.size()) +
              " dimensions and elements, found " + std::to_string(dimensions));
  }
  std::vector<std::int64_t> chunk;
  std::optional<std::int64_t> bytes = shape.element_bytes;
  const std::optional<std::int64_t> total = checked_product(shape.sizes);
  for (std::size_t d = 0; d < shape.sizes.size(); ++d) {
    chunk.push_back(static_cast<std::int64_t>(layout.number(4)));
    bytes = bytes && chunk.back() > 0 ? checked_product(*bytes, chunk.back()) : std::nullopt;
  }
  const auto element_bytes = static_cast<std::int64_t>(layout.number(4));
  if (!bytes || !total || element_bytes != shape.element_bytes) {
    file.fail(name + " has chunks of shape " + printable(shape_text(chunk), 100) +
              " with elements of " + std::to_string(element_bytes) + " bytes");
  }
  Hdf5Chunks result;
  const bool filtered = filters.deflate_bit >= 0 || filters.shuffle_bit >= 0;
  if (index == kUndefined) {
    result.problem = "nothing has been written to it";
  } else if (filtered && *bytes > kMaxFilteredChunkBytes) {
    result.problem = "its chunks have " + std::to_string(*bytes) + " bytes before gzip and " +
                     "shuffle, those of at most " + std::to_string(kMaxFilteredChunkBytes) +
                     " are read";
  }
  if (!result.problem.empty()) return result;
  constexpr std::uint64_t kMoreThanAnyLevel = 256;
  ChunkIndex chunks(file, shape, filters, std::move(chunk), *bytes);
  chunks.visit(index, kMoreThanAnyLevel);
  result.extents = chunks.take_extents();
  if (chunks.num_elements() != *total) {
    result.problem = "not all of its chunks have been written";
  }
  return result;
}

}  // namespace wishart::checkpoint
