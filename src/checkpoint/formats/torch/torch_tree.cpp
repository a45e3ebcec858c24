#include "formats/torch/torch_tree.hpp"

#include <algorithm>
#include <array>
#include <optional>
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

/// The facts beside the codes of one module of hqq.
class ModuleFacts {
public:
  explicit ModuleFacts(const Pickle& pickle) : p_(pickle) {}

  /// A JSON object, or nothing if there is more of them than a module has.
  [[nodiscard]] std::optional<std::string> json(PickleRef node) {
    std::string text = json_of(node, 0);
    if (left_ == 0) return std::nullopt;
    return text;
  }

private:
  /// Dicts may be shared, so that few of them make any amount of text.
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;
  static constexpr std::size_t kValueBytes = 16;  // of one that makes no text

  /// True if `bytes` more may be made.
  bool take(std::size_t bytes) {
    left_ -= std::min(bytes, left_);
    return left_ > 0;
  }

  /// The JSON value of a number, a text, a dtype, integers, or a dict of them; empty for other
  /// nodes.
  std::string json_of(PickleRef node, int depth) {
    const Kind kind = p_.kind(node);
    const std::size_t text_bytes = kind == Kind::text     ? p_.text(node).size()
                                   : kind == Kind::symbol ? Pickle::kMaxSymbolBytes
                                                          : 0;
    if (!take(kValueBytes + text_bytes)) return {};
    if (const auto integer = p_.integer(node)) return std::to_string(*integer);
    if (const auto integers = pickle_integers(p_, node)) {
      std::string text;
      for (const std::int64_t one : *integers) {
        text.append(text.empty() ? "" : ",").append(std::to_string(one));
      }
      static_cast<void>(take(text.size()));
      return "[" + text + "]";
    }
    if (kind == Kind::boolean) return p_.is_true(node) ? "true" : "false";
    if (kind == Kind::text) return json_quoted(p_.text(node));
    if (kind == Kind::symbol) return json_quoted(p_.name(node));
    if (const auto real = p_.real(node)) return std::to_string(*real);
    if (kind != Kind::dict) return {};
    constexpr int kDeepest = 3;  // the module, its `meta`, and the `meta_zero` in it
    if (depth == kDeepest) return {};
    std::string text;
    const std::vector<PickleRef> pairs = p_.items(node, 2 * kMaxBytes / kValueBytes);
    for (std::size_t i = 0; i + 1 < pairs.size() && left_ > 0; i += 2) {
      static_cast<void>(take(kValueBytes));
      if (p_.kind(pairs[i]) != Kind::text) continue;
      const std::string value = json_of(pairs[i + 1], depth + 1);
      if (value.empty() || !take(p_.text(pairs[i]).size())) continue;
      text.append(text.empty() ? "" : ",").append(json_quoted(p_.text(pairs[i])));
      text.append(":").append(value);
    }
    return "{" + text + "}";
  }

  const Pickle& p_;
  std::size_t left_ = kMaxBytes;
};

/// Walks dicts, lists and modules, visiting each once.
class Walk {
public:
  Walk(const Pickle& pickle, TorchTree& tree, NameBudget& names)
      : p_(pickle), tree_(tree), names_(names) {}

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
  /// Other nodes need no name.
  [[nodiscard]] bool may_hold_tensors(PickleRef node) const {
    const Kind kind = p_.kind(node);
    return kind == Kind::dict || kind == Kind::object || kind == Kind::list;
  }
  void visit_list(PickleRef node, const std::string& name, int depth) {
    std::size_t index = 0;
    for (const PickleRef item : p_.items(node)) {
      const std::size_t number = index++;
      if (!may_hold_tensors(item)) continue;
      visit(item, names_.joined(name, std::to_string(number)), depth + 1);
    }
  }
  void visit_pairs(PickleRef node, const std::string& name, int depth) {
    const std::vector<PickleRef> pairs = p_.items(node);
    names_.take(pairs.size());  // modules may share their members
    // hqq, core/quantize.py: state_dict of HQQLinear has both of these keys.
    const bool hqq =
        p_.value(node, "W_q") != Pickle::kNone || p_.value(node, "offload_meta") != Pickle::kNone;
    if (hqq && p_.kind(node) == Kind::dict) {
      add_facts(node, names_.joined(name, "W_q"));
    }
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const std::optional<std::int64_t> number = p_.integer(pairs[i]);
      if (p_.kind(pairs[i]) != Kind::text && !number) continue;
      if (!may_hold_tensors(pairs[i + 1])) continue;
      const std::string key = number ? names_.joined(name, std::to_string(*number))
                                     : names_.joined(name, p_.text(pairs[i]));
      if (is_training_state(key)) continue;
      visit(pairs[i + 1], key, depth + 1);
    }
  }
  void add_facts(PickleRef node, std::string name) {
    std::optional<std::string> json = ModuleFacts(p_).json(node);
    if (!json) {
      throw Error(Blame::input, p_.place() + ": " + in_quotes(name, 100) +
                                    ": expected facts of at most 1 MiB beside it, found more");
    }
    names_.take(json->size());
    tree_.facts.emplace_back(std::move(name), std::move(*json));
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
  NameBudget& names_;
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
  constexpr int kMaxRounds = 16;  // each of which moves all names
  bool stripped = !tensors.empty();
  for (int round = 0; stripped && round < kMaxRounds; ++round) {
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

/// True if a word of a dotted name is that of an optimizer.
bool has_optimizer_word(std::string_view name) {
  constexpr std::array<std::string_view, 3> kWords{"optim", "optimizer", "optimizers"};
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('.'), name.size());
    if (std::find(kWords.begin(), kWords.end(), name.substr(0, end)) != kWords.end()) return true;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return false;
}

}  // namespace

bool is_training_state(std::string_view name) {
  // At the front of a name, and anywhere in it. Megatron-Core's chained optimizers (`chained_0.`)
  // and PyTorch's recipe of an AppState (`app.optim.`) put other words before that of the
  // optimizer.
  constexpr std::array<std::string_view, 10> kFronts{
      "optimizer", "optim.",      "optim_",     "lr_scheduler", "scheduler",
      "lr_sched",  "train_state", "dataloader", "rng_state",    "random_rng_state"};
  constexpr std::array<std::string_view, 5> kAnywhere{"exp_avg", "momentum_buffer", "fp32_param",
                                                      "_extra_state", "optimizer_states"};
  if (name == "rng" || has_optimizer_word(name)) return true;
  return std::any_of(kFronts.begin(), kFronts.end(),
                     [&](std::string_view front) { return name.starts_with(front); }) ||
         std::any_of(kAnywhere.begin(), kAnywhere.end(), [&](std::string_view part) {
           return name.find(part) != std::string_view::npos;
         });
}

std::vector<TorchTensor> torch_tensors(const Pickle& pickle, PickleRef node,
                                       std::vector<std::string>& warnings, NameBudget& names) {
  TorchTree tree;
  Walk(pickle, tree, names).visit(node, "", 0);
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
  NameBudget budget(pickle.place(), static_cast<std::int64_t>(pickle.size_bytes()));
  for (int level = 0; level < 2; ++level) {
    for (const std::string_view key : kStateDictKeys) {
      const PickleRef inner = pickle.value(root, key);
      if (inner == Pickle::kNone || !is_dict(pickle, inner)) continue;
      TorchTree found;
      NameBudget names = budget;
      Walk(pickle, found, names).visit(inner, "", 0);
      const bool one_module = found.tensors.size() == 1 && found.tensors[0].name.empty();
      if (found.tensors.empty() || one_module) continue;
      root = inner;
      break;
    }
  }
  Walk(pickle, tree, budget).visit(root, "", 0);
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
