#include <algorithm>
#include <cctype>
#include <string_view>

#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// Block size of DeepSeek if the config does not give it (DeepSeek-V3, README_WEIGHTS.md).
constexpr std::int64_t kDefaultBlock = 128;
/// Columns of a block of quant_method mxfp8 (radixark/miles 1c9201c, convert_hf_to_mxfp8.py).
constexpr std::int64_t kMicroscaling = 32;
constexpr std::int64_t kMaxBlock = std::int64_t{1} << 31;

/// The numbers of groups that `size` columns a group give.
std::int64_t groups_of(std::int64_t cols, std::int64_t size) {
  return size < 1 ? 1 : ceil_div(cols, size);
}

}  // namespace

std::string modelopt_algorithm(const QuantisedParts& parts, const std::string& weight) {
  const JsonFacts& facts = parts.facts();
  const std::string module = stem_of(weight, ".weight");
  std::string name = facts.text("quantized_layers." + module + ".quant_algo")
                         .value_or(facts.text("quant_algo").value_or(""));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

BlockSize block_size(const QuantisedParts& parts, const std::string& weight, bool usual) {
  const JsonFacts& facts = parts.facts();
  BlockSize block;
  if (const auto rows = facts.integer("weight_block_size.0")) {
    block = {*rows, facts.integer("weight_block_size.1").value_or(0), true};
  } else if (parts.declared().block) {
    block = {parts.declared().block->first, parts.declared().block->second, true};
  }
  const std::string algorithm = modelopt_algorithm(parts, weight);
  const bool modelopt = algorithm == "FP8_PB_WO" || algorithm == "FP8_PB_REAL";
  if (!block.told && parts.declared().name == "mxfp8") {
    block = {1, kMicroscaling, false};
  } else if (!block.told && (usual || modelopt)) {
    block = {kDefaultBlock, kDefaultBlock, false};
  }
  const bool usable =
      block.rows > 0 && block.cols > 0 && block.rows <= kMaxBlock && block.cols <= kMaxBlock;
  return usable ? block : BlockSize{0, 0, block.told};
}

std::int64_t nvfp4_group(const QuantisedParts& parts, const std::string& weight,
                         const Tensor& codes, const Tensor& scale, const CodesLayout& layout,
                         bool down) {
  std::vector<std::int64_t> sizes;
  for (const std::int64_t size : told_group_sizes(parts, weight, 4)) {
    // Of NVFP4_AWQ a converter of ModelOpt says 128 (convert_hf_config.py, a2fbac7); it has 16.
    if (size == 16 || size == 32) sizes.push_back(size);
  }
  if (sizes.empty()) {
    // Its preset has 32 (presets/model/w4a8_nvfp4_fp8.yaml).
    const bool either = modelopt_algorithm(parts, weight) == "W4A8_NVFP4_FP8";
    sizes = either ? std::vector<std::int64_t>{32, 16} : std::vector<std::int64_t>{16};
  }
  const std::int64_t side = down ? layout.rows : layout.cols;
  std::string text;
  for (const std::int64_t size : sizes) {
    text += (text.empty() ? "" : " or ") + std::to_string(size);
    Shape shape = codes.shape;
    shape[shape.size() - 2] = down ? side / size : layout.rows;
    shape.back() = down ? layout.cols : side / size;
    if (side % size == 0 && scale.shape == shape) return size;
  }
  parts.fail(weight, "expected a scale for each group of " + text + " of its " +
                         std::to_string(side) + (down ? " rows" : " columns") + ", found shapes " +
                         shapes_text(codes, scale));
}

std::vector<std::int64_t> told_group_sizes(const QuantisedParts& parts, const std::string& weight,
                                           std::int64_t bits) {
  // ModelOpt lists layers one by one.
  const std::string module = stem_of(weight, ".weight");
  if (const auto own = parts.facts().integer("quantized_layers." + module + ".group_size")) {
    return {*own};
  }
  std::vector<std::int64_t> sizes;
  for (const DeclaredWeights& one : parts.declared().weights) {
    const bool is_for = one.bits == 0 || one.bits == bits;
    if (!is_for || !one.group_size) continue;
    if (std::find(sizes.begin(), sizes.end(), *one.group_size) == sizes.end()) {
      sizes.push_back(*one.group_size);
    }
  }
  return sizes;
}

std::int64_t columns_of_groups(const QuantisedParts& parts, const std::string& weight,
                               std::int64_t cols, std::int64_t groups,
                               const std::vector<std::int64_t>& told) {
  const std::string found =
      std::to_string(groups) + " groups of its " + std::to_string(cols) + " columns";
  if (told.empty()) {
    if (cols % groups == 0) return cols / groups;
    parts.fail(weight, found + " are not of one size, and no config says how many columns one has");
  }
  std::vector<std::int64_t> fitting;
  std::string sizes;
  for (const std::int64_t size : told) {
    if (groups_of(cols, size) == groups) fitting.push_back(size);
    sizes += (sizes.empty() ? "" : " or ") + std::to_string(size);
  }
  const std::string& file = parts.declared().file;
  const std::string config = file.empty() ? "its header" : printable(file);
  if (fitting.empty()) {
    parts.fail(weight,
               "expected groups of " + sizes + " columns, as " + config + " says, found " + found);
  }
  if (groups == 1) return cols;
  if (fitting.size() > 1) {
    parts.fail(weight, found + " may have " + sizes + " columns each by " + config +
                           ", which does not say which");
  }
  return fitting.front();
}

void require_part(const QuantisedParts& parts, bool told, const std::string& part,
                  const std::string& weight, const std::string& because) {
  if (!told || parts.find(part) != nullptr) return;
  parts.fail(weight, "expected " + in_quotes(part) + " beside it (" + because + "), found none");
}

bool all_weights_are(bool DeclaredWeights::*what, const QuantisedParts& parts, std::int64_t bits,
                     bool floats) {
  bool any = false;
  for (const DeclaredWeights& one : parts.declared().weights) {
    const bool is_for =
        (one.bits == 0 || one.bits == bits) && one.floats.value_or(floats) == floats;
    if (!is_for) continue;
    if (!(one.*what)) return false;
    any = true;
  }
  return any;
}

}  // namespace wishart::checkpoint
