#include "expert_changes.hpp"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::checkpoint {
namespace {

/// A factor with its strides, as add_experts in formats/lora makes them.
Tensor strided(Tensor matrix) {
  if (!matrix.extents.empty()) return matrix;
  matrix.extents = {{{0, 0}, matrix.shape, {matrix.shape[1], 1}, matrix.file, matrix.offset_bytes}};
  return matrix;
}
/// A matrix of whole elements as it lies: a part of a product.
Tensor turned(Tensor matrix) {
  std::swap(matrix.shape[0], matrix.shape[1]);
  for (Extent& extent : matrix.extents) {
    std::swap(extent.size[0], extent.size[1]);
    std::swap(extent.strides[0], extent.strides[1]);
  }
  return matrix;
}
Tensor some_rows(Tensor matrix, std::int64_t first, std::int64_t count, std::int64_t step) {
  matrix.shape[0] = count;
  matrix.num_elements = count * matrix.shape[1];
  for (Extent& extent : matrix.extents) {
    extent.offset_bytes += first * extent.strides[0] * (dtype_bits(matrix.dtype) / 8);
    extent.size[0] = count;
    extent.strides[0] *= step;
  }
  return matrix;
}

/// Changes of the experts of a stack, as PEFT's `target_parameters` makes them.
///
/// The product B_e A_e of expert e is [out, in] by PEFT's names. PEFT took every stack for
/// [experts, in, out] (0033694), and takes those for [experts, out, in] now whose module does not
/// say that it is transposed (5d602fd, tuners/lora/layer.py, ParamWrapper). So the change of a
/// weight [out, in] is the product or its transpose. Shapes tell which; those of square experts do
/// not, but one adapter has them all alike.
class ExpertChanges {
public:
  ExpertChanges(const Base& base, const Catalogue& adapter, const std::string& place)
      : base_(base), place_(place) {
    for (const Tensor& tensor : adapter.tensors) {
      if (tensor.encoding != Encoding::product) continue;
      if (const auto expert = expert_of(tensor.name)) {
        std::int64_t& count = num_experts_[expert->stack];
        count = std::max(count, expert->number + 1);
      }
    }
  }

  /// True if `change` is of one expert of a stack; then appends what replaces it, and names the
  /// stack in `taken`.
  bool add(const Tensor& change, std::vector<Tensor>& out, std::unordered_set<std::string>& taken) {
    const std::optional<ExpertName> name = expert_of(change.name);
    if (!name || base_.find(change.name) != nullptr) return false;
    const std::string& stack_name = name->stack;
    const std::int64_t expert = name->number;
    for (const char* ending : {"", ".weight"}) {
      const Tensor* stack = base_.find(stack_name + ending);
      if (stack == nullptr || stack->shape.size() != 3) continue;
      taken.insert(stack->name);
      if (expert >= stack->shape[0]) {
        fail(change, "the base has " + shape_of(*stack), std::string(kOrCorrectRank));
      }
      if (last_stack_ != stack) singles_ = single_experts(*stack, base_.config());
      last_stack_ = stack;
      ++changed_[stack];
      const std::vector<Tensor>& singles = singles_;
      if (singles.empty()) {
        out.push_back(of_slice(change, *stack, expert));
      } else {
        const std::size_t each = singles.size() / static_cast<std::size_t>(stack->shape[0]);
        for (std::size_t part = 0; part < each; ++part) {
          const Tensor& single = singles[static_cast<std::size_t>(expert) * each + part];
          out.push_back(of_part(change, *stack, single, single, expert));
        }
      }
      return true;
    }
    return of_single_weights(change, stack_name, expert, out, taken);
  }

  /// Refuses stacks of which only some experts were changed: the adapter is of another model.
  void finish() const {
    for (const auto& [stack, count] : changed_) {
      if (count == stack->shape[0]) continue;
      fail(*stack, "it changes only " + std::to_string(count) + " of its experts",
           std::string(kOrCorrectRank));
    }
    for (const auto& [stack, last] : last_of_) {
      const Tensor* next = base_.find(last.second);
      if (next != nullptr) {
        fail(*next, "it changes only " + std::to_string(last.first + 1) + " of the experts",
             std::string(kOrCorrectRank));
      }
    }
  }

private:
  struct ExpertName {
    std::string stack;
    std::int64_t number = 0;
  };
  /// `stack[3]`, as formats/lora names the changes of experts, or `experts.gate_up_projs.3.weight`
  /// of unsloth's gpt-oss (experts.cpp).
  static std::optional<ExpertName> expert_of(const std::string& name) {
    const std::size_t at = name.rfind('[');
    if (at != std::string::npos && name.ends_with(']')) {
      return ExpertName{name.substr(0, at), std::stoll(name.substr(at + 1))};
    }
    for (const std::string kind : {".experts.gate_up_projs.", ".experts.down_projs."}) {
      const std::size_t found = name.rfind(kind);
      if (found == std::string::npos) continue;
      const std::string rest = name.substr(found + kind.size());
      const std::size_t digits = rest.find_first_not_of("0123456789");
      if (digits == 0 || digits > 9 || rest.substr(digits) != ".weight") return std::nullopt;
      return ExpertName{name.substr(0, found + kind.size() - 2), std::stoll(rest)};
    }
    return std::nullopt;
  }

  /// A stack that the base does not have as one tensor, and what its experts' weights are called.
  struct Imagined {
    Tensor stack;
    std::vector<Tensor> singles;  ///< of all its experts and of one more
    std::size_t each = 0;         ///< of an expert
  };

  [[noreturn]] void fail(const Tensor& change, const std::string& why,
                         const std::string& otherwise = "") const {
    throw Error(Blame::input, "--with-base: the adapter in " + place_ + " changes '" +
                                  printable(change.name) + "' of shape " + shape_of(change) +
                                  ", but " + why +
                                  ". Name the model that the adapter was trained on" + otherwise);
  }
  static std::string shape_of(const Tensor& tensor) {
    return printable(shape_text(tensor.shape), 100);
  }
  [[nodiscard]] bool is_transposed_family() const {
    const std::string& type = base_.config().model_type;
    return type == "gpt_oss" || type == "llama4" || type == "llama4_text";
  }

  /// The change of a matrix with so many outputs and inputs, as [outputs, inputs].
  [[nodiscard]] std::pair<Tensor, Tensor> factors(const Tensor& change, std::int64_t outputs,
                                                  std::int64_t inputs, const std::string& found) {
    const bool fits = change.shape == std::vector{outputs, inputs};
    const bool turned_fits = change.shape == std::vector{inputs, outputs};
    if (!fits && !turned_fits) fail(change, "the base has " + found);
    if (outputs != inputs) {
      mixed_ = mixed_ || (as_is_ && *as_is_ != fits);
      as_is_ = fits;
    } else if (!as_is_ || mixed_) {
      fail(change,
           "its experts are square, and nothing tells whether PEFT took their rows for "
           "inputs or outputs");
    }
    Tensor left = strided(change.parts[0]);
    Tensor right = strided(change.parts[1]);
    if (*as_is_) return {std::move(left), std::move(right)};
    return {turned(std::move(right)), turned(std::move(left))};
  }

  /// The rows of the change that belong to one part of the stack, added to that part.
  [[nodiscard]] Tensor of_part(const Tensor& change, const Tensor& stack, const Tensor& place,
                               const Tensor& weight, std::int64_t expert) {
    const std::int64_t width = stack.shape[2];
    const bool in_out = place.numbers[1] < place.numbers[2];
    const std::int64_t outputs = in_out ? width : stack.shape[1];
    const std::int64_t inputs = in_out ? stack.shape[1] : width;
    auto [left, right] = factors(change, outputs, inputs, shape_of(stack));
    const std::int64_t unit = in_out ? 1 : width;
    const std::int64_t first = place.numbers[0] - expert * stack.shape[1] * width;
    Tensor part = change;
    part.name = place.name;
    part.shape = place.shape;
    part.num_elements = place.num_elements;
    part.parts = {some_rows(std::move(left), first / unit, place.shape[0], place.numbers[1] / unit),
                  std::move(right)};
    return merged(weight, part);
  }

  /// A stack that is analysed as it is stored.
  [[nodiscard]] Tensor of_slice(const Tensor& change, const Tensor& stack, std::int64_t expert) {
    const std::int64_t rows = stack.shape[1];
    const std::int64_t width = stack.shape[2];
    // MXFP4 is stored [out, in] in every family; other stacks of the transposed ones [in, out].
    const bool in_out = is_transposed_family() && !stack.stored_as.starts_with("MXFP4");
    Tensor slice = stack;
    slice.name = change.name;
    slice.shape = {rows, width};
    slice.num_elements = rows * width;
    slice.extents.clear();
    slice.encoding = Encoding::view;
    slice.numbers = {expert * rows * width, width, 1};
    slice.factor = 1.0;
    slice.stored_as = storage_text(stack);
    slice.parts = {stack};
    slice.parts.front().name.clear();
    auto [left, right] = in_out ? factors(change, width, rows, shape_of(stack))
                                : factors(change, rows, width, shape_of(stack));
    Tensor part = change;
    part.shape = slice.shape;
    part.parts = in_out ? std::vector{turned(std::move(right)), turned(std::move(left))}
                        : std::vector{std::move(left), std::move(right)};
    return merged(slice, part);
  }

  /// A base that has one tensor for each expert: their names and parts are those of the stack that
  /// the adapter was trained on.
  bool of_single_weights(const Tensor& change, const std::string& stack_name, std::int64_t expert,
                         std::vector<Tensor>& out, std::unordered_set<std::string>& taken) {
    // The stack may have been stored either way: the names and shapes are the same.
    for (const bool other : {false, true}) {
      const Imagined& all = imagined(change, stack_name, other);
      const auto single = [&](std::size_t part) -> const Tensor& {
        return all.singles[static_cast<std::size_t>(expert) * all.each + part];
      };
      std::vector<const Tensor*> weights;
      for (std::size_t part = 0; part < all.each; ++part) {
        const Tensor* weight = base_.find(single(part).name);
        if (weight != nullptr && weight->shape == single(part).shape && has_weights(*weight)) {
          weights.push_back(weight);
        }
      }
      if (all.each == 0 || weights.size() != all.each) continue;
      for (std::size_t part = 0; part < all.each; ++part) {
        out.push_back(of_part(change, all.stack, single(part), *weights[part], expert));
        taken.insert(single(part).name);
        // unsloth's gpt-oss has gate and up in one tensor.
        if (const Tensor* both = base_.stack_with(single(part).name)) taken.insert(both->name);
      }
      // One expert more in the base: the adapter is of another model.
      const std::string& next = single(2 * all.each - 1).name;
      last_of_[stack_name] = std::max(last_of_[stack_name], std::pair(expert, next));
      return true;
    }
    return false;
  }

  /// Made once for each stack: with each of its experts anew, the time would grow with the square
  /// of their number. `other`: with rows and columns exchanged.
  const Imagined& imagined(const Tensor& change, const std::string& stack_name, bool other) {
    const auto [found, made] = imagined_.try_emplace({stack_name, other});
    Imagined& all = found->second;
    if (!made) return all;
    const std::int64_t count = num_experts_.at(stack_name) + 1;
    all.stack.name = stack_name;
    all.stack.shape = {count, change.shape[other ? 1 : 0], change.shape[other ? 0 : 1]};
    all.stack.num_elements = count * change.num_elements;
    all.singles = single_experts(all.stack, base_.config());
    all.each = all.singles.size() / static_cast<std::size_t>(count);
    return all;
  }

  static Tensor merged(const Tensor& weight, const Tensor& change) {
    Tensor sum = sum_of(weight, change, 1.0);
    sum.stored_as = storage_text(weight) + " + " + storage_text(change);
    return sum;
  }

  const Base& base_;
  const std::string& place_;
  const Tensor* last_stack_ = nullptr;
  std::vector<Tensor> singles_;  ///< of last_stack_
  std::map<const Tensor*, std::int64_t> changed_;
  std::map<std::string, std::int64_t> num_experts_;  ///< that the adapter changes, by stack
  std::map<std::pair<std::string, bool>, Imagined> imagined_;
  /// Of stacks that the base has as single weights: the last expert, and what the next would be.
  std::map<std::string, std::pair<std::int64_t, std::string>> last_of_;
  std::optional<bool> as_is_;  ///< of experts that are not square
  bool mixed_ = false;
};

}  // namespace

void add_expert_changes(Catalogue& adapter, const Base& base,
                        std::unordered_set<std::string>& taken) {
  const std::string place = printable(adapter.root.string());
  ExpertChanges experts(base, adapter, place);
  std::vector<Tensor> made;
  std::unordered_set<std::string> replaced;
  // Those of square experts last: the others tell how to take them.
  for (const bool square : {false, true}) {
    for (const Tensor& tensor : adapter.tensors) {
      const bool is_change =
          tensor.encoding == Encoding::product && (tensor.shape[0] == tensor.shape[1]) == square;
      if (is_change && experts.add(tensor, made, taken)) replaced.insert(tensor.name);
    }
  }
  experts.finish();
  std::erase_if(adapter.tensors,
                [&](const Tensor& tensor) { return replaced.contains(tensor.name); });
  std::move(made.begin(), made.end(), std::back_inserter(adapter.tensors));
}

}  // namespace wishart::checkpoint
