#include "formats/onnx/onnx_quantised.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "numbers/affine_codes.hpp"
#include "numbers/block_sizes.hpp"
#include "numbers/encodings.hpp"
#include "text/json_scanner.hpp"

// Operators: ONNX, DequantizeLinear 25; microsoft/onnxruntime, ContribOperators.md, MatMulNBits and
// GatherBlockQuantized. What a missing zero point stands for was measured with onnxruntime 1.30:
// findings/onnxruntime-missing-zero-point.sh.

namespace wishart::checkpoint {
namespace {

/// Numbers of types (TensorProto.DataType).
constexpr std::uint64_t kUint8 = 2;
constexpr std::uint64_t kUint4 = 21;
constexpr std::uint64_t kInt4 = 22;
constexpr std::uint64_t kFloat4 = 23;
constexpr std::uint64_t kInt2 = 26;

/// Everything that belongs to one quantised weight.
class QuantisedNode {
public:
  QuantisedNode(const OnnxNode& node, const FindOnnxValue& find, std::vector<LeftOut>& left_out,
                const std::function<void(const std::string&, const std::string&)>& fail)
      : node_(node), find_(find), left_out_(left_out), fail_(fail) {}

  std::optional<Tensor> weight() {
    if (node_.op == "DequantizeLinear") return dequantized();
    if (node_.op == "MatMulNBits") return product();
    if (node_.op == "GatherBlockQuantized") return gathered();
    if (is_not_read()) leave_all("weights of the operator " + node_.op + " are not read");
    return std::nullopt;
  }

private:
  /// Operators whose integer inputs mean nothing without the others.
  [[nodiscard]] bool is_not_read() const {
    constexpr std::array<std::string_view, 17> kOperators{"MatMulInteger",
                                                          "ConvInteger",
                                                          "QLinearMatMul",
                                                          "QLinearConv",
                                                          "MatMulIntegerToFloat",
                                                          "DynamicQuantizeMatMul",
                                                          "DynamicQuantizeLSTM",
                                                          "QGemm",
                                                          "QAttention",
                                                          "QMoE",
                                                          "MatMulBnb4",
                                                          "MatMulFpQ4",
                                                          "QOrderedMatMul",
                                                          "QOrderedAttention",
                                                          "QEmbedLayerNormalization",
                                                          "QLinearConvTranspose",
                                                          "MatMulBlockQuantized"};
    return std::find(kOperators.begin(), kOperators.end(), node_.op) != kOperators.end();
  }

  OnnxValue* input(std::size_t i) const {
    return i < node_.inputs.size() && !node_.inputs[i].empty() ? find_(node_.inputs[i]) : nullptr;
  }
  [[nodiscard]] bool is_given(std::size_t i) const {
    return i < node_.inputs.size() && !node_.inputs[i].empty();
  }
  [[nodiscard]] std::int64_t integer(const char* name, std::int64_t otherwise) const {
    const auto found = node_.integers.find(name);
    return found == node_.integers.end() ? otherwise : found->second;
  }

  /// Leaves out what the node holds. Vectors that are no parts of the weight stay what they are.
  void leave_all(const std::string& why) {
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      OnnxValue* value = input(i);
      if (value == nullptr || value->is_used || value->tensor.shape.size() < 2) continue;
      value->is_used = true;
      Tensor tensor = value->tensor;
      tensor.stored_as = "ONNX " + value->type_name;
      left_out_.push_back({std::move(tensor), "encoding-not-read", why});
    }
  }
  /// Marks scales and zero points, which are never listed by themselves.
  void use_companions() {
    for (std::size_t i = 1; i < node_.inputs.size(); ++i) {
      const bool indices = node_.op == "GatherBlockQuantized" && i == 1;
      const bool other = node_.op == "MatMulNBits" && (i == 1 || i > 4);  // or the codes
      if (OnnxValue* value = input(i); value != nullptr && !indices && !other)
        value->is_used = true;
    }
  }
  /// The codes, unless they were taken by another node already. Says why if they cannot be read.
  OnnxValue* codes(std::size_t i) {
    OnnxValue* value = input(i);
    if (value == nullptr || value->is_used) return nullptr;
    weight_ = value->tensor.name;
    if (!value->why_not.empty()) {
      leave_all(value->why_not);
      return nullptr;
    }
    return value;
  }
  [[noreturn]] void fail(const std::string& what) const {
    fail_(weight_, node_.op + ": " + what);
    throw Error(Blame::bug, "a message about an ONNX weight was not thrown");
  }
  static std::string shape_of(const OnnxValue& value) {
    return value.type_name + " of shape " + printable(shape_text(value.tensor.shape), 100);
  }

  /// A float tensor of scales that the file holds, with `count` elements; nullptr, and the weight
  /// is left out, if it is computed.
  const OnnxValue* scales(std::size_t i, std::int64_t count, const std::string& shape) {
    const OnnxValue* value = input(i);
    if (value == nullptr) {
      leave_all("its scales are computed by other nodes");
      return nullptr;
    }
    const bool number =
        is_weight_dtype(value->tensor.dtype) || value->tensor.dtype == Dtype::f8_e8m0;
    if (!value->why_not.empty() || !number || value->tensor.num_elements != count) {
      fail("expected scales of shape " + shape + ", found " + shape_of(*value));
    }
    return value;
  }

  /// Zero points: `count` plain numbers, or packed codes in `bytes`. False: the weight is left out.
  bool zeros(std::size_t i, std::uint64_t packed_type, std::int64_t count,
             std::int64_t packed_count, AffineLayout& layout, std::vector<Tensor>& parts) {
    if (!is_given(i)) return true;
    const OnnxValue* value = input(i);
    if (value == nullptr) {
      leave_all("its zero points are computed by other nodes");
      return false;
    }
    const bool packed = value->type == packed_type && layout.bits > 0;
    const bool as_codes = value->type == packed_type && layout.bits == 0;
    const bool floats = node_.op == "MatMulNBits" && is_weight_dtype(value->tensor.dtype);
    const std::int64_t expected = packed ? packed_count : count;
    if (!value->why_not.empty() || (!packed && !as_codes && !floats) ||
        value->tensor.num_elements != expected) {
      fail("expected " + std::to_string(expected) +
           " zero points of the type of the codes, found " + shape_of(*value));
    }
    layout.zeros = packed ? AffineLayout::Zeros::packed : AffineLayout::Zeros::numbers;
    parts.push_back(packed ? as_bytes(value->tensor) : value->tensor);
    return true;
  }

  /// The bytes of packed codes, as a vector.
  static Tensor as_bytes(const Tensor& packed) {
    Tensor bytes = packed;
    bytes.dtype = Dtype::u8;
    bytes.shape = {packed.size_bytes};
    bytes.num_elements = packed.size_bytes;
    return bytes;
  }

  Tensor made(OnnxValue& codes, const AffineLayout& layout, std::vector<Tensor> parts,
              std::vector<std::int64_t> shape, const std::string& stored_as) {
    if (!checked_product(shape)) fail("its weight is too large");
    Tensor weight = encoded_tensor(codes.tensor.name, std::move(shape), Encoding::affine,
                                   std::move(parts), layout.numbers(), stored_as);
    weight.file = codes.tensor.file;
    weight.offset_bytes = codes.tensor.offset_bytes;
    // Scales keep their name for the message about those that are not numbers.
    for (Tensor& part : weight.parts) {
      if (&part != &weight.parts[1]) part.name.clear();
    }
    codes.is_used = true;
    return weight;
  }

  std::string blocks_text(const std::string& type, std::int64_t block) const {
    return node_.op + " " + type + " in blocks of " + std::to_string(block);
  }

  /// x of any shape; scales for all, along one axis, or for each block of that axis.
  std::optional<Tensor> dequantized() {
    OnnxValue* x = codes(0);
    use_companions();
    if (x == nullptr) return std::nullopt;
    const std::vector<std::int64_t>& shape = x->tensor.shape;
    AffineLayout layout;
    layout.bits = packed_bits(x->type);
    layout.codes = x->type == kInt4 || x->type == kInt2 ? AffineLayout::Codes::twos_complement
                   : x->type == kFloat4                 ? AffineLayout::Codes::float4
                                                        : AffineLayout::Codes::natural;
    layout.row = layout.stored_row = shape.empty() ? 1 : std::max<std::int64_t>(shape.back(), 1);
    const std::int64_t block = integer("block_size", 0);
    const OnnxValue* scale = input(1);
    std::int64_t count = 1;
    std::string expected = "1";
    std::string how = "with a scale";
    if (block < 0) fail("expected a block size of 0 or more, found " + std::to_string(block));
    if (scale != nullptr && (block > 0 || scale->tensor.num_elements != 1)) {
      const auto axis = axis_of("axis", 1, shape);
      place_axis(layout, shape, axis);
      if (block > 0) {
        layout.block = block;
        layout.per_position = true;
        std::vector<std::int64_t> blocks = shape;
        blocks[axis] = ceil_div(shape[axis], block);
        expected = printable(shape_text(blocks), 100);
        if (blocks != scale->tensor.shape) {
          fail("expected scales of shape " + expected + ", found " + shape_of(*scale));
        }
        count = checked_product(blocks).value_or(0);
        how = "in blocks of " + std::to_string(block);
      } else {
        count = shape[axis];
        expected = std::to_string(count);
        how = "with scales along an axis";
      }
    }
    if (x->tensor.num_elements == 0) return std::nullopt;
    std::vector<Tensor> parts{layout.bits > 0 ? as_bytes(x->tensor) : x->tensor};
    const OnnxValue* scale_values = scales(1, count, expected);
    if (scale_values == nullptr) return std::nullopt;
    parts.push_back(scale_values->tensor);
    layout.zero_row = layout.zero_stored_row = std::max<std::int64_t>(count, 1);
    if (!zeros(2, x->type, count, count, layout, parts)) return std::nullopt;
    return made(*x, layout, std::move(parts), shape, node_.op + " " + x->type_name + " " + how);
  }

  /// B [N, blocks, bytes of a block]; the weight is [K, N], as MatMul has it.
  std::optional<Tensor> product() {
    OnnxValue* b = codes(1);
    use_companions();
    if (b == nullptr) return std::nullopt;
    const std::int64_t rows = integer("N", 0);
    const std::int64_t cols = integer("K", 0);
    const std::int64_t block = integer("block_size", 0);
    const std::int64_t bits = integer("bits", 4);
    if (bits != 2 && bits != 4 && bits != 8) {
      leave_one(*b, "MatMulNBits with " + std::to_string(bits) + " bits is not read");
      return std::nullopt;
    }
    if (is_given(4)) {
      leave_one(*b, "MatMulNBits with a group index is not read");
      return std::nullopt;
    }
    if (rows < 1 || cols < 1 || block < 1 || block % (8 / bits) != 0) {
      fail("expected N, K and block_size of whole bytes, found " + std::to_string(rows) + ", " +
           std::to_string(cols) + " and " + std::to_string(block));
    }
    const std::int64_t blocks = ceil_div(cols, block);
    const auto stored_row = checked_product(blocks, block);
    const auto codes_count = stored_row ? checked_product(rows, *stored_row) : std::nullopt;
    if (!codes_count || b->type != kUint8 || b->tensor.num_elements != *codes_count / (8 / bits) ||
        b->tensor.shape.empty() || b->tensor.shape.front() != rows) {
      fail("expected codes of UINT8 of shape " + std::to_string(rows) + " x " +
           std::to_string(blocks) + " x " + std::to_string(block / (8 / bits)) + ", found " +
           shape_of(*b));
    }
    AffineLayout layout;
    layout.bits = bits;
    layout.row = cols;
    layout.stored_row = *stored_row;
    layout.axis = cols;
    layout.block = block;
    layout.per_position = true;
    layout.transposed = true;
    layout.zero = std::int64_t{1} << (bits - 1);
    layout.zero_row = blocks;
    const std::int64_t zero_bytes = (blocks * bits + 7) / 8;
    layout.zero_stored_row = zero_bytes * 8 / bits;
    std::vector<Tensor> parts{as_bytes(b->tensor)};
    const OnnxValue* scale =
        scales(2, rows * blocks, std::to_string(rows) + " x " + std::to_string(blocks));
    if (scale == nullptr) return std::nullopt;
    parts.push_back(scale->tensor);
    if (!zeros(3, kUint8, rows * blocks, rows * zero_bytes, layout, parts)) return std::nullopt;
    return made(*b, layout, std::move(parts), {cols, rows},
                blocks_text("of " + std::to_string(bits) + " bits", block));
  }

  /// Rows of a table. Bytes of several codes lie along the last dimension.
  std::optional<Tensor> gathered() {
    OnnxValue* data = codes(0);
    use_companions();
    if (data == nullptr) return std::nullopt;
    const bool in_bytes = data->type == kUint8;
    const std::int64_t bits = in_bytes ? integer("bits", 4) : packed_bits(data->type);
    if ((bits != 2 && bits != 4 && bits != 8) ||
        (!in_bytes && data->type != kUint4 && data->type != kInt4)) {
      leave_one(*data, "GatherBlockQuantized of " + data->type_name + " with " +
                           std::to_string(bits) + " bits is not read");
      return std::nullopt;
    }
    std::vector<std::int64_t> shape = data->tensor.shape;
    if (shape.empty()) fail("expected codes of one dimension or more, found " + shape_of(*data));
    if (in_bytes) {
      const auto width = checked_product(shape.back(), 8 / bits);
      if (!width) fail("its codes are too large");
      shape.back() = *width;
    }
    const std::int64_t block = integer("block_size", 128);
    if (block < 1) fail("expected a block size above 0, found " + std::to_string(block));
    const auto axis = axis_of("quantize_axis", 1, shape);
    if (in_bytes && axis + 1 != shape.size()) {
      fail("expected codes in bytes to be quantised along the last dimension");
    }
    AffineLayout layout;
    layout.bits = bits;
    if (data->type == kInt4) layout.codes = AffineLayout::Codes::twos_complement;
    layout.row = layout.stored_row = std::max<std::int64_t>(shape.back(), 1);
    place_axis(layout, shape, axis);
    layout.block = block;
    layout.per_position = true;
    layout.zero = in_bytes ? std::int64_t{1} << (bits - 1) : 0;
    std::vector<std::int64_t> blocks = shape;
    blocks[axis] = ceil_div(shape[axis], block);
    const std::int64_t count = checked_product(blocks).value_or(0);
    const std::string expected = printable(shape_text(blocks), 100);
    const OnnxValue* scale = scales(2, count, expected);
    if (scale == nullptr || data->tensor.num_elements == 0) return std::nullopt;
    if (scale->tensor.shape != blocks) {
      fail("expected scales of shape " + expected + ", found " + shape_of(*scale));
    }
    std::int64_t packed_zeros = count;
    layout.zero_row = layout.zero_stored_row = std::max<std::int64_t>(count, 1);
    if (in_bytes) {
      layout.zero_row = std::max<std::int64_t>(blocks.back(), 1);
      layout.zero_stored_row = (layout.zero_row * bits + 7) / 8 * 8 / bits;
      packed_zeros = count / layout.zero_row * (layout.zero_stored_row * bits / 8);
    }
    std::vector<Tensor> parts{as_bytes(data->tensor), scale->tensor};
    if (!zeros(3, data->type, count, packed_zeros, layout, parts)) return std::nullopt;
    return made(
        *data, layout, std::move(parts), shape,
        blocks_text(in_bytes ? "of " + std::to_string(bits) + " bits" : data->type_name, block));
  }

  void leave_one(OnnxValue& codes, const std::string& why) {
    codes.is_used = true;
    Tensor tensor = codes.tensor;
    tensor.stored_as = "ONNX " + codes.type_name;
    left_out_.push_back({std::move(tensor), "encoding-not-read", why});
  }

  [[nodiscard]] std::size_t axis_of(const char* name, std::int64_t otherwise,
                                    const std::vector<std::int64_t>& shape) const {
    const std::int64_t given = integer(name, otherwise);
    const std::int64_t rank = std::ssize(shape);
    const std::int64_t axis = given < 0 ? given + rank : given;
    if (axis < 0 || axis >= rank) {
      fail("expected an axis among " + std::to_string(rank) + " dimensions, found " +
           std::to_string(given));
    }
    return static_cast<std::size_t>(axis);
  }
  static void place_axis(AffineLayout& layout, const std::vector<std::int64_t>& shape,
                         std::size_t axis) {
    layout.axis = std::max<std::int64_t>(shape[axis], 1);
    layout.inner = 1;
    for (std::size_t d = axis + 1; d < shape.size(); ++d) {
      layout.inner *= std::max<std::int64_t>(shape[d], 1);
    }
  }

  const OnnxNode& node_;
  const FindOnnxValue& find_;
  std::vector<LeftOut>& left_out_;
  const std::function<void(const std::string&, const std::string&)>& fail_;
  std::string weight_;
};

}  // namespace

std::string onnx_plain_name(std::string name) {
  for (const std::string_view ending :
       {"_DQ_Q2", "_DQ_Q4", "_DQ_Q8", "_Q2", "_Q4", "_Q8", "_quantized", "_quant"}) {
    if (name.ends_with(ending) && name.size() > ending.size()) {
      name.resize(name.size() - ending.size());
      return name;
    }
  }
  if (name.ends_with(".qweight")) name.replace(name.size() - 7, 7, "weight");
  return name;
}

std::optional<Tensor> onnx_quantised(
    const OnnxNode& node, const FindOnnxValue& find, std::vector<LeftOut>& left_out,
    const std::function<void(const std::string&, const std::string&)>& fail) {
  return QuantisedNode(node, find, left_out, fail).weight();
}

}  // namespace wishart::checkpoint
