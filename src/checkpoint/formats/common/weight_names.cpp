#include "formats/common/weight_names.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "formats/common/not_read.hpp"

namespace wishart::checkpoint {
namespace {

bool is_hidden(std::string_view name) { return name.starts_with('.'); }

/// Takes the files that `is_copy` names out of `weights`, unless there are no others.
template <class IsCopy>
void drop_copies(std::vector<std::string>& weights, IsCopy&& is_copy) {
  if (!std::all_of(weights.begin(), weights.end(), is_copy)) std::erase_if(weights, is_copy);
}

/// `model-00002-of-00004.safetensors`: shard 2 of 4 of `model`.
struct ShardName {
  std::string set;  ///< the name with its number left out: `model-*-of-00004.safetensors`
  std::string before;
  std::string after;
  std::int64_t number = 0;
  std::int64_t count = 0;
  std::size_t digits = 0;
};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<ShardName> parse_shard(std::string_view name) {
  const std::string_view stem = name.substr(0, std::min(name.rfind('.'), name.size()));
  const std::size_t of = stem.rfind("-of-");
  if (of == std::string_view::npos || of == 0) return std::nullopt;
  const std::size_t dash = stem.rfind('-', of - 1);
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view number = stem.substr(dash + 1, of - dash - 1);
  const auto n = whole_number(number);
  const auto count = whole_number(stem.substr(of + 4));
  if (!n || !count) return std::nullopt;
  ShardName shard;
  shard.before = name.substr(0, dash + 1);
  shard.after = name.substr(of);
  shard.set = shard.before + "*" + shard.after;
  shard.number = *n;
  shard.count = *count;
  shard.digits = number.size();
  return shard;
}

/// The weight files of one format.
std::vector<std::string> weight_files(const std::vector<std::string>& names, const Format& format) {
  const auto is_ours = [&format](std::string_view name) {
    return std::any_of(format.endings.begin(), format.endings.end(),
                       [name](std::string_view ending) { return name.ends_with(ending); });
  };
  std::vector<std::string> weights;
  for (const std::string& name : names) {
    if (is_ours(name) && !is_hidden(name) && !is_side_state(name) && !is_adapter(name) &&
        !is_not_read(name)) {
      weights.push_back(name);
    }
  }
  drop_copies(weights, [](const std::string& name) { return glob_match("*.fp16.*", name); });
  // Mistral and Meta ship the same weights a second time under this name.
  drop_copies(weights, [](const std::string& name) { return name.starts_with("consolidated"); });
  return weights;
}

/// Of files that may have any name: shards, one file, or several that are checkpoints each.
void classify_any_name(const Format& format, FolderContent& content) {
  const auto is_array = [&format](const std::string& name) {
    return !format.array_ending.empty() && name.ends_with(format.array_ending);
  };
  const auto& weights = content.weights;
  const bool parts = std::all_of(weights.begin(), weights.end(), [&](const std::string& name) {
    return parse_shard(name).has_value() || is_array(name);
  });
  if (parts && format.array_ending.empty()) return;
  if (!parts && weights.size() > 1) content.kind = FolderContent::Kind::several;
  content.loose = !weights.front().starts_with("pytorch_model");
}

}  // namespace

bool is_adapter(std::string_view name) {
  return std::find(std::begin(kAdapterNames), std::end(kAdapterNames), name) !=
         std::end(kAdapterNames);
}

bool has_name(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_side_state(std::string_view name) {
  // `optim_*_rank*`: nanochat.
  constexpr std::array<std::string_view, 10> kPatterns{
      "optimizer*",      "scheduler*", "rng_state*", "training_args*", "random_states*",
      "*_optim_states*", "scaler.pt*", "common.pt",  "tokenizer*",     "optim_*_rank*"};
  return std::any_of(kPatterns.begin(), kPatterns.end(),
                     [&](std::string_view pattern) { return glob_match(pattern, name); });
}

FolderContent classify_files(const Format& format, const std::vector<std::string>& names) {
  FolderContent content;
  std::vector<std::string> weights = weight_files(names, format);
  content.format = format.name;
  if (!format.index.empty() && has_name(names, format.index)) {
    content.kind = FolderContent::Kind::index;
    content.index = format.index;
    content.unused = std::move(weights);
    return content;
  }
  if (has_name(weights, format.usual)) {
    std::erase(weights, format.usual);
    content.unused = std::move(weights);
    weights = {std::string(format.usual)};
  }
  if (weights.empty()) return content;
  content.kind = FolderContent::Kind::files;
  content.weights = std::move(weights);
  if (format.any_name) classify_any_name(format, content);
  return content;
}

void check_shards_complete(const std::vector<std::string>& names,
                           const std::filesystem::path& folder) {
  std::map<std::string, std::set<std::int64_t>> numbers;
  std::map<std::string, ShardName> sets;
  for (const std::string& name : names) {
    if (const std::optional<ShardName> shard = parse_shard(name)) {
      numbers[shard->set].insert(shard->number);
      sets.emplace(shard->set, *shard);
    }
  }
  for (const auto& [set, present] : numbers) {
    const ShardName& shard = sets.at(set);
    const std::int64_t first = *present.begin() == 0 ? 0 : 1;  // some writers count from 0
    std::int64_t expected = first;
    for (const std::int64_t number : present) expected += number == expected ? 1 : 0;
    if (expected >= shard.count + first) continue;
    std::string missing = std::to_string(expected);
    if (missing.size() < shard.digits) missing.insert(0, shard.digits - missing.size(), '0');
    throw Error(Blame::input, printable(folder.string()) + ": " + printable(set) + ": found " +
                                  std::to_string(present.size()) + " of " +
                                  std::to_string(shard.count) + " files, missing " +
                                  printable(shard.before + missing + shard.after) +
                                  ". Copy the folder again");
  }
}

}  // namespace wishart::checkpoint
