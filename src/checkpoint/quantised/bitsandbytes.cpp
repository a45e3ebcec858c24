#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {

/// bitsandbytes, 4 bits: the quant_state is JSON text in a tensor of bytes.
Tensor bnb4_weight(QuantisedParts& parts, const Tensor& state_tensor, const std::string& name,
                   const std::string& kind) {
  const Tensor state = parts.take(state_tensor.name, name);
  const JsonFacts facts(parts.bytes(state), "quant_state of " + in_quotes(name));
  Shape shape;
  std::int64_t count = 1;
  for (int d = 0; d < 8; ++d) {
    const auto size = facts.integer("shape." + std::to_string(d));
    if (!size) break;
    if (*size < 1 || *size > (std::int64_t{1} << 40) / count)
      parts.fail(name, "expected a usable shape in its quant_state, found none");
    count *= *size;
    shape.push_back(*size);
  }
  const std::int64_t run = facts.integer("blocksize").value_or(0);
  Tensor codes = parts.take(name, name);
  Tensor absmax = parts.take(name + ".absmax", name);
  Tensor map = parts.take(name + ".quant_map", name);
  const bool nested_absmax = parts.find(name + ".nested_absmax") != nullptr;
  const std::int64_t code_bytes = codes.size_bytes;
  const bool one_column = codes.shape.size() == 2 && codes.shape[1] == 1;
  const bool container = has_type(codes, kFloats | only(Dtype::u8) | only(Dtype::i8));
  codes.dtype = Dtype::u8;  // other types only serve as containers for bytes
  codes.shape = {code_bytes};
  codes.num_elements = code_bytes;
  if (shape.empty() || run < 1 || !one_column || !container || !has_type(map, kFloats) ||
      !has_type(absmax, nested_absmax ? only(Dtype::u8) : kFloats) || !codes.is_dense() ||
      code_bytes != ceil_div(count, 2) || absmax.num_elements != ceil_div(count, run) ||
      map.num_elements != 16) {
    parts.fail(name, "of shape " + printable(shape_text(shape), 60) + " in runs of " +
                         std::to_string(run) + ": " + std::to_string(code_bytes) + " bytes, " +
                         std::to_string(absmax.num_elements) + " scales and a map of " +
                         std::to_string(map.num_elements) + " do not agree");
  }
  std::vector<Tensor> tensors{std::move(codes), std::move(absmax), std::move(map)};
  std::int64_t nested = 0;
  if (nested_absmax) {
    nested = facts.integer("nested_blocksize").value_or(0);
    tensors.push_back(parts.take(name + ".nested_absmax", name));
    tensors.push_back(parts.take(name + ".nested_quant_map", name));
    if (nested < 1 || !has_type(tensors[3], kFloats) || !has_type(tensors[4], kFloats) ||
        tensors[3].num_elements != ceil_div(ceil_div(count, run), nested) ||
        tensors[4].num_elements != 256) {
      parts.fail(name, "the shapes of its nested scales do not agree");
    }
  }
  Tensor weight = encoded_tensor(name, std::move(shape), Encoding::bnb4, std::move(tensors),
                                 {run, nested}, kind + " in runs of " + std::to_string(run));
  weight.factor = facts.real("nested_offset").value_or(0.0);
  return weight;
}

/// bitsandbytes, 8 bits: a scale for each row, which the code 127 stands for.
Tensor bnb8_weight(QuantisedParts& parts, const Tensor& scales, const std::string& name) {
  Tensor codes = parts.take(name, name);
  Tensor scale = parts.take(scales.name, name);
  // The order of the codes, by which bitsandbytes tells those of its first versions: 0 is by rows.
  const std::string order = name + "_format";
  if (parts.find(order) != nullptr) {
    const Tensor format = parts.take(order, name);
    if (format.dtype != Dtype::u8 || format.num_elements != 1 ||
        parts.bytes(format) != std::string(1, '\0')) {
      parts.fail(name,
                 "expected codes by rows (0 in " + in_quotes(order) + "), found another order");
    }
  }
  if (codes.dtype != Dtype::i8 || codes.shape.size() != 2 || !has_type(scale, kFloats) ||
      scale.shape != Shape{codes.shape[0]}) {
    parts.fail(name,
               "expected I8 and a scale for each row, found shapes " + shapes_text(codes, scale));
  }
  CodesLayout layout;
  layout.rows = codes.shape[0];
  layout.cols = codes.shape[1];
  layout.block_cols = codes.shape[1];
  layout.scale = 1;
  const Shape shape = codes.shape;
  Tensor weight = encoded_tensor(name, shape, Encoding::codes, {std::move(codes), std::move(scale)},
                                 numbers_of(layout), "I8 with scales of rows");
  weight.factor = 1.0 / 127.0;
  return weight;
}

}  // namespace wishart::checkpoint
