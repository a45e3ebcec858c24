#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

// Source: pytorch/ao 36027d8, torchao/prototype/safetensors/safetensors_support.py (names,
// headers), prototype/mx_formats/{mx,nvfp4}_tensor.py, quantization/quantize_/workflows/int4.

namespace wishart::checkpoint {
namespace {

/// Codes of U8 may be pairs of FP4, or FP6 in a byte each.
void check_mx_elements(const QuantisedParts& parts, const JsonFacts& header, const Tensor& codes,
                       const std::string& weight) {
  const std::string told =
      header.text("_data.elem_dtype._data").value_or(header.text("_data.elem_dtype").value_or(""));
  const std::string wanted = codes.dtype == Dtype::u8        ? "float4_e2m1fn_x2"
                             : codes.dtype == Dtype::f8_e4m3 ? "float8_e4m3fn"
                                                             : "float8_e5m2";
  if (told == wanted) return;
  parts.fail(weight, "has elements of type " + in_quotes(told, 40) + " in " +
                         std::string(dtype_name(codes.dtype)) + ", expected " + wanted);
}

/// The scales of codes that no weight has taken: they are there, and of a type of their class.
void check_scale(const QuantisedParts& parts, const std::string& stem, const std::string& kind,
                 const std::string& weight) {
  const Tensor* codes = parts.find(stem + "_qdata");
  if (codes == nullptr || codes->num_elements == 0) return;
  for (const Scheme& scheme : schemes()) {
    const bool is_it = scheme.methods == method::kTorchao && scheme.mode == kind &&
                       (scheme.code_types & only(codes->dtype)) != 0;
    if (!is_it) continue;
    const std::string name = stem + std::string(scheme.scale);
    const Tensor* scale = parts.find(name);
    if (scale == nullptr) {
      parts.fail(weight, "expected " + in_quotes(name) + " beside it, found none");
    }
    if ((scheme.scale_types & only(scale->dtype)) != 0) return;
    std::string expected;
    for (const Dtype type :
         {Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16, Dtype::f8_e4m3, Dtype::f8_e8m0}) {
      if ((scheme.scale_types & only(type)) == 0) continue;
      expected += (expected.empty() ? "" : " or ") + std::string(dtype_name(type));
    }
    parts.fail(weight, "expected " + in_quotes(name) + " of type " + expected + ", found " +
                           std::string(dtype_name(scale->dtype)));
  }
}

}  // namespace

std::string torchao_weight(std::string stem) {
  const std::size_t dot = stem.rfind('.');
  const std::size_t at = dot == std::string::npos ? 0 : dot + 1;
  if (at < stem.size() && stem[at] == '_') stem.erase(at, 1);
  return stem;
}

bool torchao_in_tiles(const JsonFacts& header) {
  return header.is_true("_data.is_swizzled_scales");
}

void check_torchao(const QuantisedParts& parts, const Scheme& scheme, const JsonFacts& header,
                   const std::string& stem, const std::string& weight) {
  const std::string kind(scheme.mode);
  if (torchao_in_tiles(header) && !scheme.tiles) {
    parts.fail(weight, "its scales are in tiles for a GPU, which is not read for " + kind);
  }
  std::vector<std::string> listed;
  while (auto part = header.text("_tensor_data_names." + std::to_string(listed.size()))) {
    listed.push_back(std::move(*part));
  }
  if (listed.empty()) parts.fail(weight, "its header does not list the parts of a " + kind);
  for (const std::string& part : listed) {
    const std::string ending = "_" + part;
    const bool known = ending == scheme.codes || ending == scheme.scale || ending == scheme.zero ||
                       ending == scheme.offset || ending == scheme.global ||
                       part == "act_pre_scale" || part == "act_per_tensor_scale";
    if (!known) parts.fail(weight, "a " + kind + " with " + in_quotes(part, 60) + " is not read");
    if (parts.find(stem + ending) == nullptr) {
      parts.fail(weight, "expected " + in_quotes(stem + ending) + " beside it, found none");
    }
  }
  for (const std::string_view ending : {scheme.zero, scheme.offset, scheme.global}) {
    const bool is_listed = !ending.empty() && std::find(listed.begin(), listed.end(),
                                                        ending.substr(1)) != listed.end();
    const std::string name = stem + std::string(ending);
    if (ending.empty() || is_listed || parts.find(name) == nullptr) continue;
    parts.fail(weight, in_quotes(name) + " is beside it, but its header does not list it");
  }
  if (kind == "MXTensor") {
    check_mx_elements(parts, header, *parts.find(stem + std::string(scheme.codes)), weight);
  }
}

void check_torchao_class(const QuantisedParts& parts, const std::string& stem) {
  const std::string weight = torchao_weight(stem);
  const std::string kind = parts.header_of(weight).text("_type").value_or("");
  const auto is_it = [&](const Scheme& scheme) { return scheme.mode == kind; };
  if (kind.empty()) return;
  if (std::any_of(schemes().begin(), schemes().end(), is_it)) {
    return check_scale(parts, stem, kind, weight);
  }
  // pytorch, aten/src/ATen/native/cuda/int4mm.cu: CUDA and ROCm order the codes of one shape
  // differently.
  parts.fail(weight, "class " + in_quotes(kind, 60) + " of torchao is not read" +
                         (kind == "Int4TilePackedTo4dTensor"
                              ? ": the order of its codes is that of the GPU that packed them, "
                                "which the file does not tell"
                              : ""));
}

std::int64_t torchao_group(const QuantisedParts& parts, const Scheme& scheme,
                           const JsonFacts& header, const std::string& weight,
                           std::size_t dimensions) {
  // A number for each dimension, or the number along a row.
  const std::string last = "_data.block_size." + std::to_string(dimensions - 1);
  const std::int64_t group =
      header.integer(last).value_or(header.integer("_data.block_size").value_or(0));
  if (scheme.group != 0 && group != scheme.group) {
    parts.fail(weight, "expected groups of " + std::to_string(scheme.group) + ", found " +
                           std::to_string(group));
  }
  return group;
}

}  // namespace wishart::checkpoint
