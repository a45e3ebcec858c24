#include "quantised/quantised_rules.hpp"

#include <numeric>
#include <utility>

#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kMlxGroup = 64;  ///< defaults of mlx's affine mode (mlx/ops.h)
constexpr std::int64_t kMlxBits = 4;

std::string groups_of(std::int64_t size) { return "groups of " + std::to_string(size); }
/// Builds the weight of one scheme.
class Builder {
public:
  Builder(QuantisedParts& parts, const Scheme& scheme, const Tensor& scale, std::string stem)
      : parts_(parts), scheme_(scheme), scale_(scale), stem_(std::move(stem)) {
    name_ = stem_ + std::string(scheme.weight);
    if (scheme.methods == method::kTorchao) name_ = torchao_weight(name_);
  }

  /// False if the tensors are of another scheme.
  [[nodiscard]] bool applies() {
    const Tensor* codes = parts_.find(stem_ + std::string(scheme_.codes));
    if (codes == nullptr || codes == &scale_ || codes->num_elements == 0 ||
        codes->encoding != Encoding::plain || codes->shape.size() < 2) {
      return false;
    }
    if (!has_type(*codes, scheme_.code_types) || !has_type(scale_, scheme_.scale_types)) {
      return false;
    }
    if (scheme_.methods == method::kTorchao && !is_torchao_class()) return false;
    if (scheme_.down && scheme_.grid == Grid::groups && has_rows_of(*codes)) return false;
    return scheme_.methods != method::kMlx || is_mlx_mode();
  }

  Tensor build() {
    Tensor codes = parts_.take(stem_ + std::string(scheme_.codes), name_);
    codes_dtype_ = codes.dtype;
    set_codes(codes);
    tensors_.push_back(std::move(codes));
    Tensor scale = parts_.take(scale_.name, name_);
    scale.name = scale_.name;  // for the message about scales that are not numbers
    if (scale.dtype == Dtype::u8) scale.dtype = scheme_.scale_as;
    set_grid(scale);
    tensors_.push_back(std::move(scale));
    add_others();
    std::string stored =
        scheme_.name.empty() ? std::string(dtype_name(codes_dtype_)) : std::string(scheme_.name);
    if (scheme_.bits == 0) {
      stored += std::to_string(layout_.codes.bits) + " in groups of " +
                std::to_string(layout_.block_cols);
    } else if (scheme_.grid != Grid::groups || kind_ != groups_of(scheme_.group)) {
      stored += " with scales of " + kind_;
    }
    Tensor weight = encoded_tensor(name_, shape_, Encoding::codes, std::move(tensors_),
                                   numbers_of(layout_), stored);
    return with_low_rank(parts_, std::move(weight));
  }

private:
  /// Scales of groups of columns: one row of them for each row of codes.
  [[nodiscard]] bool has_rows_of(const Tensor& codes) const {
    return scale_.shape.size() >= 2 && *(scale_.shape.end() - 2) == *(codes.shape.end() - 2);
  }

  [[nodiscard]] bool is_torchao_class() {
    torchao_ = parts_.header_of(name_);
    if (torchao_.empty()) {
      // Files without a description: the types alone tell this class only.
      return scheme_.mode == "Float8Tensor";
    }
    if (torchao_.text("_type") != scheme_.mode) return false;
    layout_.scales_in_tiles = torchao_in_tiles(torchao_) ? 1 : 0;
    check_torchao(parts_, scheme_, torchao_, stem_, name_);
    return true;
  }

  /// What the config says about this layer; a layer that it lists counts before all else (mlx-lm
  /// utils.py).
  [[nodiscard]] bool is_mlx_mode() {
    const JsonFacts& facts = parts_.facts();
    const std::string path = stem_ + ".";
    const bool own =
        facts.text(path + "bits") || facts.text(path + "group_size") || facts.text(path + "mode");
    const std::string where = own ? path : std::string();
    if (facts.text(stem_) == "false") {
      parts_.fail(name_, "has scales, but the config says that it is not quantised");
    }
    const std::string mode = facts.text(where + "mode").value_or("affine");
    mlx_bits_ = facts.integer(where + "bits").value_or(kMlxBits);
    mlx_group_ = facts.integer(where + "group_size").value_or(kMlxGroup);
    if (mode != scheme_.mode) return false;
    const bool group_fits = scheme_.group == 0 || mlx_group_ == scheme_.group;
    const bool bits_fit = scheme_.bits == 0 ? mlx_bits_ >= 2 && mlx_bits_ <= 8 && mlx_bits_ != 7
                                            : mlx_bits_ == scheme_.bits;
    if (!group_fits || !bits_fit || mlx_group_ < 1) {
      parts_.fail(name_, "mode " + in_quotes(mode) + " has no " + std::to_string(mlx_bits_) +
                             " bits in groups of " + std::to_string(mlx_group_));
    }
    if (scheme_.offset.empty() && parts_.find(stem_ + ".biases") != nullptr) {
      parts_.fail(name_, "mode " + in_quotes(mode) + " has no biases, but 'biases' are there");
    }
    return true;
  }

  void set_codes(Tensor& codes) {
    if (codes.dtype == Dtype::f4) {  // as bytes: the shape counts elements
      if (codes.shape.back() % 2 != 0 || !codes.is_dense()) {
        parts_.fail(name_, "expected rows of whole bytes, found shape " +
                               printable(shape_text(codes.shape), 60));
      }
      codes.dtype = Dtype::u8;
      codes.shape.back() /= 2;
      codes.num_elements /= 2;
    }
    shape_ = codes.shape;
    if (scheme_.codes.ends_with("blocks")) {  // [..., groups, 16]
      if (shape_.size() < 3 || shape_.back() != scheme_.group / 2) {
        parts_.fail(name_, "expected 16 bytes and one exponent for each group, found shapes " +
                               shapes_text(codes, scale_));
      }
      shape_.pop_back();
      shape_.back() *= scheme_.group / 2;
    }
    layout_.meaning = scheme_.meaning;
    Packing& packing = layout_.codes;
    packing.order = scheme_.order;
    packing.bits = scheme_.bits == 0 ? mlx_bits_ : scheme_.bits;
    packing.word_bits = dtype_bits(codes.dtype);
    packing.down = scheme_.down ? 1 : 0;
    packing.word_rows = shape_[shape_.size() - 2];
    packing.word_cols = shape_.back();
    if (scheme_.order != Order::plain) {
      std::int64_t& side = scheme_.down ? shape_[shape_.size() - 2] : shape_.back();
      if (side * packing.word_bits % packing.bits != 0) {
        parts_.fail(name_, std::to_string(side) + " words do not hold whole codes of " +
                               std::to_string(packing.bits) + " bits");
      }
      side = side * packing.word_bits / packing.bits;
    }
    layout_.rows = shape_[shape_.size() - 2];
    layout_.cols = shape_.back();
    lead_.assign(shape_.begin(), shape_.end() - 2);
  }

  [[nodiscard]] Shape led(Shape end) const {
    Shape shape = lead_;
    shape.insert(shape.end(), end.begin(), end.end());
    return shape;
  }

  void take_grid(std::int64_t block_rows, std::int64_t block_cols, std::string kind) {
    layout_.block_rows = block_rows;
    layout_.block_cols = block_cols;
    layout_.groups = ceil_div(layout_.cols, block_cols);
    layout_.scale = 1;
    kind_ = std::move(kind);
  }

  void take_one_scale() {
    layout_.global = 1;
    layout_.divide_global = layout_.divide;
    layout_.block_rows = layout_.rows;
    layout_.block_cols = layout_.cols;
    kind_ = "one scale";
  }

  void set_grid(const Tensor& scale) {
    const std::int64_t rows = layout_.rows;
    const std::int64_t cols = layout_.cols;
    layout_.divide = divides() ? 1 : 0;
    if (scheme_.grid == Grid::one) {
      if (scale.num_elements == 1) return take_one_scale();
      if (!lead_.empty() && is_one_each(scale.shape)) return take_grid(rows, cols, "one scale");
      parts_.fail(name_, "expected one scale, found shapes " + shapes_text(tensors_[0], scale));
    }
    std::int64_t group = scheme_.group;
    if (scheme_.grid == Grid::groups && scheme_.methods == method::kModelopt) {
      group = nvfp4_group(parts_, name_, tensors_[0], scale, layout_, scheme_.down);
      return scheme_.down ? take_grid(group, 1, groups_of(group))
                          : take_grid(1, group, groups_of(group));
    }
    if (scheme_.grid == Grid::told) {
      group = scheme_.methods == method::kTorchao
                  ? torchao_group(parts_, scheme_, torchao_, name_, shape_.size())
                  : mlx_group_;
    }
    if (scheme_.grid != Grid::any) {
      layout_.scales_transposed = scheme_.turned ? 1 : 0;
      if (group < 1 || cols % group != 0 || scale.shape != shape_of_groups(rows, cols / group)) {
        parts_.fail(name_, "expected a scale for each group of " + std::to_string(group) +
                               " of its " + std::to_string(cols) + " columns" +
                               (layout_.scales_in_tiles != 0 ? ", in tiles" : "") +
                               ", found shapes " + shapes_text(tensors_[0], scale));
      }
      return take_grid(1, group, groups_of(group));
    }
    if (!set_grid_by_shape(scale)) {
      parts_.fail(name_, "expected one scale, or one for each row, group or block, found shapes " +
                             shapes_text(tensors_[0], scale));
    }
  }

  [[nodiscard]] Shape shape_of_groups(std::int64_t rows, std::int64_t groups) const {
    if (layout_.scales_transposed != 0) return led({groups, rows});
    if (layout_.scales_in_tiles == 0) return led({rows, groups});
    // torchao makes tiles of all experts' rows together, and divides them afterwards.
    if (!lead_.empty() && rows % kTileRows != 0) {
      parts_.fail(name_, "has scales in tiles of " + std::to_string(kTileRows) +
                             " rows, which experts of " + std::to_string(rows) +
                             " rows do not fill: their places are not known");
    }
    return led({ceil_div(rows, kTileRows) * 32, ceil_div(groups, kTileGroups) * 16});
  }

  [[nodiscard]] bool is_one_each(const Shape& shape) const {
    return shape == led({1, 1}) || shape == led({1}) || (shape == lead_ && lead_.size() == 1);
  }

  /// The shapes that compressed-tensors, ModelOpt, DeepSeek and GPTQModel write.
  bool set_grid_by_shape(const Tensor& scale) {
    const std::int64_t rows = layout_.rows;
    const std::int64_t cols = layout_.cols;
    const Shape& shape = scale.shape;
    const BlockSize block = block_size(parts_, name_, blocks_only());
    if (block.rows > 0 && block.cols > 0) {
      const std::int64_t down = ceil_div(rows, block.rows);
      const std::int64_t across = ceil_div(cols, block.cols);
      if (shape == led({down, across}) || shape == led({down, 1, across, 1})) {
        take_grid(block.rows, block.cols,
                  std::to_string(block.rows) + " x " + std::to_string(block.cols) + " blocks");
        return true;
      }
      if (blocks_only() && block.told) return false;
    }
    if (scale.num_elements == 1 && shape.size() <= shape_.size()) {
      take_one_scale();
      return true;
    }
    if (is_one_each(shape)) return take_grid(rows, cols, "one scale"), true;
    if (blocks_only()) return false;
    // [experts, rows] is told apart from [experts, columns] only if these differ.
    if (shape == led({rows, 1}) || (shape == led({rows}) && (lead_.empty() || rows != cols))) {
      take_grid(1, cols, "rows");
      return true;
    }
    if (!lead_.empty() && shape == led({1, cols})) {
      take_grid(rows, 1, "columns");
      return true;
    }
    if (shape.size() != shape_.size() || shape.back() < 2 || shape.back() >= cols ||
        shape != led({rows, shape.back()})) {
      return false;
    }
    std::vector<std::int64_t> told = told_group_sizes(parts_, name_, scheme_.bits);
    if (const auto size =
            torchao_.integer("_data.block_size." + std::to_string(shape_.size() - 1))) {
      told = {*size};
    }
    const std::int64_t group = columns_of_groups(parts_, name_, cols, shape.back(), told);
    take_grid(1, group, groups_of(group));
    return true;
  }

  /// DeepSeek's two endings mean blocks, unless the config says otherwise.
  [[nodiscard]] bool blocks_only() const {
    const bool ending = scheme_.scale == "_scale_inv" || scheme_.scale == ".scale";
    return ending && parts_.facts().text("weight_scale_method").value_or("block") == "block";
  }

  /// GPTQModel's `fp8` stores 448 / max|w| under DeepSeek's name; BitNet's `bitlinear` divides.
  [[nodiscard]] bool divides() const {
    const JsonFacts& facts = parts_.facts();
    if (scheme_.methods == method::kBitnet) {
      return facts.text("linear_class").value_or("bitlinear") == "bitlinear";
    }
    return facts.text("weight_scale_semantics").has_value();
  }

  /// Takes a part with one number for each place of the grid, and of the same types as scales.
  std::int64_t add(const std::string& name, Types types) {
    Tensor part = parts_.take(name, name_);
    if (!has_type(part, types)) {
      parts_.fail(name_, in_quotes(name) + " is " + std::string(dtype_name(part.dtype)) +
                             ", which is not read as such a part" +
                             (scheme_.mode.empty() ? "" : " of ") + std::string(scheme_.mode));
    }
    if (part.shape != scale_.shape) {
      parts_.fail(name_, in_quotes(name) + " is " + std::string(dtype_name(part.dtype)) +
                             " of shapes " + shapes_text(part, scale_) +
                             ", expected the shape of the scales");
    }
    tensors_.push_back(std::move(part));
    return static_cast<std::int64_t>(tensors_.size()) - 1;
  }

  void add_others() {
    if (!scheme_.zero.empty()) {
      const std::string zero = stem_ + std::string(scheme_.zero);
      const bool told = parts_.declared().method == method::kCompressed &&
                        all_weights_are(&DeclaredWeights::asymmetric, parts_, scheme_.bits,
                                        (kFloat8 & only(codes_dtype_)) != 0);
      require_part(parts_, told, zero, name_, "symmetric: false");
      if (parts_.find(zero) != nullptr) {
        if (layout_.scale < 0) parts_.fail(name_, "has one scale for all, but zero points");
        layout_.zero = add(zero, scheme_.zero_types);
      }
    }
    if (!scheme_.offset.empty()) layout_.offset = add(stem_ + std::string(scheme_.offset), kFloats);
    // torchao has it or not; its header tells, and has been checked.
    const std::string whole = stem_ + std::string(scheme_.global);
    const bool optional = scheme_.methods == method::kTorchao;
    if (!scheme_.global.empty() && (!optional || parts_.find(whole) != nullptr)) {
      Tensor global = parts_.take(stem_ + std::string(scheme_.global), name_);
      const std::int64_t experts =
          std::accumulate(lead_.begin(), lead_.end(), std::int64_t{1}, std::multiplies<>());
      if (!has_type(global, kFloats) ||
          (global.num_elements != 1 && global.num_elements != experts)) {
        parts_.fail(name_, "expected one floating scale of the whole, found " +
                               std::string(dtype_name(global.dtype)) + " of shape " +
                               printable(shape_text(global.shape), 60));
      }
      global.name = stem_ + std::string(scheme_.global);
      tensors_.push_back(std::move(global));
      layout_.global = static_cast<std::int64_t>(tensors_.size()) - 1;
      layout_.divide_global = scheme_.divide_global ? 1 : 0;
    }
    if (auto factors = column_factors(parts_, name_, stem_, layout_.cols)) {
      tensors_.push_back(std::move(*factors));
      layout_.column = static_cast<std::int64_t>(tensors_.size()) - 1;
    }
    check_original_shape(parts_, name_, shape_);
  }

  QuantisedParts& parts_;
  const Scheme& scheme_;
  const Tensor& scale_;
  std::string stem_;
  std::string name_;
  Shape shape_;
  Shape lead_;
  CodesLayout layout_;
  std::vector<Tensor> tensors_;
  std::string kind_;
  JsonFacts torchao_;
  Dtype codes_dtype_ = Dtype::u8;
  std::int64_t mlx_bits_ = 0;
  std::int64_t mlx_group_ = 0;
};

}  // namespace

std::optional<Tensor> assembled(QuantisedParts& parts, const Tensor& tensor) {
  if (tensor.encoding != Encoding::plain || parts.is_used(tensor.name)) return std::nullopt;
  const std::string& name = tensor.name;
  const std::uint32_t method = parts.declared().method;
  const auto may_be = [&](std::uint32_t wanted) {
    return method == wanted || method == method::kNone;
  };
  const std::string packed = stem_of(name, "_packed");
  if (!packed.empty() && tensor.dtype == Dtype::i32 && may_be(method::kCompressed)) {
    return packed_weight(parts, tensor, packed);
  }
  const std::string module = stem_of(name, ".qweight");
  if (!module.empty() && (may_be(method::kGptq) || may_be(method::kAwq))) {
    return grouped_weight(parts, tensor, module);
  }
  if (may_be(method::kBitsandbytes)) {
    for (const char* kind : {"nf4", "fp4"}) {
      const std::string base = stem_of(name, std::string(".quant_state.bitsandbytes__") + kind);
      if (!base.empty()) return bnb4_weight(parts, tensor, base, kind[0] == 'n' ? "NF4" : "FP4");
    }
    const std::string base = stem_of(name, ".SCB");
    if (!base.empty()) return bnb8_weight(parts, tensor, base + ".weight");
  }
  const std::string hqq = stem_of(name, kHqqCodes);
  if (!hqq.empty() && may_be(method::kHqq)) return hqq_weight(parts, tensor, hqq);
  const std::string torchao = stem_of(name, "_qdata");
  if (!torchao.empty() && method == method::kTorchao) check_torchao_class(parts, torchao);
  for (const Scheme& scheme : schemes()) {
    if ((scheme.methods & (method | parts.declared().of_experts)) == 0) continue;
    const std::string stem = stem_of(name, scheme.scale);
    if (stem.empty()) continue;
    Builder builder(parts, scheme, tensor, stem);
    if (builder.applies()) return builder.build();
  }
  return std::nullopt;
}

}  // namespace wishart::checkpoint
