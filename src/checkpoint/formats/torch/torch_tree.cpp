#include "formats/torch/torch_tree.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

using Kind = Pickle::Kind;

constexpr int kMaxDepth = 100;  // of dicts in dicts

/// Keys under which trainers store the weights. The first that exists counts.
constexpr std::array<std::string_view, 7> kStateDictKeys{
    "state_dict", "model_state_dict", "model", "module", "model_state", "net", "params"};

/// The JSON value of a number, a text, a dtype, integers, or a dict of them; empty for other nodes.
std::string json_of(const Pickle& pickle, PickleRef node, int depth) {
  if (const auto integer = pickle.integer(node)) return std::to_string(*integer);
  if (const auto integers = pickle_integers(pickle, node)) {
    std::string text;
    for (const std::int64_t one : *integers)
      text += (text.empty() ? "" : ",") + std::to_string(one);
    return "[" + text + "]";
  }
  const Kind kind = pickle.kind(node);
  if (kind == Kind::boolean) return pickle.is_true(node) ? "true" : "false";
  if (kind == Kind::text) return json_quoted(pickle.text(node));
  if (kind == Kind::symbol) return json_quoted(pickle.name(node));
  if (const auto real = pickle.real(node)) return std::to_string(*real);
  if (kind != Kind::dict) return {};
  constexpr int kDeepest = 3;  // the module, its `meta`, and the `meta_zero` in it
  if (depth == kDeepest) return {};
  std::string text;
  const std::vector<PickleRef> pairs = pickle.items(node);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (pickle.kind(pairs[i]) != Kind::text) continue;
    const std::string value = json_of(pickle, pairs[i + 1], depth + 1);
    if (value.empty()) continue;
    text += (text.empty() ? "" : ",") + json_quoted(pickle.text(pairs[i])) + ":" + value;
  }
  return "{" + text + "}";
}

/// Walks dicts, lists and modules, visiting each once.
class Walk {
public:
  Walk(const Pickle& pickle, TorchTree& tree) : p_(pickle), tree_(tree) {}

  void visit(PickleRef node, const std::string& name, int depth) {
    if (depth > kMaxDepth) {
      throw Error(Blame::input, p_.place() + ": " + in_quotes(name, 100) + " is nested more than " +
                                    std::to_string(kMaxDepth) + " levels deep");
    }
    if (std::optional<TorchTensor> tensor = torch_tensor(p_, node, name, tree_.warnings)) {
      tree_.tensors.push_back(std::move(*tensor));
      return;
    }
    const Kind kind = p_.kind(node);
    const bool container = kind == Kind::dict || kind == Kind::object || kind == Kind::list;
    if (!container || !visited_.insert(node).second) return;
    if (kind == Kind::list) {
      visit_list(node, name, depth);
    } else {
      visit_pairs(node, name, depth);
    }
    if (kind == Kind::object) visit_module(node, name, depth);
  }

private:
  static std::string joined(const std::string& name, std::string_view key) {
    return name.empty() ? std::string(key) : name + "." + std::string(key);
  }
  void visit_list(PickleRef node, const std::string& name, int depth) {
    std::size_t index = 0;
    for (const PickleRef item : p_.items(node)) {
      visit(item, joined(name, std::to_string(index++)), depth + 1);
    }
  }
  void visit_pairs(PickleRef node, const std::string& name, int depth) {
    const std::vector<PickleRef> pairs = p_.items(node);
    // hqq, core/quantize.py: state_dict of HQQLinear has both of these keys.
    const bool hqq =
        p_.value(node, "W_q") != Pickle::kNone || p_.value(node, "offload_meta") != Pickle::kNone;
    if (hqq && p_.kind(node) == Kind::dict) {
      tree_.facts.emplace_back(joined(name, "W_q"), json_of(p_, node, 0));
    }
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const std::optional<std::int64_t> number = p_.integer(pairs[i]);
      if (p_.kind(pairs[i]) != Kind::text && !number) continue;
      const std::string key =
          joined(name, number ? std::to_string(*number) : std::string(p_.text(pairs[i])));
      if (is_training_state(key)) continue;
      visit(pairs[i + 1], key, depth + 1);
    }
  }
  /// A pickled torch.nn.Module: its state has parameters, buffers and modules by name.
  void visit_module(PickleRef node, const std::string& name, int depth) {
    const PickleRef state = p_.state(node);
    for (const char* key : {"_parameters", "_buffers", "_modules"}) {
      const PickleRef members = p_.value(state, key);
      if (members != Pickle::kNone) visit_pairs(members, name, depth + 1);
    }
  }

  const Pickle& p_;
  TorchTree& tree_;
  std::unordered_set<PickleRef> visited_;
};

bool is_dict(const Pickle& pickle, PickleRef node) {
  return pickle.kind(node) == Kind::dict || pickle.kind(node) == Kind::object;
}

/// Removes prefixes that wrappers put before every name.
void strip_common_prefixes(TorchTree& tree) {
  std::vector<TorchTensor>& tensors = tree.tensors;
  constexpr std::array<std::string_view, 4> kPrefixes{"module.", "_orig_mod.", "_forward_module.",
                                                      "_fsdp_wrapped_module."};
  for (bool stripped = !tensors.empty(); stripped;) {
    stripped = false;
    for (const std::string_view prefix : kPrefixes) {
      const bool all = std::all_of(tensors.begin(), tensors.end(), [&](const TorchTensor& tensor) {
        return tensor.name.starts_with(prefix) && tensor.name.size() > prefix.size();
      });
      if (!all) continue;
      for (TorchTensor& tensor : tensors) tensor.name.erase(0, prefix.size());
      for (auto& [name, facts] : tree.facts) {
        if (name.starts_with(prefix)) name.erase(0, prefix.size());
      }
      stripped = true;
    }
  }
}

}  // namespace

bool is_training_state(std::string_view name) {
  // At the front of a name, and anywhere in it.
  constexpr std::array<std::string_view, 10> kFronts{
      "optimizer", "optim.",      "optim_",     "lr_scheduler", "scheduler",
      "lr_sched",  "train_state", "dataloader", "rng_state",    "random_rng_state"};
  constexpr std::array<std::string_view, 4> kAnywhere{"exp_avg", "fp32_param", "_extra_state",
                                                      "optimizer_states"};
  if (name == "optim" || name == "rng") return true;
  return std::any_of(kFronts.begin(), kFronts.end(),
                     [&](std::string_view front) { return name.starts_with(front); }) ||
         std::any_of(kAnywhere.begin(), kAnywhere.end(), [&](std::string_view part) {
           return name.find(part) != std::string_view::npos;
         });
}

std::vector<TorchTensor> torch_tensors(const Pickle& pickle, PickleRef node,
                                       std::vector<std::string>& warnings) {
  TorchTree tree;
  Walk(pickle, tree).visit(node, "", 0);
  warnings.insert(warnings.end(), tree.warnings.begin(), tree.warnings.end());
  return std::move(tree.tensors);
}

TorchTree read_torch_tree(const Pickle& pickle) {
  TorchTree tree;
  const PickleRef top = pickle.top();
  for (const std::string_view key : {"global_step", "iteration", "step"}) {
    const std::optional<std::int64_t> step = pickle.integer(pickle.value(top, key));
    if (step && *step >= 0 && tree.step < 0) tree.step = *step;
  }
  // Take the state dict under a usual key if it has tensors; a second level handles {'model':
  // {'module': ...}}.
  PickleRef root = top;
  for (int level = 0; level < 2; ++level) {
    for (const std::string_view key : kStateDictKeys) {
      const PickleRef inner = pickle.value(root, key);
      if (inner == Pickle::kNone || !is_dict(pickle, inner)) continue;
      TorchTree found;
      Walk(pickle, found).visit(inner, "", 0);
      const bool one_module = found.tensors.size() == 1 && found.tensors[0].name.empty();
      if (found.tensors.empty() || one_module) continue;
      root = inner;
      break;
    }
  }
  Walk(pickle, tree).visit(root, "", 0);
  for (const TorchTensor& tensor : tree.tensors) {
    if (tensor.name.find('\0') != std::string::npos) {
      throw Error(Blame::input, pickle.place() + ": tensor " + in_quotes(tensor.name) +
                                    ": expected a name without NUL");
    }
  }
  strip_common_prefixes(tree);
  return tree;
}

}  // namespace wishart::checkpoint
