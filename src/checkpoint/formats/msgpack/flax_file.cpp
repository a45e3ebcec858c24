#include "formats/msgpack/flax_file.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/wire_reader.hpp"
#include "formats/msgpack/msgpack_cursor.hpp"
#include "text/json_scanner.hpp"
#include "text/name_budget.hpp"

// Layout: google/flax (18f8f31), flax/serialization.py. Shards and their index:
// huggingface/transformers, modeling_flax_utils.py (flax_shard_checkpoint).

namespace wishart::checkpoint {
namespace {

using Kind = MsgpackItem::Kind;

constexpr std::int64_t kMaxKeyBytes = 65535;
constexpr std::int64_t kMaxTypeBytes = 64;
constexpr std::size_t kMaxDimensions = 64;
constexpr int kMaxDepth = 100;  // of dicts in dicts
constexpr std::string_view kChunked = "__msgpack_chunked_array__";

/// Types of extensions.
constexpr std::int64_t kArray = 1;
constexpr std::int64_t kScalar = 3;

struct FlaxType {
  std::string_view name;
  Dtype dtype;
};

// Names of NumPy and of ml_dtypes. The latter's 4-bit types take a byte each.
constexpr std::array kTypes{
    FlaxType{"float64", Dtype::f64},
    FlaxType{"float32", Dtype::f32},
    FlaxType{"float16", Dtype::f16},
    FlaxType{"bfloat16", Dtype::bf16},
    FlaxType{"float8_e4m3fn", Dtype::f8_e4m3},
    FlaxType{"float8_e5m2", Dtype::f8_e5m2},
    FlaxType{"float8_e4m3fnuz", Dtype::f8_e4m3fnuz},
    FlaxType{"float8_e5m2fnuz", Dtype::f8_e5m2fnuz},
    FlaxType{"bool", Dtype::boolean},
    FlaxType{"int8", Dtype::i8},
    FlaxType{"uint8", Dtype::u8},
    FlaxType{"int16", Dtype::i16},
    FlaxType{"uint16", Dtype::u16},
    FlaxType{"int32", Dtype::i32},
    FlaxType{"uint32", Dtype::u32},
    FlaxType{"int64", Dtype::i64},
    FlaxType{"uint64", Dtype::u64},
    FlaxType{"complex64", Dtype::c64},
};

std::optional<Dtype> type_named(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const FlaxType& type) { return type.name == name; });
  return found == kTypes.end() ? std::nullopt : std::optional(found->dtype);
}

/// An array, or a chunk of one, as it is stored.
struct StoredArray {
  std::vector<std::int64_t> shape;
  std::string type;
  ByteRange data;
};

class FlaxReader {
public:
  explicit FlaxReader(const std::filesystem::path& path)
      : input_(path),
        place_(printable(path.string())),
        bytes_(input_, place_),
        names_(place_, input_.size_bytes()) {
    file_.source.name = path.filename().string();
    file_.source.size_bytes = input_.size_bytes();
    file_.source.mtime_ns = input_.mtime_ns();
    alone_ = path.stem().string();
  }

  FlaxFile read() {
    MsgpackCursor cursor(bytes_, {0, bytes_.size_bytes()});
    read_value(cursor, "", 0);
    if (!cursor.at_end()) {
      bytes_.fail("expected the end of the file at byte " + std::to_string(cursor.position()) +
                  ", found " + std::to_string(bytes_.size_bytes() - cursor.position()) +
                  " more bytes. It is not a file of Flax, or damaged");
    }
    if (file_.tensors.empty() && file_.left_out.empty()) {
      bytes_.fail("expected arrays of Flax, found none");
    }
    file_.source.header_hash = hash_hex(seen_);
    return std::move(file_);
  }

private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    bytes_.fail("array " + in_quotes(name, 100) + ": " + what);
  }

  void read_value(MsgpackCursor& cursor, const std::string& path, int depth) {
    if (depth > kMaxDepth) {
      bytes_.fail("its dicts are nested deeper than " + std::to_string(kMaxDepth) + " levels");
    }
    const MsgpackItem item = cursor.next();
    if (item.kind == Kind::list) {
      for (std::int64_t i = 0; i < item.count; ++i) {
        read_value(cursor, names_.joined(path, std::to_string(i)), depth + 1);
      }
    } else if (item.kind == Kind::map) {
      read_map(cursor, item.count, path, depth);
    } else if (item.kind == Kind::extension && (item.value == kArray || item.value == kScalar)) {
      const StoredArray array = stored_array(item.content, path);
      if (path == "step" && array.shape.empty()) read_step(array);
      if (item.value == kArray) add(path, array.shape, array.type, {array.data});
    } else if (item.kind == Kind::integer && path == "step") {
      file_.step = std::max<std::int64_t>(item.value, -1);
    }
  }

  void read_map(MsgpackCursor& cursor, std::int64_t count, const std::string& path, int depth) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string key = read_key(cursor);
      if (key == kChunked) {
        if (i > 0 || count != 3) fail(path, "expected a mark, a shape and chunks, found others");
        static_cast<void>(cursor.next());  // true
        return read_chunks(cursor, path);
      }
      read_value(cursor, names_.joined(path, key), depth + 1);
    }
  }

  std::string read_key(MsgpackCursor& cursor) {
    const MsgpackItem item = cursor.next();
    if (item.kind == Kind::integer) return std::to_string(item.value);
    std::string key;
    if (item.kind == Kind::text) key = bytes_.text(item.content, kMaxKeyBytes, "a key");
    if (key.empty() || key.find('\0') != std::string::npos) {
      bytes_.fail("expected a key without NUL before byte " + std::to_string(cursor.position()) +
                  ", found something else");
    }
    return key;
  }

  /// The elements of a dict from 0, 1, ... that stands for a tuple.
  template <class Visit>
  void read_tuple(MsgpackCursor& cursor, const std::string& path, std::string_view what,
                  Visit&& visit) {
    const std::string name = read_key(cursor);
    const MsgpackItem tuple = cursor.next();
    if (name != what || tuple.kind != Kind::map) {
      fail(path, "expected its " + std::string(what) + ", found something else");
    }
    for (std::int64_t i = 0; i < tuple.count; ++i) {
      if (read_key(cursor) != std::to_string(i)) {
        fail(path, "expected its " + std::string(what) + " in order, found something else");
      }
      visit(cursor.next());
    }
  }

  /// An array of more than 2^30 bytes is stored in chunks of its elements in row-major order.
  void read_chunks(MsgpackCursor& cursor, const std::string& path) {
    std::vector<std::int64_t> shape;
    read_tuple(cursor, path, "shape",
               [&](const MsgpackItem& item) { add_size(shape, item, path); });
    std::vector<ByteRange> chunks;
    std::string type;
    read_tuple(cursor, path, "chunks", [&](const MsgpackItem& item) {
      if (item.kind != Kind::extension || item.value != kArray) {
        fail(path, "expected chunks that are arrays, found something else");
      }
      StoredArray chunk = stored_array(item.content, path);
      if (chunk.shape.size() != 1 || (!chunks.empty() && chunk.type != type)) {
        fail(path, "expected chunks of one dimension and one type, found others");
      }
      type = std::move(chunk.type);
      chunks.push_back(chunk.data);
    });
    add(path, shape, type, chunks);
  }

  void add_size(std::vector<std::int64_t>& shape, const MsgpackItem& item,
                const std::string& path) const {
    if (item.kind != Kind::integer || item.value < 0 || shape.size() == kMaxDimensions) {
      fail(path, "expected a shape of at most 64 sizes, found something else");
    }
    shape.push_back(item.value);
  }

  /// The content of an extension: shape, type and elements.
  StoredArray stored_array(ByteRange range, const std::string& path) {
    StoredArray array;
    MsgpackCursor cursor(bytes_, range);
    const MsgpackItem parts = cursor.next();
    if (parts.kind != Kind::list || parts.count != 3) {
      fail(path, "expected a shape, a type and elements, found something else");
    }
    const MsgpackItem sizes = cursor.next();
    if (sizes.kind != Kind::list) fail(path, "expected a shape, found something else");
    for (std::int64_t i = 0; i < sizes.count; ++i) add_size(array.shape, cursor.next(), path);
    const MsgpackItem type = cursor.next();
    const MsgpackItem data = cursor.next();
    if (type.kind != Kind::text && type.kind != Kind::bytes) {
      fail(path, "expected the name of a type, found something else");
    }
    if ((data.kind != Kind::bytes && data.kind != Kind::text) || !cursor.at_end()) {
      fail(path, "expected its elements as bytes, found something else");
    }
    array.type = bytes_.text(type.content, kMaxTypeBytes, "the name of a type");
    array.data = data.content;
    const std::optional<Dtype> known = type_named(array.type);
    const std::optional<std::int64_t> count = checked_product(array.shape);
    const auto bytes =
        known && count ? checked_product(*count, dtype_bits(*known) / 8) : std::nullopt;
    if (!count || (known && bytes != array.data.size_bytes)) {
      fail(path, "expected " + (bytes ? std::to_string(*bytes) : "more than 2^63") + " bytes of " +
                     array.type + " for shape " + printable(shape_text(array.shape), 100) +
                     ", found " + std::to_string(array.data.size_bytes));
    }
    return array;
  }

  /// Keeps an array; several ranges are its elements one after the other.
  void add(const std::string& path, const std::vector<std::int64_t>& shape, const std::string& type,
           const std::vector<ByteRange>& data) {
    if (is_optimizer(path)) return;
    Tensor tensor;
    tensor.name = flax_name(path.empty() ? alone_ : path);
    tensor.shape = shape;
    const std::optional<std::int64_t> count = checked_product(shape);
    if (!count) fail(path, "shape " + printable(shape_text(shape), 100) + " is too large");
    tensor.num_elements = *count;
    const std::optional<Dtype> known = type_named(type);
    if (!known) {
      tensor.stored_as = printable("Flax " + type, 60);
      file_.left_out.push_back({std::move(tensor), "encoding-not-read",
                                "elements of type " + in_quotes(type, 60) + " are not supported"});
      return;
    }
    tensor.dtype = *known;
    const std::int64_t element_bytes = dtype_bits(*known) / 8;
    for (const ByteRange& range : data) {
      tensor.size_bytes += range.size_bytes;  // cannot overflow: each is in the file
      if (data.size() == 1) break;
      tensor.extents.push_back({{(tensor.size_bytes - range.size_bytes) / element_bytes},
                                {range.size_bytes / element_bytes},
                                {1},
                                0,
                                range.offset_bytes});
    }
    if (checked_product(*count, element_bytes) != tensor.size_bytes) {
      fail(path, "expected chunks of " + std::to_string(*count) + " elements for shape " +
                     printable(shape_text(shape), 100) + ", found " +
                     std::to_string(tensor.size_bytes / element_bytes));
    }
    if (!data.empty()) tensor.offset_bytes = data.front().offset_bytes;
    seen_ += hash_hex(tensor.name + '\n' + shape_text(shape) + '\n' +
                      std::to_string(tensor.offset_bytes) + '\n' + type);
    file_.tensors.push_back(std::move(tensor));
  }

  /// States of a TrainState that are no weights.
  static bool is_optimizer(std::string_view path) {
    const std::string_view first = path.substr(0, path.find('.'));
    return first == "step" || first == "opt_state" || first == "optimizer" || first == "rng";
  }

  void read_step(const StoredArray& array) {
    const bool whole = array.type == "int32" || array.type == "int64" || array.type == "uint32";
    if (!whole) return;
    std::uint64_t value = 0;
    for (std::int64_t i = array.data.size_bytes; i-- > 0;) {
      value = (value << 8U) | bytes_.byte(array.data.offset_bytes + i);
    }
    if (value <= static_cast<std::uint64_t>(INT32_MAX)) {
      file_.step = static_cast<std::int64_t>(value);
    }
  }

  InputFile input_;
  std::string place_;
  WireBytes bytes_;
  NameBudget names_;
  FlaxFile file_;
  std::string alone_;  // the name of an array that is the whole file
  std::string seen_;   // hashes of the descriptions of tensors
};

constexpr std::string_view kEndings[] = {".msgpack"};

Weights read_weights(const std::filesystem::path& path) {
  FlaxFile file = read_flax_file(path);
  Weights weights = take_weights(file);
  weights.step = file.step;
  return weights;
}

}  // namespace

std::string flax_name(std::string path) {
  std::replace(path.begin(), path.end(), '/', '.');
  constexpr std::string_view kParams = "params.";
  std::size_t begin = 0;
  while (std::string_view(path).substr(begin).starts_with(kParams)) begin += kParams.size();
  path.erase(0, begin);
  return path;
}

FlaxFile read_flax_file(const std::filesystem::path& path) { return FlaxReader(path).read(); }

const Format& flax_format() {
  static constexpr Format kFormat{.name = "flax",
                                  .endings = kEndings,
                                  .index = "flax_model.msgpack.index.json",
                                  .name_in_index = flax_name,
                                  .usual = "flax_model.msgpack",
                                  .any_name = true,
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
