#include <cstring>

#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kWordBits = 32;

/// The sizes in a tensor of two integers; empty if it is something else.
Shape two_sizes(const QuantisedParts& parts, const Tensor& tensor) {
  const std::string raw = parts.bytes(tensor);
  if (tensor.dtype == Dtype::i64 && raw.size() == 16) {
    Shape shape(2);
    std::memcpy(shape.data(), raw.data(), 16);
    return shape;
  }
  if (tensor.dtype == Dtype::i32 && raw.size() == 8) {
    std::int32_t both[2];
    std::memcpy(both, raw.data(), 8);
    return {both[0], both[1]};
  }
  return {};
}

/// Bits of compressed-tensors' codes for `words` words a row: what the config says and the words
/// allow; 0 if that is none, or more than one.
std::int64_t bits_of_words(const Declared& declared, std::int64_t words, std::int64_t cols) {
  const auto fits = [&](std::int64_t bits) {
    return words == ceil_div(cols, kWordBits / bits) || words == ceil_div(cols * bits, kWordBits);
  };
  std::int64_t found = 0;
  bool told = false;
  for (const DeclaredWeights& weights : declared.weights) {
    const std::int64_t bits = weights.bits;
    told = told || bits != 0;
    if (bits < 1 || bits > 8 || !fits(bits) || bits == found) continue;
    if (found != 0) return 0;
    found = bits;
  }
  if (told) return found;
  for (const std::int64_t bits : {4, 8}) {
    if (fits(bits)) return bits;
  }
  return 0;
}

/// The zero points of compressed-tensors: codes like those of the weight, down the columns.
void take_zero_points(QuantisedParts& parts, const std::string& name, CodesLayout& layout,
                      std::vector<Tensor>& tensors) {
  tensors.push_back(parts.take(name + "_zero_point", name));
  const Tensor& zeros = tensors.back();
  layout.zero = 2;
  layout.zeros = layout.codes;
  layout.zeros.down = 1;
  layout.zeros.word_rows = words_for(layout.zeros, layout.rows);
  layout.zeros.word_cols = layout.groups;
  layout.zero_meaning = Meaning::centred;
  if (zeros.dtype != Dtype::i32 || zeros.shape != Shape{layout.zeros.word_rows, layout.groups}) {
    parts.fail(name, "its zero points are " + std::string(dtype_name(zeros.dtype)) + " of shape " +
                         printable(shape_text(zeros.shape), 60));
  }
}

}  // namespace

Tensor packed_weight(QuantisedParts& parts, const Tensor& packed, const std::string& name) {
  Tensor words = parts.take(packed.name, name);
  Tensor scales = parts.take(name + "_scale", name);
  const Tensor shape_tensor = parts.take(name + "_shape", name);
  Shape shape = two_sizes(parts, shape_tensor);
  if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > (std::int64_t{1} << 31) ||
      shape[1] > (std::int64_t{1} << 31) || words.shape.size() != 2 || words.shape[0] != shape[0]) {
    parts.fail(name, "its shape " + printable(shape_text(shape), 60) + " and shapes " +
                         shapes_text(words, scales) + " do not agree");
  }
  const std::int64_t bits = bits_of_words(parts.declared(), words.shape[1], shape[1]);
  const bool usable = bits > 0 && has_type(scales, kFloats) && scales.shape.size() == 2 &&
                      scales.shape[0] == shape[0] && scales.shape[1] > 0 &&
                      scales.shape[1] <= shape[1];
  if (!usable) {
    parts.fail(name, "its shape " + printable(shape_text(shape), 60) + ", " + std::to_string(bits) +
                         " bits, and shapes " + shapes_text(words, scales) + " do not agree");
  }
  // compressed-tensors 3f01c78 (2026-05-29) packs densely. The number of words tells.
  const bool padded = words.shape[1] == ceil_div(shape[1], kWordBits / bits);
  const bool dense = words.shape[1] == ceil_div(shape[1] * bits, kWordBits);
  if (padded && dense && kWordBits % bits != 0 && words.shape[1] > 1) {
    parts.fail(name, "its number of words fits both packings of " + std::to_string(bits) +
                         " bits that compressed-tensors has used");
  }
  const std::int64_t groups = scales.shape[1];
  CodesLayout layout;
  layout.rows = shape[0];
  layout.cols = shape[1];
  layout.groups = groups;
  layout.block_cols =
      columns_of_groups(parts, name, shape[1], groups, told_group_sizes(parts, name, bits));
  layout.codes = {
      padded ? Order::words : Order::stream, bits, kWordBits, 0, shape[0], words.shape[1]};
  layout.meaning = Meaning::centred;
  layout.scale = 1;
  std::vector<Tensor> tensors{std::move(words), std::move(scales)};
  require_part(parts, all_weights_are(&DeclaredWeights::asymmetric, parts, bits, false),
               name + "_zero_point", name, "symmetric: false");
  require_part(parts, all_weights_are(&DeclaredWeights::indexed, parts, bits, false),
               name + "_g_idx", name, "actorder: group");
  if (parts.find(name + "_zero_point") != nullptr) {
    take_zero_points(parts, name, layout, tensors);
  }
  if (parts.find(name + "_g_idx") != nullptr) {
    tensors.push_back(parts.take(name + "_g_idx", name));
    layout.group_of = static_cast<std::int64_t>(tensors.size()) - 1;
    if (tensors.back().shape != Shape{shape[1]} || tensors.back().dtype != Dtype::i32) {
      parts.fail(name, "does not have a group index for each column");
    }
  }
  const std::string what = groups == 1 ? "rows" : "groups of " + std::to_string(layout.block_cols);
  return encoded_tensor(name, std::move(shape), Encoding::codes, std::move(tensors),
                        numbers_of(layout),
                        "int" + std::to_string(bits) + " with scales of " + what);
}

namespace {

/// AutoAWQ: the versions gemm and gemv (packing_utils.py, modules/linear/gemv.py).
Tensor awq_weight(QuantisedParts& parts, const std::string& name, std::vector<Tensor> tensors) {
  const Tensor& words = tensors[0];
  const Tensor& zeros = tensors[1];
  const Tensor& scales = tensors[2];
  const JsonFacts& facts = parts.facts();
  const std::string version = facts.text("version").value_or("gemm");
  const bool gemv = version == "gemv" || version == "GEMV";
  const std::int64_t bits = facts.integer("bits").value_or(facts.integer("w_bit").value_or(4));
  CodesLayout layout;
  layout.codes = {Order::awq, 4, kWordBits, 0, words.shape[0], words.shape[1]};
  layout.zeros = {Order::awq, 4, kWordBits, 0, zeros.shape[0], zeros.shape[1]};
  layout.meaning = layout.zero_meaning = Meaning::natural;
  layout.scale = 2;
  layout.zero = 1;
  bool agree = bits == 4;
  if (gemv) {
    layout.codes.order = layout.zeros.order = Order::stream;
    layout.rows = words.shape[0];
    layout.cols = words.shape[1] * 8;
    const std::int64_t group =
        facts.integer("group_size").value_or(facts.integer("q_group_size").value_or(0));
    // calculate_zeros_width: columns beyond the groups are padding.
    const std::int64_t step = group == 128 ? 1 : group == 64 ? 2 : group == 32 ? 4 : 0;
    agree = agree && step > 0 && layout.cols % group == 0;
    if (agree) {
      const std::int64_t width = ceil_div(ceil_div(layout.cols / group, 8), step) * step;
      agree =
          zeros.shape == Shape{layout.rows, width} && scales.shape == Shape{layout.rows, 8 * width};
      layout.block_cols = group;
      layout.groups = 8 * width;
    }
  } else {
    layout.rows = words.shape[1] * 8;
    layout.cols = words.shape[0];
    layout.groups = scales.shape[0];
    layout.transposed = layout.scales_transposed = layout.zeros_transposed = 1;
    agree = agree && scales.shape[1] == layout.rows &&
            zeros.shape == Shape{layout.groups, words.shape[1]};
    if (agree) {
      layout.block_cols = columns_of_groups(parts, name, layout.cols, layout.groups,
                                            told_group_sizes(parts, name, bits));
      // WQLinear_GEMM has no part of a group.
      agree = layout.cols == layout.block_cols * layout.groups;
    }
  }
  if (!agree) {
    parts.fail(name, "expected 4-bit AWQ, version gemm or gemv, found " + std::to_string(bits) +
                         " bits, version " + printable(version, 40) + ", shapes " +
                         shapes_text(words, zeros) + " and " +
                         printable(shape_text(scales.shape), 60));
  }
  return encoded_tensor(name, {layout.rows, layout.cols}, Encoding::codes, std::move(tensors),
                        numbers_of(layout),
                        "AWQ int4 in groups of " + std::to_string(layout.block_cols));
}

void check_grouped(QuantisedParts& parts, const std::string& name, const Tensor& words,
                   const Tensor& zeros, const Tensor& scales) {
  const bool matrices = words.shape.size() == 2 && zeros.shape.size() == 2 &&
                        scales.shape.size() == 2 && words.dtype == Dtype::i32 &&
                        zeros.dtype == Dtype::i32 && has_type(scales, kFloats) &&
                        words.num_elements > 0 && scales.num_elements > 0;
  if (matrices) return;
  parts.fail(name, "expected two-dimensional words of I32 and floating scales, found " +
                       std::string(dtype_name(words.dtype)) + ", " +
                       std::string(dtype_name(zeros.dtype)) + ", " +
                       std::string(dtype_name(scales.dtype)) + " of shapes " +
                       shapes_text(words, scales));
}

/// The bits of a layer: GPTQModel's `dynamic` overrides are patterns, which are not read.
std::int64_t gptq_bits(QuantisedParts& parts, const std::string& name) {
  if (parts.declared().bits_by_pattern) {
    parts.fail(name, "layers of different bits by patterns ('dynamic') are not read");
  }
  return parts.facts().integer("bits").value_or(4);
}

}  // namespace

Tensor grouped_weight(QuantisedParts& parts, const Tensor& sign, const std::string& module) {
  const std::string name = module + ".weight";
  std::vector<Tensor> tensors{parts.take(sign.name, name), parts.take(module + ".qzeros", name),
                              parts.take(module + ".scales", name)};
  const Tensor& words = tensors[0];
  const Tensor& zeros = tensors[1];
  const Tensor& scales = tensors[2];
  check_grouped(parts, name, words, zeros, scales);
  const std::int64_t out = scales.shape[1];
  const bool declared = parts.declared().method == method::kAwq;
  if (declared || (parts.declared().method == method::kNone && words.shape[1] * 8 == out &&
                   words.shape[1] != out)) {
    return awq_weight(parts, name, std::move(tensors));
  }
  const std::int64_t bits = gptq_bits(parts, name);
  const std::string format = parts.facts()
                                 .text("checkpoint_format")
                                 .value_or(parts.facts().text("format").value_or("gptq"));
  // GPTQModel stores 5, 6 and 7 bits planar whatever the format is called.
  const bool planar = format == "gptq_p" || (bits >= 5 && bits <= 7);
  const bool known = bits >= 2 && bits <= 8;
  CodesLayout layout;
  layout.codes = {
      planar ? Order::planar : Order::stream, bits, kWordBits, 1, words.shape[0], words.shape[1]};
  layout.zeros = layout.codes;
  layout.zeros.down = 0;
  layout.zeros.word_rows = zeros.shape[0];
  layout.zeros.word_cols = zeros.shape[1];
  layout.meaning = layout.zero_meaning = Meaning::natural;
  layout.transposed = layout.scales_transposed = layout.zeros_transposed = 1;
  layout.rows = out;
  layout.cols = known ? words.shape[0] * kWordBits / bits : 0;
  layout.groups = scales.shape[0];
  layout.zero_added = format == "gptq" ? 1 : 0;
  layout.scale = 2;
  layout.zero = 1;
  if (!known || words.shape[1] != out || words_for(layout.codes, layout.cols) != words.shape[0] ||
      zeros.shape != Shape{layout.groups, words_for(layout.zeros, out)}) {
    parts.fail(name, "expected GPTQ of 2 to 8 bits, found " + std::to_string(bits) +
                         " bits and shapes " + shapes_text(words, scales) + ", zeros " +
                         printable(shape_text(zeros.shape), 60));
  }
  layout.block_cols = columns_of_groups(parts, name, layout.cols, layout.groups,
                                        told_group_sizes(parts, name, bits));
  require_part(parts, parts.facts().is_true("desc_act"), module + ".g_idx", name, "desc_act: true");
  if (parts.find(module + ".g_idx") != nullptr) {
    tensors.push_back(parts.take(module + ".g_idx", name));
    layout.group_of = 3;
    if (tensors.back().shape != Shape{layout.cols} || tensors.back().dtype != Dtype::i32) {
      parts.fail(name, "does not have a group index for each input");
    }
  }
  return encoded_tensor(
      name, {out, layout.cols}, Encoding::codes, std::move(tensors), numbers_of(layout),
      "GPTQ int" + std::to_string(bits) + " in groups of " + std::to_string(layout.block_cols));
}

}  // namespace wishart::checkpoint
