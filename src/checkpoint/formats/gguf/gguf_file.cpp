#include "formats/gguf/gguf_file.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/byte_cursor.hpp"
#include "formats/gguf/gguf_scales.hpp"
#include "numbers/gguf_types.hpp"
#include "text/json_scanner.hpp"

// Layout and limits: ggml, gguf.cpp (gguf_init_from_file_impl), and the GGUF format page.

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxDimensions = 4;
constexpr std::uint64_t kMaxNameBytes = 65535;
constexpr std::uint64_t kMaxTextBytes = 1 << 20;  // of metadata that is kept
/// The fewest bytes of a metadata entry and of a tensor in the list: an empty name or key, no
/// dimensions.
constexpr std::uint64_t kLeastFactBytes = 8 + 4 + 1;
constexpr std::uint64_t kLeastTensorBytes = 8 + 4 + 4 + 8;

/// Types of values, by number (gguf_type).
constexpr std::uint32_t kBoolean = 7;
constexpr std::uint32_t kText = 8;
constexpr std::uint32_t kArray = 9;
constexpr std::uint32_t kFloat32 = 6;
constexpr std::uint32_t kFloat64 = 12;

/// Bytes of a value of fixed length; 0 for other types.
std::int64_t value_bytes(std::uint32_t kind) {
  switch (kind) {
    case 0:
    case 1:
    case kBoolean:
      return 1;
    case 2:
    case 3:
      return 2;
    case 4:
    case 5:
    case kFloat32:
      return 4;
    case 10:
    case 11:
    case kFloat64:
      return 8;
    default:
      return 0;
  }
}

class GgufReader {
public:
  explicit GgufReader(const std::filesystem::path& path)
      : input_(path), place_(printable(path.string())), cursor_(input_, place_) {
    file_.source.name = path.filename().string();
    file_.source.size_bytes = input_.size_bytes();
    file_.source.mtime_ns = input_.mtime_ns();
  }

  GgufFile read() {
    read_counts();
    for (std::uint64_t i = 0; i < num_facts_; ++i) read_fact();
    const std::int64_t alignment = alignment_of_data();
    for (std::uint64_t i = 0; i < num_tensors_; ++i) read_tensor(alignment);
    if (num_tensors_ == 0) cursor_.fail("expected tensors, found none");
    file_.source.header_hash = cursor_.hash();
    place_data(alignment);
    fill_config();
    return std::move(file_);
  }

private:
  struct Pending {
    Tensor tensor;
    const GgufType* type = nullptr;
    std::int64_t size_bytes = 0;
  };

  void read_counts() {
    if (cursor_.left() < 4 || cursor_.text(4, "its first word") != "GGUF") {
      cursor_.fail("expected a GGUF file, found a different signature");
    }
    const auto version = cursor_.number<std::uint32_t>("its version");
    if ((version & 0xFFFFU) == 0) {
      cursor_.fail("is big-endian, which is not supported");
    }
    if (version < 2 || version > 3) {
      cursor_.fail("expected GGUF of version 2 or 3, found version " + std::to_string(version));
    }
    num_tensors_ = cursor_.number<std::uint64_t>("its number of tensors");
    num_facts_ = cursor_.number<std::uint64_t>("its number of keys");
    check_count(num_tensors_, kLeastTensorBytes, "tensors");
    check_count(num_facts_, kLeastFactBytes, "keys");
  }

  /// Checks a count of items, each of which takes at least `least` of the bytes left.
  void check_count(std::uint64_t count, std::uint64_t least, const char* what) const {
    const auto left = static_cast<std::uint64_t>(cursor_.left());
    if (count > left / least) {
      cursor_.fail("claims " + std::to_string(count) + " " + what + ", the file has only " +
                   std::to_string(left) + " more bytes for them");
    }
  }

  std::string read_text(std::uint64_t max_bytes, const char* what) {
    const auto bytes = cursor_.number<std::uint64_t>(what);
    cursor_.need(bytes, what);
    if (bytes > max_bytes) {
      cursor_.fail(std::string(what) + " has " + std::to_string(bytes) +
                   " bytes, expected at most " + std::to_string(max_bytes));
    }
    return cursor_.text(static_cast<std::int64_t>(bytes), what);
  }

  void skip_text() {
    const auto bytes = cursor_.number<std::uint64_t>("a text");
    cursor_.need(bytes, "a text");
    cursor_.skip(static_cast<std::int64_t>(bytes), "a text");
  }

  void read_fact() {
    std::string key = read_text(kMaxNameBytes, "a key");
    if (key.empty()) cursor_.fail("expected keys with a name, found an empty one");
    if (!keys_.insert(key).second) cursor_.fail("key " + in_quotes(key, 100) + " appears twice");
    const auto kind = cursor_.number<std::uint32_t>("the type of a value");
    if (kind == kText) {
      if (key == "general.architecture") {
        architecture_ = read_text(kMaxTextBytes, "general.architecture");
      } else if (key == "general.type") {
        if (read_text(kMaxTextBytes, "general.type") == "imatrix") refuse_importances();
      } else {
        skip_text();
      }
    } else if (kind == kArray) {
      skip_array(key);
    } else {
      read_number(key, kind);
    }
  }

  /// Layout: llama.cpp, tools/imatrix.
  [[noreturn]] void refuse_importances() const {
    cursor_.fail(
        "expected weights, found an importance matrix of llama.cpp. Scan the model that it was "
        "made for");
  }

  void skip_array(const std::string& key) {
    const auto kind = cursor_.number<std::uint32_t>("the type of an array");
    const auto count = cursor_.number<std::uint64_t>("the length of an array");
    if (kind == kText) {
      check_count(count, 8, ("texts in " + in_quotes(key, 100)).c_str());
      for (std::uint64_t i = 0; i < count; ++i) skip_text();
      return;
    }
    const std::int64_t bytes = value_bytes(kind);
    if (bytes == 0) refuse_kind(key, kind);
    check_count(count, static_cast<std::uint64_t>(bytes),
                ("values in " + in_quotes(key, 100)).c_str());
    cursor_.skip(static_cast<std::int64_t>(count) * bytes, "an array");
  }

  void read_number(const std::string& key, std::uint32_t kind) {
    const std::int64_t bytes = value_bytes(kind);
    if (bytes == 0) refuse_kind(key, kind);
    std::uint64_t value = 0;
    for (std::int64_t i = 0; i < bytes; ++i) {
      value |= std::uint64_t{cursor_.number<std::uint8_t>("a value")} << (8 * i);
    }
    const bool whole = kind != kBoolean && kind != kFloat32 && kind != kFloat64;
    // Negative numbers of any width are ignored.
    if (whole && value < (std::uint64_t{1} << (8 * bytes - 1))) {
      numbers_[key] = static_cast<std::int64_t>(value);
    }
  }

  [[noreturn]] void refuse_kind(const std::string& key, std::uint32_t kind) const {
    cursor_.fail("key " + in_quotes(key, 100) + ": expected a value of types 0 to 12, or an " +
                 "array of types other than arrays, found type " + std::to_string(kind));
  }

  [[nodiscard]] std::int64_t alignment_of_data() const {
    if (!keys_.contains("general.alignment")) return kDefaultAlignment;
    const std::int64_t alignment = number("general.alignment").value_or(0);
    if (alignment < 1 || alignment > (1 << 30) || (alignment & (alignment - 1)) != 0) {
      cursor_.fail("general.alignment: expected a power of two up to 2^30, found " +
                   std::to_string(alignment));
    }
    return alignment;
  }

  void read_tensor(std::int64_t alignment) {
    Pending pending;
    Tensor& tensor = pending.tensor;
    tensor.name = read_text(kMaxNameBytes, "the name of a tensor");
    if (tensor.name.empty() || tensor.name.find('\0') != std::string::npos) {
      cursor_.fail("tensor " + in_quotes(tensor.name, 100) +
                   ": expected a non-empty name without NUL");
    }
    if (tensor.name.ends_with(".in_sum2")) refuse_importances();
    if (!names_.insert(tensor.name).second) fail(tensor, "appears twice");
    const auto dimensions = cursor_.number<std::uint32_t>("the dimensions of a tensor");
    if (dimensions > kMaxDimensions) {
      fail(tensor, "expected at most 4 dimensions, found " + std::to_string(dimensions));
    }
    for (std::uint32_t d = 0; d < dimensions; ++d) {
      tensor.shape.push_back(cursor_.number<std::int64_t>("the shape of a tensor"));
    }
    // GGUF lists the fastest dimension first; we list it last.
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    const auto type = cursor_.number<std::uint32_t>("the type of a tensor");
    pending.type = gguf_type(type);
    if (pending.type == nullptr) {
      fail(tensor, "has elements of unknown type " + std::to_string(type) + "");
    }
    measure(pending);
    const auto offset = cursor_.number<std::uint64_t>("the place of a tensor");
    if (offset != static_cast<std::uint64_t>(data_bytes_)) {
      fail(tensor, "expected it at byte " + std::to_string(data_bytes_) + " of the data, found " +
                       std::to_string(offset));
    }
    tensor.offset_bytes = data_bytes_;
    const auto end = checked_sum(data_bytes_, pending.size_bytes);
    const auto room = end ? checked_sum(*end, alignment - 1) : std::nullopt;
    if (!room) fail(tensor, "ends beyond 2^63 bytes");
    end_bytes_ = *end;
    data_bytes_ = *room / alignment * alignment;
    pending_.push_back(std::move(pending));
  }

  /// Number of elements and bytes.
  void measure(Pending& pending) const {
    Tensor& tensor = pending.tensor;
    const GgufType& type = *pending.type;
    const std::int64_t width = tensor.shape.empty() ? 1 : tensor.shape.back();
    std::optional<std::int64_t> count = 1;
    for (const std::int64_t size : tensor.shape) {
      if (size < 0) fail(tensor, "has a negative dimension");
      count = count ? checked_product(*count, size) : std::nullopt;
    }
    if (width % type.block_elements != 0) {
      fail(tensor, "of type " + std::string(type.name) + ": expected rows of whole blocks of " +
                       std::to_string(type.block_elements) + " elements, found rows of " +
                       std::to_string(width));
    }
    const auto bytes =
        count ? checked_product(*count / type.block_elements, type.block_bytes) : std::nullopt;
    if (!bytes) {
      fail(tensor, "of shape " + printable(shape_text(tensor.shape), 100) + " is too large");
    }
    tensor.num_elements = *count;
    pending.size_bytes = *bytes;
  }

  /// Converts offsets in the data to offsets in the file.
  void place_data(std::int64_t alignment) {
    const auto padded = checked_sum(cursor_.position(), alignment - 1);
    const std::int64_t begin = padded.value_or(0) / alignment * alignment;
    const std::int64_t found = file_.source.size_bytes - begin;
    if (!padded || end_bytes_ > found) {
      cursor_.fail("expected " + std::to_string(end_bytes_) + " bytes of data, found " +
                   std::to_string(std::max<std::int64_t>(found, 0)) +
                   ". The file is truncated: copy it again");
    }
    for (Pending& pending : pending_) {
      pending.tensor.offset_bytes += begin;
      finish(std::move(pending));
    }
  }

  void finish(Pending&& pending) {
    Tensor& tensor = pending.tensor;
    const GgufType& type = *pending.type;
    tensor.size_bytes = pending.size_bytes;
    if (type.dtype) {
      tensor.dtype = *type.dtype;
      file_.tensors.push_back(std::move(tensor));
      return;
    }
    tensor.stored_as = "GGUF " + std::string(type.name);
    if (!type.is_read) {
      file_.left_out.push_back({std::move(tensor), "encoding-not-read",
                                "blocks of type " + std::string(type.name) + " are not supported"});
      return;
    }
    Tensor blocks;
    blocks.dtype = Dtype::u8;
    blocks.offset_bytes = tensor.offset_bytes;
    blocks.shape = tensor.shape;
    blocks.shape.back() = tensor.shape.back() / type.block_elements * type.block_bytes;
    blocks.num_elements = blocks.size_bytes = pending.size_bytes;
    tensor.encoding = Encoding::gguf;
    tensor.numbers = {type.number, type.block_elements, type.block_bytes};
    tensor.parts.push_back(std::move(blocks));
    file_.tensors.push_back(std::move(tensor));
  }

  [[nodiscard]] std::optional<std::int64_t> number(const std::string& key) const {
    const auto found = numbers_.find(key);
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
  }

  void fill_config() {
    ModelConfig& config = file_.config;
    config.model_type = architecture_;
    const auto fact = [&](const char* key) { return number(architecture_ + "." + key); };
    config.hidden_size = fact("embedding_length");
    config.intermediate_size = fact("feed_forward_length");
    config.moe_intermediate_size = fact("expert_feed_forward_length");
    config.num_hidden_layers = fact("block_count");
    config.num_attention_heads = fact("attention.head_count");
    config.num_key_value_heads = fact("attention.head_count_kv");
    config.head_dim = fact("attention.key_length");
    config.num_experts = fact("expert_count");
    config.vocab_size = fact("vocab_size");
  }

  [[noreturn]] void fail(const Tensor& tensor, const std::string& what) const {
    cursor_.fail("tensor " + in_quotes(tensor.name) + " " + what);
  }

  InputFile input_;
  std::string place_;
  ByteCursor cursor_;
  GgufFile file_;
  std::uint64_t num_tensors_ = 0;
  std::uint64_t num_facts_ = 0;
  std::unordered_set<std::string> keys_;
  std::map<std::string, std::int64_t> numbers_;
  std::string architecture_;
  std::unordered_set<std::string> names_;
  std::vector<Pending> pending_;
  std::int64_t data_bytes_ = 0;  // up to the next tensor
  std::int64_t end_bytes_ = 0;   // up to the end of the last one
};

}  // namespace

GgufFile read_gguf_file(const std::filesystem::path& file) { return GgufReader(file).read(); }

namespace {

constexpr std::string_view kEndings[] = {".gguf"};

Weights read_weights(const std::filesystem::path& path) {
  GgufFile file = read_gguf_file(path);
  Weights weights = take_weights(file);
  weights.config = std::move(file.config);
  return weights;
}

}  // namespace

const Format& gguf_format() {
  static constexpr Format kFormat{.name = "gguf",
                                  .endings = kEndings,
                                  .any_name = true,
                                  .read_file = read_weights,
                                  .combine = multiply_scales};
  return kFormat;
}

}  // namespace wishart::checkpoint
