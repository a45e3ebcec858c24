#include "quantised/quantised.hpp"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/checkpoint/reasons.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "quantised/doubtful.hpp"
#include "quantised/made_weight.hpp"
#include "quantised/quantised_rules.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// Nothing to look for where all elements are wide floats and nothing is declared. hqq may view its
/// bytes as such floats.
bool could_have_parts(const Catalogue& catalogue, const HeaderEntries& entries) {
  const bool hqq = std::any_of(entries.begin(), entries.end(),
                               [](const auto& entry) { return entry.first.ends_with(kHqqCodes); });
  return hqq ||
         std::any_of(catalogue.tensors.begin(), catalogue.tensors.end(), [](const Tensor& tensor) {
           if (tensor.name.ends_with(kHqqCodes)) return true;
           return tensor.encoding == Encoding::plain &&
                  (dtype_bits(tensor.dtype) <= 8 || !is_weight_dtype(tensor.dtype));
         });
}

std::string_view parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot);
}

/// Of ComfyUI: weights of FP8 have their `scale_weight`.
constexpr std::string_view kComfyMarker = "scaled_fp8";

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

/// Moves tensors out of the list, with the reason.
class LeftOutTensors {
public:
  void add(const std::string& name, const std::string& detail) { details_.emplace(name, detail); }
  [[nodiscard]] bool contains(const std::string& name) const { return details_.contains(name); }

  void move_out(Catalogue& catalogue, const char* reason) const {
    if (details_.empty()) return;
    for (Tensor& tensor : catalogue.tensors) {
      const auto found = details_.find(tensor.name);
      if (found != details_.end()) catalogue.left_out.push_back({tensor, reason, found->second});
    }
    std::erase_if(catalogue.tensors,
                  [&](const Tensor& tensor) { return details_.contains(tensor.name); });
  }

private:
  std::unordered_map<std::string, std::string> details_;
};

/// Of a quantisation that is not read: whatever is in a module with codes, or is named as a part.
void leave_out_modules(Catalogue& catalogue, const Declared& declared) {
  std::unordered_set<std::string_view> modules;
  for (const Tensor& tensor : catalogue.tensors) {
    const bool wide = is_weight_dtype(tensor.dtype) && dtype_bits(tensor.dtype) >= 16;
    if (!wide) modules.insert(parent_of(tensor.name));
  }
  LeftOutTensors out;
  for (const Tensor& tensor : catalogue.tensors) {
    if (modules.contains(parent_of(tensor.name))) out.add(tensor.name, declared.problem);
  }
  for (const Doubt& doubt : doubtful_tensors(catalogue, declared, false)) {
    for (const std::string& name : doubt.tensors) out.add(name, declared.problem);
  }
  out.move_out(catalogue, kQuantisedNotRead);
}

/// Rotations of compressed-tensors, saved as `<module>.<name>_<location>.weight`.
void leave_out_rotations(Catalogue& catalogue, const Declared& declared) {
  if (declared.rotations.empty()) return;
  LeftOutTensors out;
  for (const Tensor& tensor : catalogue.tensors) {
    std::string_view own = tensor.name;
    if (own.ends_with(".weight")) own.remove_suffix(7);
    own = own.substr(own.rfind('.') + 1);
    for (const std::string& rotation : declared.rotations) {
      if (!own.starts_with(rotation + "_")) continue;
      out.add(tensor.name, "a rotation of the inputs or outputs of a layer, no weight");
    }
  }
  out.move_out(catalogue, "rotation");
  catalogue.warnings.push_back(
      printable(catalogue.root.string()) +
      ": the weights are rotated (transform_config): singular values are those of the rotated "
      "weights, which may contain the gain of a norm, and a test that shuffles elements means "
      "less");
}

/// Layers of which ComfyUI says a layout that is not read. Names, types and shapes may be those of
/// another scheme with another order of codes and scales.
void leave_out_comfy_layouts(const Catalogue& catalogue, QuantisedParts& parts, bool allow_unknown,
                             LeftOutTensors& out) {
  std::unordered_map<std::string_view, std::string> modules;
  for (const Tensor& tensor : catalogue.tensors) {
    const std::string module = stem_of(tensor.name, kComfyLayout);
    if (module.empty()) continue;
    const std::string problem = comfy_problem(parts, tensor, module);
    if (problem.empty()) {
      static_cast<void>(parts.take(tensor.name, module + ".weight"));
      continue;
    }
    if (!allow_unknown) parts.fail(module + ".weight", problem);
    modules.emplace(parent_of(tensor.name), problem);
  }
  for (const Tensor& tensor : catalogue.tensors) {
    const auto found = modules.find(parent_of(tensor.name));
    if (found != modules.end()) out.add(tensor.name, found->second);
  }
}

/// Layers of hqq in a pickle whose codes are missing: what is left of them are two floats.
void check_hqq_codes(const Catalogue& catalogue, const HeaderEntries& entries,
                     const QuantisedParts& parts, bool allow_unknown, LeftOutTensors& out) {
  for (const auto& [codes, facts] : entries) {
    const std::string module = stem_of(codes, kHqqCodes);
    if (module.empty() || parts.is_used(codes) || parts.find(codes) != nullptr) continue;
    const std::string what = "expected " + in_quotes(codes) + " beside it, found none";
    if (!allow_unknown) parts.fail(module + ".weight", what);
    for (const Tensor& tensor : catalogue.tensors) {
      if (tensor.name.starts_with(module + ".")) out.add(tensor.name, what);
    }
  }
}

}  // namespace

void assemble_quantised(Catalogue& catalogue, const HeaderEntries& entries, bool allow_unknown) {
  // ONNX and GGUF name their own parts, and pair them when they read their files. A config beside
  // them is that of the model that they were made from.
  const bool by_name = catalogue.format != "onnx" && catalogue.format != "gguf";
  Declared declared;
  declared.method = method::kNone;
  if (by_name) declared = declared_quantisation(catalogue, entries);
  if (!declared.problem.empty()) {
    if (!allow_unknown) {
      const auto place = declared.file.empty() ? catalogue.root : catalogue.root / declared.file;
      throw Error(Blame::input, printable(place.string()) + ": " + declared.problem +
                                    ". With --allow-unknown its tensors are left out");
    }
    return leave_out_modules(catalogue, declared);
  }
  leave_out_rotations(catalogue, declared);
  if (declared.method == method::kNone && !could_have_parts(catalogue, entries)) return;
  QuantisedParts parts(catalogue, declared, entries);
  std::vector<Tensor> made;
  LeftOutTensors out;
  leave_out_comfy_layouts(catalogue, parts, allow_unknown, out);
  for (const Tensor& tensor : catalogue.tensors) {
    if (out.contains(tensor.name)) continue;
    parts.begin_weight();
    try {
      if (std::optional<Tensor> weight = assembled(parts, tensor)) {
        made.push_back(std::move(*weight));
      }
    } catch (const SystemFailure&) {
      throw;
    } catch (const Error& error) {
      if (!allow_unknown || error.blame() != Blame::input) throw;
      out.add(tensor.name, error.what());
      for (const std::string& name : parts.give_back()) out.add(name, error.what());
    }
  }
  check_hqq_codes(catalogue, entries, parts, allow_unknown, out);
  if (!made.empty()) {
    std::erase_if(catalogue.tensors, [&](const Tensor& tensor) {
      return parts.is_used(tensor.name) || is_of_activations(tensor.name) ||
             last_part(tensor.name) == kComfyMarker;
    });
  }
  if (by_name) {
    for (const Doubt& doubt : doubtful_tensors(catalogue, declared, !made.empty())) {
      if (!allow_unknown) {
        throw Error(Blame::input, printable(catalogue.root.string()) + ": quantised tensor " +
                                      in_quotes(doubt.tensors.front()) + ": " + doubt.reason);
      }
      for (const std::string& name : doubt.tensors) out.add(name, doubt.reason);
    }
  }
  out.move_out(catalogue, kQuantisedNotRead);
  std::move(made.begin(), made.end(), std::back_inserter(catalogue.tensors));
}

bool is_quantised(const Tensor& tensor) {
  return tensor.encoding != Encoding::plain ||
         (tensor.shape.size() >= 2 && dtype_bits(tensor.dtype) <= 8);
}

void refuse_without_unread(Catalogue& catalogue, const std::vector<UnreadTensor>& unread,
                           bool allow_unknown) {
  std::unordered_set<std::string> made;
  for (const Tensor& tensor : catalogue.tensors) {
    if (is_quantised(tensor)) made.insert(tensor.name);
  }
  LeftOutTensors out;
  for (const UnreadTensor& tensor : unread) {
    for (const std::string& weight : weights_beside(tensor.name)) {
      if (!made.contains(weight)) continue;
      const std::string what = "its part " + in_quotes(tensor.name) + " is " + tensor.why;
      if (!allow_unknown) {
        throw Error(Blame::input, printable(catalogue.root.string()) + ": quantised tensor " +
                                      in_quotes(weight) + ": " + what);
      }
      out.add(weight, what);
    }
  }
  out.move_out(catalogue, kQuantisedNotRead);
}

}  // namespace wishart::checkpoint
