#include "formats/hdf5/h5_tree.hpp"

#include <algorithm>
#include <unordered_set>

#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "formats/hdf5/h5_chunks.hpp"
#include "formats/hdf5/h5_filters.hpp"
#include "formats/hdf5/h5_header.hpp"
#include "formats/hdf5/h5_links.hpp"
#include "text/json_scanner.hpp"
#include "text/name_budget.hpp"

// Layout: HDF5 File Format Specification, version 3.0: superblock II.A, B-trees III.A.1, symbol
// table nodes III.B, local heaps III.D, messages IV.A.2.

namespace wishart::checkpoint {
namespace {

constexpr std::uint64_t kUndefined = ~std::uint64_t{0};
constexpr int kMaxDepth = 64;  // of groups, and of the levels of a B-tree
constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

/// Types of messages.
constexpr std::uint64_t kDataspace = 0x01;
constexpr std::uint64_t kLinkInfo = 0x02;
constexpr std::uint64_t kDatatype = 0x03;
constexpr std::uint64_t kLink = 0x06;
constexpr std::uint64_t kLayout = 0x08;
constexpr std::uint64_t kFilters = 0x0B;
constexpr std::uint64_t kAttribute = 0x0C;
constexpr std::uint64_t kSymbolTable = 0x11;

const Hdf5Message* find(const std::vector<Hdf5Message>& messages, std::uint64_t type) {
  const auto found = std::find_if(messages.begin(), messages.end(),
                                  [&](const Hdf5Message& message) { return message.type == type; });
  return found == messages.end() ? nullptr : &*found;
}

/// Little-endian IEEE floats and integers; nothing for other types.
std::optional<Dtype> dtype_of(const Hdf5Message& message, const Hdf5Bytes& file) {
  Hdf5Fields fields(message.data, file);
  const std::uint64_t kind = fields.number(1) & 15U;
  const std::uint64_t bits = fields.number(3);
  const std::uint64_t size = fields.number(4);
  constexpr std::uint64_t kInteger = 0;
  constexpr std::uint64_t kFloat = 1;
  if ((kind != kInteger && kind != kFloat) || (bits & 1U) != 0 || fields.left() < 4) {
    return std::nullopt;
  }
  const std::uint64_t first_bit = fields.number(2);
  const std::uint64_t precision = fields.number(2);
  if (first_bit != 0 || precision != 8 * size) return std::nullopt;
  if (kind == kInteger) {
    const bool has_sign = (bits & 8U) != 0;
    switch (size) {
      case 1:
        return has_sign ? Dtype::i8 : Dtype::u8;
      case 2:
        return has_sign ? Dtype::i16 : Dtype::u16;
      case 4:
        return has_sign ? Dtype::i32 : Dtype::u32;
      case 8:
        return has_sign ? Dtype::i64 : Dtype::u64;
      default:
        return std::nullopt;
    }
  }
  fields.skip(1);  // the place of the exponent follows from its size
  const std::uint64_t exponent_bits = fields.number(1);
  if (size == 2 && exponent_bits == 5) return Dtype::f16;
  if (size == 2 && exponent_bits == 8) return Dtype::bf16;
  if (size == 4 && exponent_bits == 8) return Dtype::f32;
  if (size == 8 && exponent_bits == 11) return Dtype::f64;
  return std::nullopt;
}

class Hdf5Walk {
public:
  Hdf5Walk(Hdf5Bytes& file, Hdf5Tree& tree, const std::string& place)
      : file_(file), tree_(tree), names_(place, file.size_bytes(), '/') {}

  void visit(std::uint64_t address, const std::string& path, int depth) {
    if (depth > kMaxDepth) file_.fail("its groups are nested too deep");
    if (!visited_.insert(address).second) return;  // a hard link to an object already visited
    const std::vector<Hdf5Message> messages = hdf5_messages(file_, address);
    if (find(messages, kLayout) != nullptr) return add_dataset(messages, path);
    for (const Hdf5Message& message : messages) {
      if (message.type == kSymbolTable) visit_table(message, path, depth);
      if (message.type == kLink) visit_link(message, path, depth);
      if (message.type == kLinkInfo) visit_heap(message, path, depth);
    }
  }

private:
  /// A large new-style group stores its links in a heap.
  void visit_heap(const Hdf5Message& message, const std::string& path, int depth) {
    Hdf5Fields fields(message.data, file_);
    fields.skip(1);
    fields.skip((fields.number(1) & 1U) != 0 ? 8 : 0);
    const std::uint64_t heap = fields.number(8);
    if (heap == kUndefined) return;
    const std::uint64_t names = fields.number(8);
    visit_dense_links(file_, heap, names, [&](const std::string& content) {
      visit_link({kLink, content, 0}, path, depth);
    });
  }

  void visit_link(const Hdf5Message& message, const std::string& path, int depth) {
    Hdf5Fields fields(message.data, file_);
    fields.skip(1);
    const std::uint64_t flags = fields.number(1);
    const std::uint64_t kind = (flags & 8U) != 0 ? fields.number(1) : 0;
    fields.skip((flags & 4U) != 0 ? 8 : 0);
    fields.skip((flags & 16U) != 0 ? 1 : 0);
    const std::uint64_t length = fields.number(std::size_t{1} << (flags & 3U));
    const std::string name(fields.text(length));
    // Soft and external links are skipped: their target has a name of its own, or is in another
    // file.
    if (kind == 0) visit(fields.number(8), names_.joined(path, name), depth + 1);
  }

  void visit_table(const Hdf5Message& message, const std::string& path, int depth) {
    Hdf5Fields fields(message.data, file_);
    const std::uint64_t tree = fields.number(8);
    const std::string heap = file_.read(fields.number(8), 32);
    if (!heap.starts_with("HEAP")) file_.fail("expected the names of a group, found none");
    Hdf5Fields heap_fields(std::string_view(heap).substr(8), file_);
    const std::uint64_t bytes = heap_fields.number(8);
    heap_fields.skip(8);
    const std::string names = file_.read(heap_fields.number(8), bytes);
    visit_nodes(tree, names, path, depth, 0);
  }

  void visit_nodes(std::uint64_t address, const std::string& names, const std::string& path,
                   int depth, int level) {
    if (level > kMaxDepth || !visited_.insert(address).second) {
      file_.fail("the list of a group's symbols is circular");
    }
    const std::string head = file_.read(address, 8);
    Hdf5Fields fields(head, file_);
    const std::string_view signature = fields.text(4);
    if (signature == "TREE") {
      fields.skip(2);
      const std::uint64_t count = fields.number(2);
      const std::string body = file_.read(address + 24, count * 16 + 8);
      Hdf5Fields children(body, file_);
      for (std::uint64_t i = 0; i < count; ++i) {
        children.skip(8);
        visit_nodes(children.number(8), names, path, depth, level + 1);
      }
    } else if (signature == "SNOD") {
      fields.skip(2);
      const std::uint64_t count = fields.number(2);
      const std::string body = file_.read(address + 8, count * 40);
      Hdf5Fields entries(body, file_);
      for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t name = entries.number(8);
        const std::uint64_t object = entries.number(8);
        const std::uint64_t cached = entries.number(4);
        entries.skip(20);
        if (cached == 2) continue;  // a soft link
        if (name >= names.size()) file_.fail("a name in a group is outside the group's heap");
        visit(object, names_.joined(path, names.c_str() + name), depth + 1);
      }
    } else {
      file_.fail("expected the list of a group at address " + std::to_string(address) +
                 ", found none");
    }
  }

  void add_dataset(const std::vector<Hdf5Message>& messages, const std::string& path) {
    Hdf5Dataset dataset;
    dataset.path = path;
    const Hdf5Message* space = find(messages, kDataspace);
    const Hdf5Message* type = find(messages, kDatatype);
    if (space == nullptr || type == nullptr) {
      file_.fail("dataset " + in_quotes(path, 100) + " has no shape or no type");
    }
    read_shape(*space, dataset);
    dataset.dtype = dtype_of(*type, file_);
    if (!dataset.dtype) {
      dataset.problem = "its elements are not little-endian numbers";
    } else {
      Hdf5Filters filters;
      if (const Hdf5Message* message = find(messages, kFilters)) {
        filters = hdf5_filters(*message, file_, dtype_bits(*dataset.dtype) / 8, path);
      }
      dataset.problem = filters.problem;
      if (dataset.problem.empty()) place(*find(messages, kLayout), filters, dataset);
    }
    tree_.datasets.push_back(std::move(dataset));
  }

  void read_shape(const Hdf5Message& message, Hdf5Dataset& dataset) const {
    Hdf5Fields fields(message.data, file_);
    const std::uint64_t version = fields.number(1);
    const std::uint64_t rank = fields.number(1);
    fields.skip(version == 1 ? 6 : 2);
    for (std::uint64_t d = 0; d < rank; ++d) {
      const std::uint64_t size = fields.number(8);
      if (size > static_cast<std::uint64_t>(INT64_MAX)) {
        file_.fail("dataset " + in_quotes(dataset.path, 100) + " has a size above 2^63");
      }
      dataset.shape.push_back(static_cast<std::int64_t>(size));
    }
  }

  void place(const Hdf5Message& message, const Hdf5Filters& filters, Hdf5Dataset& dataset) const {
    std::optional<std::int64_t> bytes = dtype_bits(*dataset.dtype) / 8;
    for (const std::int64_t size : dataset.shape) {
      bytes = bytes ? checked_product(*bytes, size) : std::nullopt;
    }
    if (!bytes) {
      file_.fail("dataset " + in_quotes(dataset.path, 100) + " of shape " +
                 printable(shape_text(dataset.shape), 100) + " is too large");
    }
    dataset.size_bytes = *bytes;
    Hdf5Fields fields(message.data, file_);
    const std::uint64_t version = fields.number(1);
    const std::uint64_t kind = fields.number(1);
    constexpr std::uint64_t kCompact = 0;
    constexpr std::uint64_t kContiguous = 1;
    constexpr std::uint64_t kChunked = 2;
    if (version == 3 && kind == kChunked && !dataset.shape.empty() && *bytes > 0) {
      Hdf5Chunks chunks = hdf5_chunks(
          file_, fields, {dataset.path, dataset.shape, dtype_bits(*dataset.dtype) / 8}, filters);
      dataset.extents = std::move(chunks.extents);
      dataset.problem = std::move(chunks.problem);
      return;
    }
    if ((version != 3 && version != 4) || kind > kContiguous) {
      dataset.problem =
          "its storage layout is not supported. Write it with h5py without libver='latest'";
      return;
    }
    std::uint64_t found = 0;
    if (kind == kCompact) {
      found = fields.number(2);
      dataset.offset_bytes = message.offset_bytes + 4;
      fields.skip(found);
    } else {
      const std::uint64_t address = fields.number(8);
      found = fields.number(8);
      if (address == kUndefined && *bytes > 0) {
        dataset.problem = "nothing has been written to it";
        return;
      }
      if (*bytes > 0) dataset.offset_bytes = file_.offset_of(address, found);
    }
    if (found != static_cast<std::uint64_t>(*bytes) && *bytes > 0) {
      file_.fail("dataset " + in_quotes(dataset.path, 100) + " of shape " +
                 printable(shape_text(dataset.shape), 100) + ": expected " +
                 std::to_string(*bytes) + " bytes, found " + std::to_string(found));
    }
  }

  Hdf5Bytes& file_;
  Hdf5Tree& tree_;
  NameBudget names_;
  std::unordered_set<std::uint64_t> visited_;
};

/// The address of the root group's header.
std::uint64_t read_superblock(Hdf5Bytes& file) {
  constexpr std::uint64_t kBytes = 48;  // enough for both forms
  const std::string start =
      file.read(0, std::min<std::uint64_t>(96, static_cast<std::uint64_t>(file.size_bytes())));
  if (!start.starts_with(kSignature) || start.size() < kBytes) {
    file.fail("expected an HDF5 file, found a different signature");
  }
  Hdf5Fields fields(std::string_view(start).substr(8), file);
  const std::uint64_t version = fields.number(1);
  if (version > 3) {
    file.fail("expected a superblock of version 0 to 3, found " + std::to_string(version));
  }
  fields.skip(version < 2 ? 4 : 0);
  const std::uint64_t offset_bytes = fields.number(1);
  const std::uint64_t length_bytes = fields.number(1);
  if (offset_bytes != 8 || length_bytes != 8) {
    file.fail("expected addresses and lengths of 8 bytes, found " + std::to_string(offset_bytes) +
              " and " + std::to_string(length_bytes));
  }
  if (version >= 2) {
    fields.skip(1);
    file.set_base(fields.number(8));
    fields.skip(16);
    return fields.number(8);
  }
  fields.skip(version == 0 ? 9 : 13);
  file.set_base(fields.number(8));
  fields.skip(24 + 8);  // free space, end, driver; the root's name
  return fields.number(8);
}

}  // namespace

Hdf5Tree read_hdf5_tree(const InputFile& file, ByteRange slice, const std::string& place) {
  Hdf5Bytes bytes(file, slice, place);
  Hdf5Tree tree;
  const std::uint64_t root = read_superblock(bytes);
  Hdf5Walk(bytes, tree, place).visit(root, "", 0);
  tree.hash = bytes.hash();
  return tree;
}

bool has_root_attribute(const InputFile& file, ByteRange slice, const std::string& place,
                        std::string_view name) {
  Hdf5Bytes bytes(file, slice, place);
  const std::vector<Hdf5Message> messages = hdf5_messages(bytes, read_superblock(bytes));
  return std::any_of(messages.begin(), messages.end(), [&](const Hdf5Message& message) {
    constexpr std::size_t kSizes = 9;  // of the fields before the name
    if (message.type != kAttribute || message.data.size() < kSizes + name.size()) return false;
    Hdf5Fields fields(message.data, bytes);
    const std::uint64_t version = fields.number(1);
    fields.skip(1);
    const std::uint64_t length = fields.number(2);          // with a NUL at the end
    fields.skip(std::uint64_t{4} + (version > 2 ? 1 : 0));  // sizes; since version 3 the encoding
    return length == name.size() + 1 && fields.left() >= length &&
           fields.text(length).starts_with(name);
  });
}

}  // namespace wishart::checkpoint
