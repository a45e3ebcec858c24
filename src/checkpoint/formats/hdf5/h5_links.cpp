#include "formats/hdf5/h5_links.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>
#include <vector>

#include "wishart/core/narrow.hpp"

// Layout: HDF5 File Format Specification, version 3.0: B-trees of version 2 III.A.2, fractal heaps
// III.G. Sizes of counts in B-trees: hdf5, src/H5B2hdr.c and H5B2pkg.h.

namespace wishart::checkpoint {
namespace {

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};
constexpr std::uint64_t kChecksum = 4;
constexpr std::uint64_t kLinksByName = 5;  ///< type of a B-tree
constexpr std::uint64_t kLinkRecord = 11;  ///< bytes: hash, heap id
constexpr std::uint64_t kHeapId = 7;
constexpr int kMaxLevels = 16;

/// Bytes that hold numbers up to `most`.
std::uint64_t count_bytes(std::uint64_t most) {
  return most == 0 ? 1 : (static_cast<std::uint64_t>(std::bit_width(most)) - 1) / 8 + 1;
}

/// The heap that holds the link messages. Its objects have addresses of their own, in which blocks
/// follow each other; a table of rows of blocks, whose sizes double, tells where they are.
class FractalHeap {
public:
  FractalHeap(Hdf5Bytes& file, std::uint64_t address) : file_(file) {
    const std::string bytes = file.read(address, 146);
    Hdf5Fields fields(bytes, file);
    if (fields.text(4) != "FRHP" || fields.number(1) != 0) {
      file.fail("expected a fractal heap at address " + std::to_string(address) + ", found none");
    }
    const std::uint64_t id_bytes = fields.number(2);
    const std::uint64_t filters = fields.number(2);
    if (id_bytes != kHeapId || filters != 0) {
      file.fail("expected a heap of links without filters, found another. Save it again with h5py");
    }
    fields.skip(1);
    const std::uint64_t largest = fields.number(4);
    fields.skip(96);  // twelve sizes and addresses
    width_ = fields.number(2);
    first_ = fields.number(8);
    most_direct_ = fields.number(8);
    const std::uint64_t bits = fields.number(2);
    fields.skip(2);
    root_ = fields.number(8);
    rows_ = fields.number(2);
    offset_bytes_ = (bits + 7) / 8;
    const bool powers = std::has_single_bit(width_) && std::has_single_bit(first_) &&
                        std::has_single_bit(most_direct_) && most_direct_ >= first_;
    if (!powers || bits == 0 || bits > 63 || rows_ > 64 || first_ > kMostBytes ||
        most_direct_ > kMostBytes) {
      file.fail("a fractal heap has impossible sizes");
    }
    most_rows_ = 61 - static_cast<std::uint64_t>(std::countr_zero(width_ * first_));
    length_bytes_ = std::min((static_cast<std::uint64_t>(std::countr_zero(most_direct_)) + 7) / 8,
                             count_bytes(largest));
  }

  /// The object with this id.
  [[nodiscard]] std::string object(std::string_view id) {
    Hdf5Fields fields(id, file_);
    const std::uint64_t kind = fields.number(1);
    if ((kind & 0xF0U) != 0) {
      file_.fail("a link has a name of some thousand bytes, which is not supported");
    }
    const std::uint64_t offset = fields.number(offset_bytes_);
    const std::uint64_t length = fields.number(length_bytes_);
    if (rows_ == 0) return inside({root_, 0, first_}, offset, length);
    return find(root_, 0, rows_, offset, length, 0);
  }

private:
  static constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 32;

  /// A block of objects: its place in the file and among the heap's addresses.
  struct DirectBlock {
    std::uint64_t address = 0;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  [[nodiscard]] std::uint64_t row_size(std::uint64_t row) const {
    return row < 2 ? first_ : first_ << (row - 1);
  }
  /// Heap addresses that rows before `row` take.
  [[nodiscard]] std::uint64_t row_offset(std::uint64_t row) const {
    return row == 0 ? 0 : width_ * (first_ << (row - 1));
  }

  std::string inside(const DirectBlock& block, std::uint64_t offset, std::uint64_t length) {
    if (block.address == kUndefined || length > block.size ||
        offset - block.offset > block.size - length) {
      file_.fail("a link of a group is outside the group's heap");
    }
    return file_.read(block.address + (offset - block.offset), length);
  }

  /// Searches an indirect block, whose own heap addresses begin at `base`.
  std::string find(std::uint64_t address, std::uint64_t base, std::uint64_t rows,
                   std::uint64_t offset, std::uint64_t length, int level) {
    if (level > kMaxLevels || address == kUndefined) {
      file_.fail("a link of a group is outside the group's heap");
    }
    std::uint64_t row = 0;
    const std::uint64_t most = std::min(rows, most_rows_);
    while (row < most && offset - base >= row_offset(row + 1)) ++row;
    if (row >= most) file_.fail("a link of a group is outside the group's heap");
    const std::uint64_t size = row_size(row);
    const std::uint64_t column = (offset - base - row_offset(row)) / size;
    const std::vector<std::uint64_t>& children = children_of(address, rows);
    const std::uint64_t child = children[static_cast<std::size_t>(row * width_ + column)];
    const std::uint64_t begin = base + row_offset(row) + column * size;
    if (size <= most_direct_) return inside({child, begin, size}, offset, length);
    const auto levels = static_cast<std::uint64_t>(std::countr_zero(size)) -
                        static_cast<std::uint64_t>(std::countr_zero(first_ * width_)) + 1;
    if (levels > 64) file_.fail("a fractal heap has impossible sizes");
    return find(child, begin, levels, offset, length, level + 1);
  }

  const std::vector<std::uint64_t>& children_of(std::uint64_t address, std::uint64_t rows) {
    const auto [found, is_new] = blocks_.try_emplace(address);
    if (!is_new) return found->second;
    const std::uint64_t head = 4 + 1 + 8 + offset_bytes_;
    const std::string bytes = file_.read(address, head + rows * width_ * 8);
    Hdf5Fields fields(bytes, file_);
    if (fields.text(4) != "FHIB") {
      file_.fail("expected a block of a fractal heap at address " + std::to_string(address) +
                 ", found none");
    }
    fields.skip(head - 4);
    for (std::uint64_t i = 0; i < rows * width_; ++i) found->second.push_back(fields.number(8));
    return found->second;
  }

  Hdf5Bytes& file_;
  std::uint64_t width_ = 0;
  std::uint64_t first_ = 0;  ///< bytes of the smallest block
  std::uint64_t most_direct_ = 0;
  std::uint64_t root_ = 0;
  std::uint64_t rows_ = 0;       ///< of the root; 0: it is a block of objects
  std::uint64_t most_rows_ = 0;  ///< whose addresses fit
  std::uint64_t offset_bytes_ = 0;
  std::uint64_t length_bytes_ = 0;
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> blocks_;
};

/// A B-tree of version 2 of links by name.
class LinkTree {
public:
  LinkTree(Hdf5Bytes& file, std::uint64_t address) : file_(file) {
    const std::string bytes = file.read(address, 34);
    Hdf5Fields fields(bytes, file);
    if (fields.text(4) != "BTHD" || fields.number(1) != 0 || fields.number(1) != kLinksByName) {
      file.fail("expected the names of a group at address " + std::to_string(address) +
                ", found none");
    }
    node_bytes_ = fields.number(4);
    const std::uint64_t record = fields.number(2);
    depth_ = fields.number(2);
    fields.skip(2);
    root_ = fields.number(8);
    root_count_ = fields.number(2);
    if (record != kLinkRecord || depth_ > kMaxLevels || node_bytes_ < 64 ||
        node_bytes_ > (std::uint64_t{1} << 30)) {
      file.fail("the names of a group have an impossible form");
    }
    // Most records of a node of each level, and of all below it.
    std::uint64_t most = (node_bytes_ - kHead) / kLinkRecord;
    std::uint64_t all = most;
    count_bytes_ = count_bytes(most);
    all_bytes_.push_back(0);
    for (std::uint64_t level = 1; level <= depth_; ++level) {
      const std::uint64_t pointer = 8 + count_bytes_ + all_bytes_.back();
      if (node_bytes_ < kHead + pointer) file.fail("the names of a group have an impossible form");
      most = (node_bytes_ - kHead - pointer) / (kLinkRecord + pointer);
      all = all > kUndefined / 2 / (most + 1) ? kUndefined / 2 : (most + 1) * all + most;
      all_bytes_.push_back(count_bytes(all));
    }
  }

  /// Calls `record(heap id)` for each link.
  void visit(const std::function<void(std::string_view)>& record) {
    if (root_ != kUndefined) node(root_, root_count_, depth_, record);
  }

private:
  static constexpr std::uint64_t kHead = 4 + 1 + 1 + kChecksum;

  void node(std::uint64_t address, std::uint64_t count, std::uint64_t level,
            const std::function<void(std::string_view)>& record) {
    const std::uint64_t pointer = level == 0 ? 0 : 8 + count_bytes_ + all_bytes_[at(level - 1)];
    const std::uint64_t bytes = 6 + count * kLinkRecord + (level == 0 ? 0 : (count + 1) * pointer);
    if (bytes > node_bytes_) file_.fail("a node of a group's names has too many links");
    const std::string content = file_.read(address, bytes);
    Hdf5Fields fields(content, file_);
    if (fields.text(4) != (level == 0 ? "BTLF" : "BTIN")) {
      file_.fail("expected names of a group at address " + std::to_string(address) +
                 ", found none");
    }
    fields.skip(2);
    for (std::uint64_t i = 0; i < count; ++i) {
      fields.skip(4);
      record(fields.text(kHeapId));
    }
    if (level == 0) return;
    for (std::uint64_t i = 0; i <= count; ++i) {
      const std::uint64_t child = fields.number(8);
      const std::uint64_t records = fields.number(at(count_bytes_));
      fields.skip(all_bytes_[at(level - 1)]);
      node(child, records, level - 1, record);
    }
  }
  static std::size_t at(std::uint64_t i) { return static_cast<std::size_t>(i); }

  Hdf5Bytes& file_;
  std::uint64_t node_bytes_ = 0;
  std::uint64_t depth_ = 0;
  std::uint64_t root_ = 0;
  std::uint64_t root_count_ = 0;
  std::uint64_t count_bytes_ = 0;         ///< of the number of records of a child
  std::vector<std::uint64_t> all_bytes_;  ///< of the number of records below a node, by level
};

}  // namespace

void visit_dense_links(Hdf5Bytes& file, std::uint64_t heap, std::uint64_t names,
                       const std::function<void(const std::string&)>& link) {
  FractalHeap objects(file, heap);
  // First all messages, then what they lead to: a link may lead to a group with a heap of its own.
  std::vector<std::string> messages;
  LinkTree(file, names).visit([&](std::string_view id) { messages.push_back(objects.object(id)); });
  for (const std::string& message : messages) link(message);
}

}  // namespace wishart::checkpoint
