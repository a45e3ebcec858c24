#include "formats/onnx/onnx_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"
#include "bytes/wire_reader.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/onnx/onnx_quantised.hpp"
#include "formats/onnx/onnx_variants.hpp"
#include "numbers/varint_list.hpp"
#include "text/json_scanner.hpp"

// Numbers of fields and types: ONNX, onnx.proto3; data files: its page "External Data".

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kMaxNameBytes = 65535;
constexpr std::size_t kMaxDimensions = 64;
constexpr std::int64_t kMaxPathBytes = 4096;
constexpr int kMaxDepth = 32;  // of graphs in graphs

/// Fields of ModelProto, GraphProto, StringStringEntryProto.
constexpr std::uint64_t kGraph = 7;
constexpr std::uint64_t kNode = 1;
constexpr std::uint64_t kInitializer = 5;
constexpr std::uint64_t kEntryKey = 1;
constexpr std::uint64_t kEntryValue = 2;

/// Fields of TensorProto.
constexpr std::uint64_t kDims = 1;
constexpr std::uint64_t kDataType = 2;
constexpr std::uint64_t kSegment = 3;
constexpr std::uint64_t kFloatData = 4;
constexpr std::uint64_t kInt32Data = 5;
constexpr std::uint64_t kName = 8;
constexpr std::uint64_t kRawData = 9;
constexpr std::uint64_t kDoubleData = 10;
constexpr std::uint64_t kExternalData = 13;
constexpr std::uint64_t kDataLocation = 14;

struct OnnxType {
  std::uint64_t number;
  std::string_view name;
  std::optional<Dtype> dtype;    ///< nothing: not supported
  std::uint64_t list_field = 0;  ///< packed list that stores the elements as they are
};

constexpr std::array kTypes{
    OnnxType{1, "FLOAT", Dtype::f32, kFloatData},
    OnnxType{2, "UINT8", Dtype::u8},
    OnnxType{3, "INT8", Dtype::i8},
    OnnxType{4, "UINT16", Dtype::u16},
    OnnxType{5, "INT16", Dtype::i16},
    OnnxType{6, "INT32", Dtype::i32},
    OnnxType{7, "INT64", Dtype::i64},
    OnnxType{8, "STRING", std::nullopt},
    OnnxType{9, "BOOL", Dtype::boolean},
    OnnxType{10, "FLOAT16", Dtype::f16},
    OnnxType{11, "DOUBLE", Dtype::f64, kDoubleData},
    OnnxType{12, "UINT32", Dtype::u32},
    OnnxType{13, "UINT64", Dtype::u64},
    OnnxType{14, "COMPLEX64", Dtype::c64, kFloatData},
    OnnxType{15, "COMPLEX128", std::nullopt},
    OnnxType{16, "BFLOAT16", Dtype::bf16},
    OnnxType{17, "FLOAT8E4M3FN", Dtype::f8_e4m3},
    OnnxType{18, "FLOAT8E4M3FNUZ", Dtype::f8_e4m3fnuz},
    OnnxType{19, "FLOAT8E5M2", Dtype::f8_e5m2},
    OnnxType{20, "FLOAT8E5M2FNUZ", Dtype::f8_e5m2fnuz},
    // Several to a byte: `dtype` is that of the bytes.
    OnnxType{21, "UINT4", Dtype::u8},
    OnnxType{22, "INT4", Dtype::u8},
    OnnxType{23, "FLOAT4E2M1", std::nullopt},
    OnnxType{24, "FLOAT8E8M0", Dtype::f8_e8m0},
    OnnxType{25, "UINT2", Dtype::u8},
    OnnxType{26, "INT2", Dtype::u8},
};

std::string type_name(std::uint64_t number) {
  const auto* known = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const OnnxType& type) { return type.number == number; });
  return known == kTypes.end() ? "type " + std::to_string(number) : std::string(known->name);
}

/// The content of a TensorProto.
struct Initializer {
  Tensor tensor;
  std::uint64_t type = 0;
  bool external = false;
  bool segmented = false;
  std::optional<ByteRange> raw;
  std::map<std::uint64_t, ByteRange> lists;  ///< by field; the last of several
  bool scattered = false;                    ///< a list in more than one piece
  std::string location;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
};

class OnnxReader {
public:
  explicit OnnxReader(const std::filesystem::path& path)
      : folder_(path.parent_path()),
        input_(path),
        place_(printable(path.string())),
        bytes_(input_, place_) {
    file_.source.name = path.filename().string();
    file_.source.size_bytes = input_.size_bytes();
    file_.source.mtime_ns = input_.mtime_ns();
  }

  OnnxFile read() {
    std::optional<ByteRange> graph;
    WireMessage model(bytes_, {0, bytes_.size_bytes()});
    for (WireField field; model.next(field);) {
      if (field.number != kGraph || field.kind != WireField::Kind::bytes) continue;
      if (graph) bytes_.fail("expected one graph, found another");
      graph = field.range;
    }
    if (!graph) bytes_.fail("expected an ONNX model with a graph, found none");
    read_graph(*graph, {""}, 0);
    list_values();
    if (file_.tensors.empty() && file_.left_out.empty()) {
      bytes_.fail("expected initializers or constants, found none");
    }
    file_.source.header_hash = hash_hex(seen_);
    return std::move(file_);
  }

private:
  /// Names of a graph begin with a prefix: none for the model's own, `loop.body.` for that in the
  /// attribute `body` of the node `loop`. The last of `scopes` is that of the graph; the others are
  /// of those around it, whose names it sees.
  using Scopes = std::vector<std::string>;

  [[noreturn]] void fail(const Tensor& tensor, const std::string& what) const {
    bytes_.fail("initializer " + in_quotes(tensor.name, 100) + ": " + what);
  }

  void read_graph(ByteRange range, const Scopes& scopes, int depth) {
    if (depth > kMaxDepth) bytes_.fail("its graphs are nested too deep");
    std::vector<OnnxNode> nodes;
    WireMessage fields(bytes_, range);
    for (WireField field; fields.next(field);) {
      if (field.kind != WireField::Kind::bytes) continue;
      if (field.number == kInitializer) add(field.range, scopes.back(), "");
      if (field.number == kNode) read_node(field.range, scopes, nodes);
    }
    const FindOnnxValue find = [&](const std::string& name) { return find_value(name, scopes); };
    const auto refuse = [&](const std::string& weight, const std::string& what) {
      bytes_.fail("initializer " + in_quotes(weight, 100) + ": " + what);
    };
    for (const OnnxNode& node : nodes) {
      const std::string label =
          node.name.empty() ? node.outputs.empty() ? node.op : node.outputs[0] : node.name;
      for (const auto& [attribute, graph] : node.graphs) {
        Scopes inner = scopes;
        std::string scope = scopes.back();
        scope.append(label).append(".").append(attribute).append(".");
        inner.push_back(std::move(scope));
        read_graph(graph, inner, depth + 1);
      }
      if (node.op == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1) {
        if (OnnxValue* same = find_value(node.inputs[0], scopes)) {
          by_name_.emplace(scopes.back() + node.outputs[0], same);
        }
      }
      if (auto weight = onnx_quantised(node, find, file_.left_out, refuse)) {
        made_.push_back(std::move(*weight));
      }
    }
  }

  /// Keeps a node, or the numbers of a constant.
  void read_node(ByteRange range, const Scopes& scopes, std::vector<OnnxNode>& nodes) {
    OnnxNode node = read_onnx_node(bytes_, range);
    if (node.op != "Constant" || node.outputs.size() != 1) return nodes.push_back(std::move(node));
    for (const auto& [attribute, tensor] : node.tensors) {
      if (attribute == "value") add(tensor, scopes.back(), node.outputs[0]);
    }
  }

  [[nodiscard]] OnnxValue* find_value(const std::string& name, const Scopes& scopes) const {
    for (std::size_t s = scopes.size(); s-- > 0;) {
      if (const auto found = by_name_.find(scopes[s] + name); found != by_name_.end()) {
        return found->second;
      }
    }
    return nullptr;
  }

  /// Adds an initializer, or the constant that a node calls `output`.
  void add(ByteRange range, const std::string& prefix, const std::string& output) {
    Initializer one = read_initializer(range);
    Tensor& tensor = one.tensor;
    if (!output.empty()) tensor.name = output;
    if (tensor.name.empty() || tensor.name.find('\0') != std::string::npos) {
      fail(tensor, "expected a non-empty name without NUL");
    }
    tensor.name.insert(0, prefix);
    OnnxValue& value = values_.emplace_back();
    value.type = one.type;
    value.type_name = type_name(one.type);
    value.is_constant = !output.empty();
    if (!by_name_.emplace(tensor.name, &value).second) fail(tensor, "appears twice");
    value.why_not = place(one);
    if (value.why_not.empty()) {
      seen_ += hash_hex(tensor.name + '\n' + shape_text(tensor.shape) + '\n' +
                        std::to_string(tensor.offset_bytes) + '\n' + std::to_string(one.type));
    }
    value.tensor = std::move(tensor);
  }

  /// Finds the numbers of an initializer; says why if they cannot be read.
  std::string place(Initializer& one) {
    Tensor& tensor = one.tensor;
    const auto* type = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](const OnnxType& t) { return t.number == one.type; });
    const bool known = type != kTypes.end() && type->dtype.has_value();
    const std::int64_t packed = packed_bits(one.type);
    measure(tensor, packed > 0 ? packed : 8 * (known ? dtype_bits(*type->dtype) / 8 : 1));
    if (!known) return "elements of " + type_name(one.type) + " are not supported";
    tensor.dtype = *type->dtype;
    if (one.segmented) return "it is stored in segments, which is not supported";
    if (one.external) {
      place_outside(one);
    } else if (one.raw) {
      place_inside(tensor, *one.raw);
    } else if (const auto list = one.lists.find(type->list_field);
               list != one.lists.end() && !one.scattered) {
      place_inside(tensor, list->second);
    } else if (const auto numbers = one.lists.find(kInt32Data);
               numbers != one.lists.end() && !one.scattered && has_bits_in_int32(tensor.dtype)) {
      place_numbers(tensor, numbers->second);
    } else if (!one.lists.empty() || one.scattered) {
      return "its elements are variable-length numbers (varints). Save them as raw_data, as "
             "onnx.numpy_helper.from_array does";
    } else {
      place_inside(tensor, {});
    }
    return {};
  }

  /// Lists what is no part of a quantised weight, and the quantised weights.
  void list_values() {
    std::unordered_set<std::string> names;
    for (OnnxValue& value : values_) {
      if (value.is_used) continue;
      Tensor& tensor = value.tensor;
      // Graphs have constants by the hundred that are sizes, axes and single numbers.
      const bool small =
          tensor.num_elements <= 1 || (tensor.shape.size() < 2 && !is_weight_dtype(tensor.dtype));
      if (value.is_constant && small) continue;
      names.insert(tensor.name);
      if (value.why_not.empty() && packed_bits(value.type) > 0) {
        value.why_not = "codes of " + value.type_name + " that no DequantizeLinear reads";
      }
      if (value.why_not.empty()) {
        file_.tensors.push_back(std::move(tensor));
        continue;
      }
      tensor.stored_as = "ONNX " + value.type_name;
      tensor.size_bytes = 0;
      file_.left_out.push_back({std::move(tensor), "encoding-not-read", std::move(value.why_not)});
    }
    for (Tensor& weight : made_) {
      std::string name = onnx_plain_name(weight.name);
      if (names.insert(name).second) weight.name = std::move(name);
      file_.tensors.push_back(std::move(weight));
    }
  }

  Initializer read_initializer(ByteRange range) {
    using Kind = WireField::Kind;
    Initializer one;
    WireMessage fields(bytes_, range);
    for (WireField field; fields.next(field);) {
      const bool bytes = field.kind == Kind::bytes;
      const bool number = field.kind == Kind::varint;
      if (field.number == kDims && (bytes || number)) {
        read_dims(one.tensor, field);
      } else if (field.number == kDataType && number) {
        one.type = field.value;
      } else if (field.number == kDataLocation && number) {
        one.external = field.value == 1;
      } else if (field.number == kName && bytes) {
        one.tensor.name = bytes_.text(field.range, kMaxNameBytes, "the name of an initializer");
      } else if (field.number == kSegment) {
        one.segmented = true;
      } else if (field.number == kRawData && bytes) {
        if (one.raw) fail(one.tensor, "expected raw_data once, found it twice");
        one.raw = field.range;
      } else if (field.number == kExternalData && bytes) {
        read_entry(one, field.range);
      } else if (is_list(field.number)) {
        one.scattered = one.scattered || !bytes || one.lists.count(field.number) > 0;
        one.lists[field.number] = field.range;
      }
    }
    return one;
  }

  /// float_data, int32_data, string_data, int64_data, double_data, uint64_data.
  static bool is_list(std::uint64_t field) {
    constexpr std::array<std::uint64_t, 6> kLists{4, 5, 6, 7, 10, 11};
    return std::find(kLists.begin(), kLists.end(), field) != kLists.end();
  }

  void read_dims(Tensor& tensor, const WireField& field) {
    const auto add_size = [&](std::uint64_t size) {
      if (size > static_cast<std::uint64_t>(INT64_MAX) || tensor.shape.size() == kMaxDimensions) {
        fail(tensor, "expected at most 64 dimensions, none of them negative");
      }
      tensor.shape.push_back(static_cast<std::int64_t>(size));
    };
    if (field.kind == WireField::Kind::varint) return add_size(field.value);
    WireMessage packed(bytes_, field.range);
    while (!packed.at_end()) add_size(packed.varint());
  }

  void read_entry(Initializer& one, ByteRange range) {
    std::string key;
    std::string value;
    WireMessage fields(bytes_, range);
    for (WireField field; fields.next(field);) {
      if (field.kind != WireField::Kind::bytes) continue;
      const std::string text =
          bytes_.text(field.range, kMaxPathBytes, "a fact about external data");
      if (field.number == kEntryKey) key = text;
      if (field.number == kEntryValue) value = text;
    }
    if (key == "location") one.location = value;
    if (key == "offset") one.offset = whole_number(one.tensor, key, value);
    if (key == "length") one.length = whole_number(one.tensor, key, value);
  }

  [[nodiscard]] std::int64_t whole_number(const Tensor& tensor, const std::string& key,
                                          const std::string& text) const {
    std::int64_t value = -1;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || end != text.data() + text.size() || value < 0) {
      fail(tensor,
           "expected a whole number as the " + key + " of its data, found " + in_quotes(text, 60));
    }
    return value;
  }

  void measure(Tensor& tensor, std::int64_t element_bits) const {
    const std::optional<std::int64_t> count = checked_product(tensor.shape);
    const auto bits = count ? checked_product(*count, element_bits) : std::nullopt;
    if (!bits || *bits > INT64_MAX - 7) {
      fail(tensor, "shape " + printable(shape_text(tensor.shape), 100) + " is too large");
    }
    tensor.num_elements = *count;
    tensor.size_bytes = (*bits + 7) / 8;  // rows of packed codes are not padded
  }

  void expect_bytes(const Tensor& tensor, std::int64_t found) const {
    if (found == tensor.size_bytes) return;
    fail(tensor, "expected " + std::to_string(tensor.size_bytes) + " bytes of " +
                     std::string(dtype_name(tensor.dtype)) + " for shape " +
                     printable(shape_text(tensor.shape), 100) + ", found " + std::to_string(found));
  }

  void place_inside(Tensor& tensor, ByteRange range) const {
    expect_bytes(tensor, range.size_bytes);
    tensor.offset_bytes = range.offset_bytes;
  }

  /// The float types whose bits are stored in int32_data: those of at most 16 bits.
  static bool has_bits_in_int32(Dtype dtype) {
    return is_weight_dtype(dtype) && dtype_bits(dtype) <= 16;
  }

  void place_numbers(Tensor& tensor, ByteRange list) {
    tensor.numbers = varint_places(bytes_, list, tensor.num_elements, dtype_bits(tensor.dtype),
                                   "initializer " + in_quotes(tensor.name, 100) + ", int32_data");
    Tensor part;
    part.dtype = Dtype::u8;
    part.shape = {list.size_bytes};
    part.num_elements = list.size_bytes;
    part.offset_bytes = list.offset_bytes;
    part.size_bytes = list.size_bytes;
    tensor.parts.push_back(std::move(part));
    tensor.encoding = Encoding::varint;
    tensor.offset_bytes = list.offset_bytes;
    tensor.stored_as = std::string(dtype_name(tensor.dtype)) + " in int32_data";
  }

  void place_outside(Initializer& one) {
    Tensor& tensor = one.tensor;
    if (!is_inner_path(one.location)) {
      fail(tensor, "expected a data file inside the folder, found " + in_quotes(one.location, 200));
    }
    const auto [found, is_new] = data_files_.try_emplace(one.location, 0);
    if (is_new) {
      const InputFile data(folder_ / one.location);
      file_.data_files.push_back({one.location, data.size_bytes(), data.mtime_ns(), ""});
      found->second = narrow<std::int32_t>(file_.data_files.size(), "the number of files");
    }
    if (one.length) expect_bytes(tensor, *one.length);
    const SourceFile& data = file_.data_files[static_cast<std::size_t>(found->second - 1)];
    if (one.offset > data.size_bytes || tensor.size_bytes > data.size_bytes - one.offset) {
      fail(tensor, "expected " + std::to_string(tensor.size_bytes) + " bytes at byte " +
                       std::to_string(one.offset) + " of " + in_quotes(one.location, 200) +
                       ", which has " + std::to_string(data.size_bytes) + ". Copy it again");
    }
    tensor.file = found->second;
    tensor.offset_bytes = one.offset;
  }

  std::filesystem::path folder_;
  InputFile input_;
  std::string place_;
  WireBytes bytes_;
  OnnxFile file_;
  std::deque<OnnxValue> values_;  // in the order of the file; do not move
  std::unordered_map<std::string, OnnxValue*> by_name_;
  std::vector<Tensor> made_;                        // the quantised weights
  std::map<std::string, std::int32_t> data_files_;  ///< location -> its number among the files
  std::string seen_;                                ///< hashes of the descriptions of tensors
};

}  // namespace

OnnxFile read_onnx_file(const std::filesystem::path& path) { return OnnxReader(path).read(); }

namespace {

constexpr std::string_view kEndings[] = {".onnx"};

Weights read_weights(const std::filesystem::path& path) {
  OnnxFile file = read_onnx_file(path);
  Weights weights = take_weights(file);
  std::move(file.data_files.begin(), file.data_files.end(), std::back_inserter(weights.files));
  return weights;
}

FolderContent classify(const std::vector<std::string>& names) {
  FolderContent content = classify_files(onnx_format(), names);
  if (content.kind != FolderContent::Kind::several && content.kind != FolderContent::Kind::files) {
    return content;
  }
  content.variants = onnx_variants(content.weights);
  if (content.variants.empty()) return content;
  content.kind = FolderContent::Kind::files;
  content.weights = {content.variants.front().file};
  return content;
}

/// Hubs keep exported models in a folder of their own.
std::string find_inside(const std::filesystem::path& folder,
                        const std::vector<std::string>& names) {
  std::error_code status;
  return has_name(names, "onnx") && std::filesystem::is_directory(folder / "onnx", status) ? "onnx"
                                                                                           : "";
}

}  // namespace

const Format& onnx_format() {
  static constexpr Format kFormat{.name = "onnx",
                                  .endings = kEndings,
                                  .any_name = true,
                                  .classify = classify,
                                  .find_inside = find_inside,
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
