#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

// Source: dropbox/hqq d88a488, hqq/core/quantize.py (Quantizer.dequantize, HQQLinear.state_dict)
// and bitpack.py.

namespace wishart::checkpoint {
namespace {

/// How codes are packed. They are taken from the rows of the matrix of groups: the first rows are
/// the highest bits of all words.
struct HqqPacking {
  std::string_view name;
  std::int64_t bits;
  Dtype word;
};
constexpr std::array kPackings{
    HqqPacking{"8bit_u8", 8, Dtype::u8}, HqqPacking{"4bit_u8", 4, Dtype::u8},
    HqqPacking{"3bit_32", 3, Dtype::i32}, HqqPacking{"2bit_u8", 2, Dtype::u8},
    HqqPacking{"1bit_u8", 1, Dtype::u8}};

/// What HQQLinear.state_dict has beside codes, scales and zero points.
constexpr const char* kKeys[] = {"nbits",
                                 "group_size",
                                 "shape",
                                 "axis",
                                 "packing",
                                 "quant_scale",
                                 "quant_zero",
                                 "compute_dtype",
                                 "channel_wise",
                                 "optimize",
                                 "round_zero",
                                 "view_as_float",
                                 "offload_meta",
                                 "unpack_view_dtype",
                                 "encoded_state_dict",
                                 "stores_quant_config"};

/// A number stored as a tensor of one element; nothing if it is something else.
std::optional<double> number_in(const QuantisedParts& parts, const Tensor& tensor) {
  const std::string raw = parts.bytes(tensor);
  const auto as = [&](auto value) -> std::optional<double> {
    if (tensor.num_elements != 1 || raw.size() != sizeof(value)) return std::nullopt;
    std::memcpy(&value, raw.data(), sizeof(value));
    return static_cast<double>(value);
  };
  if (tensor.dtype == Dtype::i32) return as(std::int32_t{});
  if (tensor.dtype == Dtype::i64) return as(std::int64_t{});
  if (tensor.dtype == Dtype::u8 || tensor.dtype == Dtype::boolean) return as(std::uint8_t{});
  if (tensor.dtype == Dtype::f32) return as(float{});
  return std::nullopt;
}

/// The meta of one quantised tensor: of a weight, or of its scales or zero points.
class HqqMeta {
public:
  /// @param facts   what the pickle has; empty for safetensors, where all are tensors
  /// @param prefix  of the names of its tensors
  HqqMeta(QuantisedParts& parts, JsonFacts facts, std::string prefix, std::string weight)
      : parts_(parts),
        facts_(std::move(facts)),
        prefix_(std::move(prefix)),
        weight_(std::move(weight)) {}

  /// The values of `codes`: (q - zero) * scale, in the shape of the meta.
  Tensor dequantised(Tensor codes, const std::string& codes_name) {
    read_packing();
    const Shape shape = sizes();
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > kMaxSide ||
        shape[1] > kMaxSide) {
      fail("expected two sizes in its 'shape', found " + printable(shape_text(shape), 60));
    }
    scale_ = numbers_of_groups("scale");
    zero_ = numbers_of_groups("zero");
    set_groups(shape);
    set_words(codes, codes_name);
    for (const auto& [part, key] : {std::pair{&scale_, "scale"}, std::pair{&zero_, "zero"}}) {
      const bool one = part->num_elements == 1 && layout_.block_rows == layout_.rows &&
                       layout_.block_cols == layout_.cols;
      const Shape wanted = axis_ == 1 ? Shape{layout_.rows, 1} : Shape{1, layout_.cols};
      if (one || part->shape == wanted) continue;
      fail(std::string("expected a ") + key + " of shape " + printable(shape_text(wanted), 60) +
           ", one for each group, found shape " + printable(shape_text(part->shape), 60));
    }
    layout_.meaning = Meaning::natural;
    layout_.groups = ceil_div(layout_.cols, layout_.block_cols);
    layout_.scale = 1;
    layout_.zero = 2;
    take_keys();
    return encoded_tensor("", shape, Encoding::codes,
                          {std::move(codes), std::move(scale_), std::move(zero_)},
                          numbers_of(layout_), stored_as());
  }

private:
  static constexpr std::int64_t kMaxSide = std::int64_t{1} << 31;

  [[noreturn]] void fail(const std::string& what) const { parts_.fail(weight_, what); }

  [[nodiscard]] std::optional<double> number(const std::string& key) const {
    if (const Tensor* tensor = parts_.find(prefix_ + key)) {
      const auto value = number_in(parts_, *tensor);
      if (!value) {
        fail(in_quotes(prefix_ + key) + " is " + std::string(dtype_name(tensor->dtype)) +
             " of shape " + printable(shape_text(tensor->shape), 60) + ", expected one number");
      }
      return value;
    }
    if (const auto truth = facts_.text(key); truth == "true" || truth == "false") {
      return *truth == "true" ? 1.0 : 0.0;
    }
    return facts_.real(key);
  }
  [[nodiscard]] double required(const std::string& key) const {
    const auto value = number(key);
    if (!value) fail("expected " + in_quotes(prefix_ + key) + " beside it, found none");
    return *value;
  }
  [[nodiscard]] std::string text(const std::string& key) const {
    if (const Tensor* tensor = parts_.find(prefix_ + key); tensor != nullptr) {
      if (tensor->dtype == Dtype::u8) return parts_.bytes(*tensor);
    }
    return facts_.text(key).value_or("");
  }
  [[nodiscard]] Shape sizes() const {
    Shape shape;
    if (const Tensor* tensor = parts_.find(prefix_ + "shape")) {
      const std::string raw = parts_.bytes(*tensor);
      if (tensor->dtype != Dtype::i64 || raw.size() % 8 != 0) return {};
      shape.resize(raw.size() / 8);
      std::memcpy(shape.data(), raw.data(), raw.size());
      return shape;
    }
    while (const auto size = facts_.integer("shape." + std::to_string(shape.size()))) {
      shape.push_back(*size);
    }
    if (shape.empty()) fail("expected " + in_quotes(prefix_ + "shape") + " beside it, found none");
    return shape;
  }

  void read_packing() {
    const std::string name = text("packing");
    const auto* found =
        std::find_if(kPackings.begin(), kPackings.end(),
                     [&](const HqqPacking& packing) { return packing.name == name; });
    if (found == kPackings.end()) {
      fail("expected a 'packing' of hqq beside it, found " + in_quotes(name, 40));
    }
    packing_ = *found;
    bits_ = required("nbits");
    // 5 and 6 bits fill bytes; 1.58 bits are three levels in 2 bits.
    const bool fits = packing_.bits == 8   ? bits_ == 8 || bits_ == 6 || bits_ == 5
                      : packing_.bits == 2 ? bits_ > 1 && bits_ <= 2
                                           : bits_ == static_cast<double>(packing_.bits);
    if (!fits) fail("packing " + in_quotes(name) + " is not that of its 'nbits'");
    const double axis = required("axis");
    if (axis != 0 && axis != 1) fail("expected axis 0 or 1, found another");
    axis_ = static_cast<int>(axis);
  }

  /// Scales or zero points: `scale`, `scale_q` with a meta of its own, or a half of `zero_scale`.
  Tensor numbers_of_groups(const std::string& key) {
    const bool quantised = number("quant_" + key).value_or(0) != 0;
    const std::string name = prefix_ + (quantised ? key + "_q" : key);
    Tensor part;
    if (parts_.find(name) == nullptr && parts_.find(prefix_ + "zero_scale") != nullptr) {
      part = half_of_both(key == "scale");
    } else {
      part = parts_.take(name, weight_);
    }
    if (quantised) {
      const std::string meta = "meta_" + key;
      HqqMeta inner(parts_, facts_.below(meta), prefix_ + meta + ".", weight_);
      part = inner.dequantised(std::move(part), name);
    } else if (!has_type(part, kFloats)) {
      fail(in_quotes(name) + " is " + std::string(dtype_name(part.dtype)) +
           ", expected floating numbers");
    }
    part.name = name;  // for the message about scales that are not numbers
    return part;
  }
  /// `zero_scale`: the zero points and the scales, one behind the other.
  Tensor half_of_both(bool second) {
    const std::string name = prefix_ + "zero_scale";
    // The scales come first here, so the zero points take the name.
    Tensor part = second ? *parts_.find(name) : parts_.take(name, weight_);
    if (!part.is_dense() || part.shape.size() < 2 || part.shape.front() != 2 ||
        dtype_bits(part.dtype) < 8 || part.size_bytes % 2 != 0) {
      fail("expected zero points and scales in 'zero_scale', found shape " +
           printable(shape_text(part.shape), 60));
    }
    part.shape.erase(part.shape.begin());
    part.num_elements /= 2;
    part.size_bytes /= 2;
    if (second) part.offset_bytes += part.size_bytes;
    return part;
  }

  /// The matrix of groups: a group is a row of it with axis 1, a column with axis 0.
  void set_groups(const Shape& shape) {
    const bool one = scale_.num_elements == 1 && zero_.num_elements == 1;
    const bool apart = number("channel_wise").value_or(1) != 0;
    group_ = static_cast<std::int64_t>(std::min(number("group_size").value_or(0), 1e15));
    layout_.rows = shape[0];
    layout_.cols = shape[1];
    if (apart && group_ > 0) {
      if (shape[0] * shape[1] % group_ != 0) {
        fail("groups of " + std::to_string(group_) + " do not divide shape " +
             printable(shape_text(shape), 60));
      }
      const std::int64_t groups = shape[0] * shape[1] / group_;
      layout_.rows = axis_ == 1 ? groups : group_;
      layout_.cols = axis_ == 1 ? group_ : groups;
    }
    layout_.block_rows = axis_ == 0 || (one && !apart) ? layout_.rows : 1;
    layout_.block_cols = axis_ == 1 || (one && !apart) ? layout_.cols : 1;
  }

  void set_words(Tensor& codes, const std::string& codes_name) {
    const bool viewed = number("view_as_float").value_or(0) != 0;
    const std::int64_t bits = dtype_bits(codes.dtype);
    const std::int64_t word_bits = dtype_bits(packing_.word);
    if (codes.dtype != packing_.word && viewed && has_type(codes, kFloats) && codes.is_dense() &&
        codes.deflated.size_bytes == 0 && codes.shape.size() == 2 &&
        codes.shape[1] * bits % word_bits == 0) {
      codes.dtype = packing_.word;
      codes.shape[1] = codes.shape[1] * bits / word_bits;
      codes.num_elements = codes.shape[0] * codes.shape[1];
    }
    const std::int64_t per_word = word_bits / packing_.bits;
    // Only the rows of 3 bits are padded.
    const bool whole = packing_.word == Dtype::i32 || layout_.rows % per_word == 0;
    const Shape wanted{ceil_div(layout_.rows, per_word), layout_.cols};
    if (codes.dtype != packing_.word || !whole || codes.shape != wanted) {
      fail("expected codes of " + std::string(dtype_name(packing_.word)) + " and shape " +
           printable(shape_text(wanted), 60) + " in " + in_quotes(codes_name) + ", found " +
           std::string(dtype_name(codes.dtype)) + " of shape " +
           printable(shape_text(codes.shape), 60));
    }
    layout_.codes = {Order::split_high, packing_.bits, word_bits, 1, wanted[0], wanted[1]};
  }

  void take_keys() {
    for (const char* key : kKeys) {
      if (parts_.find(prefix_ + key) != nullptr) {
        static_cast<void>(parts_.take(prefix_ + key, weight_));
      }
    }
  }

  [[nodiscard]] std::string stored_as() const {
    const std::string bits = bits_ > 1 && bits_ < 2 ? "1.58" : std::to_string(std::lround(bits_));
    const std::int64_t group = axis_ == 1 ? layout_.cols : layout_.rows;
    return "HQQ int" + bits + " in groups of " + std::to_string(group) +
           (axis_ == 0 ? " by columns" : "");
  }

  QuantisedParts& parts_;
  JsonFacts facts_;
  std::string prefix_;
  std::string weight_;
  HqqPacking packing_{};
  double bits_ = 0;
  int axis_ = 1;
  std::int64_t group_ = 0;
  Tensor scale_;
  Tensor zero_;
  CodesLayout layout_;
};

}  // namespace

Tensor hqq_weight(QuantisedParts& parts, const Tensor& codes, const std::string& module) {
  const std::string name = module + ".weight";
  JsonFacts facts = parts.header_of(codes.name);
  std::string prefix = module + ".";
  // Older files have the meta as one value (HQQLinear.load_state_dict, "Backward compatibility").
  const JsonFacts meta = facts.below("meta");
  if (!meta.empty()) {
    facts = meta;
    prefix += "meta.";
  }
  Tensor words = parts.take(codes.name, name);
  Tensor weight =
      HqqMeta(parts, std::move(facts), prefix, name).dequantised(std::move(words), codes.name);
  weight.name = name;
  return weight;
}

}  // namespace wishart::checkpoint
