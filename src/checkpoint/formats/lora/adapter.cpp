#include "formats/lora/adapter.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "formats/common/weight_names.hpp"
#include "formats/lora/adapter_config.hpp"
#include "formats/lora/variants.hpp"
#include "formats/safetensors/safetensors_header.hpp"
#include "formats/torch/torch_file.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kInner = ".base_layer";  ///< of a module that PEFT wrapped twice

/// The factors of one module.
struct Factors {
  const Tensor* a = nullptr;
  const Tensor* b = nullptr;
  bool embedding = false;
};

struct FactorName {
  std::string module;
  bool is_a = false;
  bool embedding = false;
};

/// `x.lora_A.weight`, `x.lora_A.default.weight`, `x.lora_embedding_A`: a factor of module `x`.
std::optional<FactorName> factor_name(const std::string& name) {
  for (const bool embedding : {false, true}) {
    for (const bool is_a : {true, false}) {
      const std::string mark =
          std::string(embedding ? ".lora_embedding_" : ".lora_") + (is_a ? "A" : "B");
      const std::size_t at = name.rfind(mark);
      if (at == std::string::npos) continue;
      const std::string rest = name.substr(at + mark.size());
      if (rest.empty() ? !embedding : rest.front() != '.') continue;
      if (rest.ends_with(".bias")) continue;  // lora_bias
      return FactorName{name.substr(0, at), is_a, embedding};
    }
  }
  return std::nullopt;
}

/// `tensor` as a matrix of `rows` rows. Convolutions have kernel dimensions after the second one.
Tensor as_matrix(const Tensor& tensor, std::int64_t rows) {
  Tensor matrix = tensor;
  matrix.name.clear();
  matrix.shape = {rows, tensor.num_elements / rows};
  return matrix;
}

/// A strided view of a matrix: `rows` x `cols` from element `first` on.
Tensor strided(const Tensor& matrix, std::int64_t first, std::int64_t rows, std::int64_t cols,
               std::int64_t row_stride, std::int64_t col_stride) {
  Tensor view = matrix;
  view.shape = {rows, cols};
  view.num_elements = rows * cols;
  view.extents = {{{0, 0},
                   {rows, cols},
                   {row_stride, col_stride},
                   matrix.file,
                   matrix.offset_bytes + first * (dtype_bits(matrix.dtype) / 8)}};
  return view;
}

Tensor transposed(const Tensor& matrix) {
  return strided(matrix, 0, matrix.shape[1], matrix.shape[0], 1, matrix.shape[1]);
}

Tensor product(const std::string& name, Tensor left, Tensor right, double factor) {
  Tensor result;
  result.name = name;
  result.dtype = Dtype::f32;
  result.shape = {left.shape[0], right.shape[1]};
  result.num_elements = result.shape[0] * result.shape[1];
  result.encoding = Encoding::product;
  result.factor = factor;
  result.stored_as = "LoRA of rank " + std::to_string(left.shape[1]) + " in " +
                     std::string(dtype_name(left.dtype));
  result.parts = {std::move(left), std::move(right)};
  return result;
}

class Assembly {
public:
  Assembly(Catalogue& catalogue, const AdapterConfig& config, std::string place)
      : catalogue_(catalogue), config_(config), place_(std::move(place)) {
    for (const std::string& target : config_.parameters()) {
      const std::size_t dot = target.rfind('.');
      if (dot == std::string::npos) {
        has_plain_target_ = true;
      } else {
        targets_[target.substr(0, dot)].insert(target.substr(dot + 1));
        target_sizes_.insert(dot);
      }
    }
  }

  void run() {
    std::vector<Tensor> others;
    bool magnitudes = false;
    std::size_t of_training = 0;
    for (Tensor& tensor : catalogue_.tensors) {
      if (tensor.name.starts_with(kPrefix)) tensor.name.erase(0, kPrefix.size());
    }
    take_out_tokens();
    for (const Tensor& tensor : catalogue_.tensors) {
      if (const std::optional<FactorName> name = factor_name(tensor.name)) {
        Factors& factors = modules_[name->module];
        (name->is_a ? factors.a : factors.b) = &tensor;
        factors.embedding = name->embedding;
      } else {
        const AdapterPart part = adapter_part(tensor.name);
        if (part == AdapterPart::unknown) refuse_part(tensor.name);
        magnitudes = magnitudes || part == AdapterPart::magnitude;
        if (part == AdapterPart::training) {
          ++of_training;
        } else {
          others.push_back(tensor);
        }
      }
    }
    if (modules_.empty()) {
      throw Error(Blame::input, place_ + ": expected factors lora_A and lora_B, found none");
    }
    if (magnitudes) {
      catalogue_.warnings.push_back(
          place_ + ": this is a DoRA adapter. Its magnitudes are used only with --with-base");
    }
    if (of_training > 0) {
      catalogue_.warnings.push_back(place_ +
                                    ": tensors used in training only (VeLoRA, MonteCLoRA): " +
                                    std::to_string(of_training) + ", not read");
    }
    leave_out_own_base(others);
    for (const auto& [module, factors] : modules_) add(module, factors, others);
    catalogue_.tensors = std::move(others);
  }

private:
  /// `trainable_token_indices`: new rows of an embedding (peft, tuners/trainable_tokens/layer.py).
  void take_out_tokens() {
    std::erase_if(catalogue_.tensors, [&](Tensor& tensor) {
      if (!tensor.name.ends_with(kTokenRows)) return false;
      const std::string of = in_quotes(changed_by_rows(tensor.name));
      const std::string count = tensor.shape.empty() ? "some" : std::to_string(tensor.shape[0]);
      catalogue_.warnings.push_back(place_ + ": replaces rows of " + of + " for " + count +
                                    " tokens (trainable_token_indices), which are not read: " + of +
                                    " is left out");
      catalogue_.left_out.push_back(
          {tensor, "encoding-not-read",
           "rows of " + of + " for single tokens, no matrix of the model"});
      return true;
    });
  }

  /// Weights of the base, which are no changes.
  void leave_out_own_base(std::vector<Tensor>& others) {
    std::erase_if(others, [&](Tensor& tensor) {
      if (!tensor.name.ends_with(kOwnBase)) return false;
      const std::string module = tensor.name.substr(0, tensor.name.size() - kOwnBase.size());
      if (!modules_.contains(module)) return false;
      catalogue_.left_out.push_back(
          {std::move(tensor), "weight-of-base",
           "the base's weight of " + in_quotes(module) +
               ", which the adapter changes: it is used with --with-base"});
      return true;
    });
  }

  [[noreturn]] void fail(const std::string& module, const std::string& what) const {
    throw Error(Blame::input, place_ + ": adapter of " + in_quotes(module) + ": " + what);
  }

  /// A part that changes what the factors mean, as KaSA's diagonal between them.
  [[noreturn]] void refuse_part(const std::string& name) const {
    const std::size_t at = name.rfind(".lora_");
    fail(name.substr(0, at), "expected lora_A and lora_B, found " +
                                 in_quotes(name.substr(at + 1), 40) + ", which is not supported");
  }

  void add(const std::string& module, const Factors& factors, std::vector<Tensor>& out) const {
    if (factors.a == nullptr || factors.b == nullptr) {
      fail(module, std::string("expected lora_A and lora_B, found no lora_") +
                       (factors.a == nullptr ? "A" : "B"));
    }
    const bool usable = factors.a->shape.size() >= 2 && factors.b->shape.size() >= 2 &&
                        factors.a->num_elements > 0 && factors.b->num_elements > 0 &&
                        is_weight_dtype(factors.a->dtype) && is_weight_dtype(factors.b->dtype) &&
                        factors.a->is_dense() && factors.b->is_dense();
    const std::string shapes = printable(shape_text(factors.a->shape), 60) + " and " +
                               printable(shape_text(factors.b->shape), 60);
    if (!usable)
      fail(module, "its factors of shape " + shapes + " are not dense matrices of numbers");
    const Tensor a = as_matrix(*factors.a, factors.a->shape[0]);
    const Tensor b = as_matrix(*factors.b, factors.b->shape[0]);
    if (a.shape[0] != b.shape[1])
      fail(module, "factors of shape " + shapes + " cannot be multiplied");
    // Patterns match the names of parameters (peft, tuners/tuners_utils.py, _inject_parameters).
    const std::int64_t rank = config_.rank(parameter_of(module));
    if (!config_.parameters().empty()) {
      check_rows(module, a.shape[0], rank);
      if (rank < a.shape[0]) return add_experts(module, a, b, rank, out);
    }
    const double factor = config_.scaling(module, a.shape[0]);
    const bool turned = factors.embedding || config_.transposed();
    Tensor made = turned ? product(module + ".weight", transposed(a), transposed(b), factor)
                         : product(module + ".weight", b, a, factor);
    if (turned) made.numbers = {1};
    out.push_back(std::move(made));
  }

  /// PEFT makes A of r rows for each matrix of the parameter. With another r, factors of several
  /// experts would be taken for one of all rows, or for those of other experts.
  void check_rows(const std::string& module, std::int64_t rows, std::int64_t rank) const {
    const bool one_matrix = rows == rank;
    if (rows % rank == 0 && !(one_matrix && is_stack(module))) return;
    fail(module, "lora_A has " + std::to_string(rows) + " rows, expected " +
                     (one_matrix ? "r times the number of experts" : "a multiple of r") +
                     " for target_parameters, found r " + std::to_string(rank) + " in " +
                     std::string(kAdapterConfig));
  }
  /// True for factors of stacked experts: `x.experts`, if parameters in it are targets.
  [[nodiscard]] bool is_stack(const std::string& module) const {
    const std::string outer =
        module.ends_with(kInner) ? module.substr(0, module.size() - kInner.size()) : module;
    if (outer != "experts" && !outer.ends_with(".experts")) return false;
    return has_plain_target_ || !targets_in(outer).empty();
  }
  /// The names that targets have in this module: up to three, as more decide nothing.
  [[nodiscard]] std::set<std::string> targets_in(std::string_view module) const {
    std::set<std::string> names;
    while (true) {
      const bool may_be = target_sizes_.contains(module.size());
      if (const auto found = may_be ? targets_.find(module) : targets_.end();
          found != targets_.end()) {
        for (const std::string& name : found->second) {
          if (names.size() == 3) return names;
          names.insert(name);
        }
      }
      const std::size_t dot = module.find('.');
      if (dot == std::string_view::npos) return names;
      module.remove_prefix(dot + 1);
    }
  }

  /// Stacked experts (peft, tuners/lora/layer.py, ParamWrapper): A is [experts][rank][in], B is
  /// [out][rank][experts], or of unsloth [out][experts][rank].
  void add_experts(const std::string& module, const Tensor& a, const Tensor& b, std::int64_t rank,
                   std::vector<Tensor>& out) const {
    const std::int64_t experts = a.shape[0] / rank;
    const std::string parameter = parameter_of(module);
    const std::int64_t in = a.shape[1];
    // With one expert, or of rank 1, both orders are the same.
    const bool grouped = experts > 1 && rank > 1 && config_.experts_before_rank(parameter);
    for (std::int64_t e = 0; e < experts; ++e) {
      Tensor left = strided(b, grouped ? e * rank : e, b.shape[0], rank, rank * experts,
                            grouped ? 1 : experts);
      Tensor right = strided(a, e * rank * in, rank, in, in, 1);
      out.push_back(product(parameter + "[" + std::to_string(e) + "]", std::move(left),
                            std::move(right), config_.scaling(parameter, rank)));
    }
  }

  /// The name of the parameter that a module of stacked experts changes. PEFT
  /// (tuners/tuners_utils.py, _inject_parameters) wraps a module once for each of its target
  /// parameters: the last one is `x`, the one before `x.base_layer`. Which is which is not in the
  /// file; gate_up_proj and down_proj are told by their sizes, 2 I and H against I and H. Those of
  /// experts without a gate have the same sizes; PEFT wraps parameters as the module declares them,
  /// and up_proj comes first (transformers, models/nemotron_h). Other pairs keep the module's name.
  [[nodiscard]] std::string parameter_of(const std::string& module) const {
    const bool inner = module.ends_with(kInner);
    const std::string outer = inner ? module.substr(0, module.size() - kInner.size()) : module;
    const std::set<std::string> names = targets_in(outer);
    const std::string other = inner ? outer : module + std::string(kInner);
    const bool has_other = modules_.contains(other);
    if (names.size() == 1 && !inner && !has_other) return outer + "." + *names.begin();
    if (names == std::set<std::string>{"down_proj", "up_proj"} && has_other) {
      const auto [in, out] = sides(module);
      const bool mirrored = sides(other) == std::array{out, in};
      return mirrored ? outer + (inner ? ".up_proj" : ".down_proj") : module;
    }
    if (names != std::set<std::string>{"down_proj", "gate_up_proj"} || !has_other) return module;
    const bool first = is_gate_up(module, other);
    if (first == is_gate_up(other, module)) return module;
    return outer + (first ? ".gate_up_proj" : ".down_proj");
  }
  /// The columns of A and the rows of B; -1: there are none.
  [[nodiscard]] std::array<std::int64_t, 2> sides(const std::string& module) const {
    const Factors& factors = modules_.at(module);
    if (factors.a == nullptr || factors.b == nullptr || factors.a->shape.size() < 2) {
      return {-1, -1};
    }
    return {factors.a->shape[1], factors.b->shape[0]};
  }
  /// True if the sizes of `one` are those of gate and up together, and `other` is their down.
  [[nodiscard]] bool is_gate_up(const std::string& one, const std::string& other) const {
    const auto mine = sides(one);
    const auto theirs = sides(other);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t j = 0; j < 2; ++j) {
        if (mine[i] == 2 * theirs[j] && mine[1 - i] == theirs[1 - j]) return true;
      }
    }
    return false;
  }

  Catalogue& catalogue_;
  const AdapterConfig& config_;
  std::string place_;
  std::map<std::string, Factors> modules_;
  /// Of `target_parameters`: the module, as it ends, and names in it.
  std::map<std::string, std::set<std::string>, std::less<>> targets_;
  std::set<std::size_t> target_sizes_;  ///< of the keys above
  bool has_plain_target_ = false;       ///< one that names no module
};

}  // namespace

std::string changed_by_rows(const std::string& name) {
  std::string module = name.substr(0, name.size() - kTokenRows.size());
  constexpr std::string_view kAround = ".token_adapter";
  if (module.ends_with(kAround)) module.erase(module.size() - kAround.size());
  return module + ".weight";
}

void assemble_adapter(Catalogue& catalogue) {
  const std::filesystem::path file = catalogue.root / kAdapterConfig;
  const std::string place = printable(file.string());
  std::vector<std::string> problems;
  JsonFacts facts = read_json_facts(file, problems);
  if (!problems.empty()) throw Error(Blame::input, problems.front());
  if (facts.empty()) {
    throw Error(Blame::input,
                place + ": expected the rank and alpha of the adapter, found no such file");
  }
  catalogue.no_base = why_not_added(facts);
  const AdapterConfig config(std::move(facts), place);
  Assembly(catalogue, config, printable(catalogue.root.string())).run();
}

namespace {

/// The files are of another format, which reads them.
FolderContent classify(const std::vector<std::string>& names) {
  FolderContent content;
  for (const std::string_view name : kAdapterNames) {
    if (!has_name(names, name)) continue;
    content.kind = FolderContent::Kind::files;
    content.format =
        name.ends_with(".safetensors") ? safetensors_format().name : torch_format().name;
    content.weights = {std::string(name)};
    content.adapter = true;
    break;
  }
  return content;
}

}  // namespace

const Format& lora_format() {
  static constexpr Format kFormat{.name = kLora, .classify = classify};
  return kFormat;
}

}  // namespace wishart::checkpoint
