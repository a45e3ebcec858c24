#include "formats/onnx/onnx_tensor.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"
#include "numbers/varint_list.hpp"
#include "text/json_scanner.hpp"

// Numbers of fields and types, and what int32_data holds: ONNX (f754691), onnx.proto3; data files:
// its page "External Data".

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kMaxNameBytes = 65535;
constexpr std::size_t kMaxDimensions = 64;
constexpr std::int64_t kMaxPathBytes = 4096;

/// Fields of StringStringEntryProto.
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
    OnnxType{23, "FLOAT4E2M1", Dtype::u8},
    OnnxType{24, "FLOAT8E8M0", Dtype::f8_e8m0},
    OnnxType{25, "UINT2", Dtype::u8},
    OnnxType{26, "INT2", Dtype::u8},
};

std::string type_name(std::uint64_t number) {
  const auto* known = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const OnnxType& type) { return type.number == number; });
  return known == kTypes.end() ? "type " + std::to_string(number) : std::string(known->name);
}

/// float_data, int32_data, string_data, int64_data, double_data, uint64_data.
bool is_list(std::uint64_t field) {
  constexpr std::array<std::uint64_t, 6> kLists{4, 5, 6, 7, 10, 11};
  return std::find(kLists.begin(), kLists.end(), field) != kLists.end();
}

/// The types whose elements are stored in int32_data, each by itself. Packed types are stored there
/// byte by byte.
bool is_in_int32(std::uint64_t type, Dtype dtype) {
  return packed_bits(type) > 0 || (dtype_bits(dtype) <= 16 && can_decode(dtype)) ||
         dtype == Dtype::i32;
}

bool is_signed(Dtype dtype) {
  return dtype == Dtype::i8 || dtype == Dtype::i16 || dtype == Dtype::i32;
}

}  // namespace

/// The content of a TensorProto.
struct OnnxTensors::Stored {
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

std::int64_t packed_bits(std::uint64_t type) noexcept {
  constexpr std::uint64_t kUint4 = 21;  // INT4, FLOAT4E2M1 follow
  constexpr std::uint64_t kFloat4 = 23;
  constexpr std::uint64_t kUint2 = 25;  // INT2 follows
  constexpr std::uint64_t kInt2 = 26;
  if (type >= kUint4 && type <= kFloat4) return 4;
  return type == kUint2 || type == kInt2 ? 2 : 0;
}

void OnnxTensors::fail(const Tensor& tensor, const std::string& what) const {
  bytes_.fail("initializer " + in_quotes(tensor.name, 100) + ": " + what);
}

OnnxValue OnnxTensors::read(ByteRange range, const std::string& prefix, const std::string& output) {
  Stored one = stored(range);
  Tensor& tensor = one.tensor;
  if (!output.empty()) tensor.name = output;
  if (tensor.name.empty() || tensor.name.find('\0') != std::string::npos) {
    fail(tensor, "expected a non-empty name without NUL");
  }
  tensor.name.insert(0, prefix);
  OnnxValue value;
  value.type = one.type;
  value.type_name = type_name(one.type);
  value.is_constant = !output.empty();
  value.why_not = place(one);
  value.tensor = std::move(tensor);
  return value;
}

/// Finds the numbers of an initializer; says why if they cannot be read.
std::string OnnxTensors::place(Stored& one) {
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
             numbers != one.lists.end() && !one.scattered && is_in_int32(one.type, tensor.dtype)) {
    place_numbers(tensor, one.type, numbers->second);
  } else if (!one.lists.empty() || one.scattered) {
    return "its elements are variable-length numbers (varints). Save them as raw_data, as "
           "onnx.numpy_helper.from_array does";
  } else {
    place_inside(tensor, {});
  }
  return {};
}

OnnxTensors::Stored OnnxTensors::stored(ByteRange range) const {
  using Kind = WireField::Kind;
  Stored one;
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

void OnnxTensors::read_dims(Tensor& tensor, const WireField& field) const {
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

void OnnxTensors::read_entry(Stored& one, ByteRange range) const {
  std::string key;
  std::string value;
  WireMessage fields(bytes_, range);
  for (WireField field; fields.next(field);) {
    if (field.kind != WireField::Kind::bytes) continue;
    const std::string text = bytes_.text(field.range, kMaxPathBytes, "a fact about external data");
    if (field.number == kEntryKey) key = text;
    if (field.number == kEntryValue) value = text;
  }
  if (key == "location") one.location = value;
  if (key == "offset") one.offset = whole_number(one.tensor, key, value);
  if (key == "length") one.length = whole_number(one.tensor, key, value);
}

std::int64_t OnnxTensors::whole_number(const Tensor& tensor, const std::string& key,
                                       const std::string& text) const {
  std::int64_t value = -1;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || value < 0) {
    fail(tensor,
         "expected a whole number as the " + key + " of its data, found " + in_quotes(text, 60));
  }
  return value;
}

void OnnxTensors::measure(Tensor& tensor, std::int64_t element_bits) const {
  const std::optional<std::int64_t> count = checked_product(tensor.shape);
  const auto bits = count ? checked_product(*count, element_bits) : std::nullopt;
  if (!bits || *bits > INT64_MAX - 7) {
    fail(tensor, "shape " + printable(shape_text(tensor.shape), 100) + " is too large");
  }
  tensor.num_elements = *count;
  tensor.size_bytes = (*bits + 7) / 8;  // rows of packed codes are not padded
}

void OnnxTensors::expect_bytes(const Tensor& tensor, std::int64_t found) const {
  if (found == tensor.size_bytes) return;
  fail(tensor, "expected " + std::to_string(tensor.size_bytes) + " bytes of " +
                   std::string(dtype_name(tensor.dtype)) + " for shape " +
                   printable(shape_text(tensor.shape), 100) + ", found " + std::to_string(found));
}

void OnnxTensors::place_inside(Tensor& tensor, ByteRange range) const {
  expect_bytes(tensor, range.size_bytes);
  tensor.offset_bytes = range.offset_bytes;
}

void OnnxTensors::place_numbers(Tensor& tensor, std::uint64_t type, ByteRange list) {
  const bool packed = packed_bits(type) > 0;
  const std::int64_t count = packed ? tensor.size_bytes : tensor.num_elements;
  const std::string what = "initializer " + in_quotes(tensor.name, 100) + ", int32_data";
  tensor.numbers =
      varint_places(bytes_, list, count, dtype_bits(tensor.dtype), is_signed(tensor.dtype), what);
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

void OnnxTensors::place_outside(Stored& one) {
  Tensor& tensor = one.tensor;
  if (!is_inner_path(one.location)) {
    fail(tensor, "expected a data file inside the folder, found " + in_quotes(one.location, 200));
  }
  const auto [found, is_new] = file_numbers_.try_emplace(one.location, 0);
  if (is_new) {
    const InputFile data(folder_ / one.location);
    data_files_.push_back({one.location, data.size_bytes(), data.mtime_ns(), ""});
    found->second = narrow<std::int32_t>(data_files_.size(), "the number of files");
  }
  if (one.length) expect_bytes(tensor, *one.length);
  const SourceFile& data = data_files_[static_cast<std::size_t>(found->second - 1)];
  if (one.offset > data.size_bytes || tensor.size_bytes > data.size_bytes - one.offset) {
    fail(tensor, "expected " + std::to_string(tensor.size_bytes) + " bytes at byte " +
                     std::to_string(one.offset) + " of " + in_quotes(one.location, 200) +
                     ", which has " + std::to_string(data.size_bytes) + ". Copy it again");
  }
  tensor.file = found->second;
  tensor.offset_bytes = one.offset;
}

}  // namespace wishart::checkpoint
