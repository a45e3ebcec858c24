#include "comparisons/prediction.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include "wishart/core/words.hpp"

#include "words/numbered_names.hpp"

namespace wishart::analysis {
namespace {

template <class F>
void for_each_name(const CheckpointRecord& record, F&& f) {
  for (const LayerRow& row : record.layers) f(std::string_view(row.key));
  for (const SkippedRow& row : record.skipped) f(std::string_view(row.tensor));
}

/// The module of a name, with its dot; empty if the name is of none. DeepSeek-V3 and GLM put it
/// behind the last block, with `eh_proj`, `enorm` and `hnorm`; Qwen and others call it `mtp`.
std::string_view module_in(std::string_view name) {
  std::string_view before;
  bool numbered = false;  // the word before is a number
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view word = name.substr(begin, end - begin);
    if (numbered && is_one_of(word, {"nextn", "eh_proj", "enorm", "hnorm"})) return before;
    if (is_one_of(word, {"mtp", "mtp_layers", "nextn"}) && end < name.size()) {
      return name.substr(0, end + 1);
    }
    numbered = number_of_word(word).has_value();
    begin = end + 1;
    before = name.substr(0, std::min(begin, name.size()));
  }
  return {};
}

}  // namespace

bool begins_with_one(std::string_view name, const std::vector<std::string>& modules) {
  return std::any_of(modules.begin(), modules.end(),
                     [&](const std::string& module) { return name.starts_with(module); });
}

std::vector<std::string> left_predictions(const CheckpointRecord& a, const CheckpointRecord& b) {
  std::set<std::string, std::less<>> modules;
  for_each_name(a, [&](std::string_view name) {
    const std::string_view module = module_in(name);
    if (!module.empty()) modules.emplace(module);
  });
  if (modules.empty()) return {};
  for_each_name(b, [&](std::string_view name) {
    std::erase_if(modules, [&](const std::string& module) { return name.starts_with(module); });
  });
  return {modules.begin(), modules.end()};
}

void tell_left_predictions(std::vector<ComparisonRow>& rows, const CheckpointRecord& a,
                           const CheckpointRecord& b) {
  const std::vector<std::string> modules = left_predictions(a, b);
  for (ComparisonRow& row : rows) {
    if (row.status == Change::removed && begins_with_one(row.key, modules))
      row.status = Change::mtp;
  }
}

}  // namespace wishart::analysis
