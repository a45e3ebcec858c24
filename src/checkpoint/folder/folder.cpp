#include "folder/folder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "formats/deepspeed/zero.hpp"
#include "formats/megatron/megatron.hpp"

namespace wishart::checkpoint {
namespace {

/// A pattern of names and the format that it tells, the most telling first.
struct Format {
  std::string_view pattern;
  std::string_view name;
};

constexpr std::array<Format, 6> kUnsupported{{
    {"pytorch_model_fsdp_*_rank*.bin", "flat parameters of PyTorch FSDP"},
    {"zero_pp_rank_*", "a piece of DeepSpeed ZeRO"},
    {"mp_rank_*", "a piece of Megatron or DeepSpeed"},
    {"latest_checkpointed_iteration.txt", "Megatron"},
    {"consolidated.*.pth", "shards of Meta"},
    {"*.msgpack", "Flax"},
}};

/// The place of a name among kUnsupported; their number if it is none of them.
std::size_t unsupported_rank(std::string_view name) {
  const auto* found =
      std::find_if(kUnsupported.begin(), kUnsupported.end(),
                   [&](const Format& format) { return glob_match(format.pattern, name); });
  return static_cast<std::size_t>(found - kUnsupported.begin());
}

bool is_hidden(std::string_view name) { return name.starts_with('.'); }

/// True for states of the optimizer and the like, which hold no weights.
bool is_side_state(std::string_view name) {
  constexpr std::array<std::string_view, 9> kPatterns{
      "optimizer*",      "scheduler*", "rng_state*", "training_args*", "random_states*",
      "*_optim_states*", "scaler.pt*", "common.pt",  "tokenizer*"};
  return std::any_of(kPatterns.begin(), kPatterns.end(),
                     [&](std::string_view pattern) { return glob_match(pattern, name); });
}

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

}  // namespace

std::string unsupported_format(std::string_view name) {
  const std::size_t rank = unsupported_rank(name);
  if (rank == kUnsupported.size() || is_side_state(name)) return {};
  return printable(name) + " (" + std::string(kUnsupported[rank].name) + ")";
}

bool is_adapter(std::string_view name) {
  return name == "adapter_model.safetensors" || name == "adapter_model.bin";
}

std::string_view format_of_file(std::string_view name) {
  constexpr std::array<Format, 12> kEndings{{
      {kExtension, kSafetensors},
      {".pt", kTorch},
      {".bin", kTorch},
      {".pth", kTorch},
      {".ckpt", kTorch},
      {".th", kTorch},
      {".gguf", kGguf},
      {".npz", kNumpy},
      {".npy", kNumpy},
      {".h5", kKeras},
      {".keras", kKeras},
      {".onnx", kOnnx},
  }};
  const auto* found = std::find_if(kEndings.begin(), kEndings.end(), [&](const Format& format) {
    return name.ends_with(format.pattern);
  });
  return found == kEndings.end() ? std::string_view() : found->name;
}

namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The weight files of one format.
std::vector<std::string> weight_files(const std::vector<std::string>& names,
                                      std::string_view format) {
  std::vector<std::string> weights;
  for (const std::string& name : names) {
    if (format_of_file(name) == format && !is_hidden(name) && !is_side_state(name) &&
        !is_adapter(name) && unsupported_rank(name) == kUnsupported.size()) {
      weights.push_back(name);
    }
  }
  drop_copies(weights, [](const std::string& name) { return glob_match("*.fp16.*", name); });
  // Mistral and Meta ship the same weights a second time under this name.
  drop_copies(weights, [](const std::string& name) { return name.starts_with("consolidated"); });
  return weights;
}

/// The files of one format as a checkpoint: by index, or the one of the usual name, or all.
FolderContent classify_format(const std::vector<std::string>& names, std::string_view format,
                              std::string_view index, const std::string& usual) {
  FolderContent content;
  std::vector<std::string> weights = weight_files(names, format);
  content.format = format;
  if (!index.empty() && has(names, index)) {
    content.kind = FolderContent::Kind::index;
    content.index = index;
    content.unused = std::move(weights);
    return content;
  }
  if (has(weights, usual)) {
    std::erase(weights, usual);
    content.unused = std::move(weights);
    weights = {usual};
  }
  if (weights.empty()) return content;
  content.kind = FolderContent::Kind::files;
  content.weights = std::move(weights);
  return content;
}

/// The same for formats whose files may have any name: shards, or one file, or several of which
/// each is a checkpoint. Files of one array are a checkpoint together.
FolderContent classify_loose(const std::vector<std::string>& names, std::string_view format,
                             std::string_view index, const std::string& usual) {
  using Kind = FolderContent::Kind;
  FolderContent content = classify_format(names, format, index, usual);
  const auto is_part = [](const std::string& name) {
    return parse_shard(name).has_value() || name.ends_with(".npy");
  };
  const bool parts = std::all_of(content.weights.begin(), content.weights.end(), is_part);
  if (content.kind != Kind::files || (parts && format != kNumpy)) return content;
  if (!parts && content.weights.size() > 1) content.kind = Kind::several;
  content.loose = !content.weights.front().starts_with("pytorch_model");
  return content;
}

}  // namespace

FolderContent classify_folder(std::vector<std::string> names) {
  std::sort(names.begin(), names.end(), natural_less);
  FolderContent content = classify_format(names, kSafetensors, kIndexName, "model.safetensors");
  if (content.kind != FolderContent::Kind::nothing) {
    for (const std::string& name : names) {
      if (is_adapter(name) && name.ends_with(kExtension)) content.unused.push_back(name);
    }
    return content;
  }
  for (const std::string_view name : {"adapter_model.safetensors", "adapter_model.bin"}) {
    if (!has(names, name)) continue;
    content.kind = FolderContent::Kind::files;
    content.format = format_of_file(name);
    content.weights = {std::string(name)};
    content.adapter = true;
    return content;
  }
  if (has(names, ".metadata")) {
    content.kind = FolderContent::Kind::distributed;
    content.format = kDistributed;
    return content;
  }
  for (const std::string& name : names) {
    if (!name.ends_with(".distcp")) continue;
    content.kind = FolderContent::Kind::incomplete;
    content.found = "no .metadata, which torch.distributed.checkpoint writes last";
    return content;
  }
  for (const std::string& name : names) {
    const bool megatron = is_megatron_rank(name);
    if (!megatron && !is_deepspeed_states(name)) continue;
    content.kind = FolderContent::Kind::parallel;
    content.format = megatron ? kMegatron : kDeepSpeed;
    return content;
  }
  content = classify_loose(names, kTorch, kTorchIndexName, "pytorch_model.bin");
  for (const std::string_view format : {kGguf, kKeras, kNumpy, kOnnx}) {
    if (content.kind == FolderContent::Kind::nothing) {
      content = classify_loose(names, format, "", "");
    }
  }
  if (content.kind != FolderContent::Kind::nothing) return content;
  std::size_t best = kUnsupported.size();
  for (const std::string& name : names) {
    const std::size_t rank = unsupported_rank(name);
    if (rank >= best || is_side_state(name) || is_hidden(name)) continue;
    best = rank;
    content.kind = FolderContent::Kind::unsupported;
    content.found = unsupported_format(name);
  }
  return content;
}

FolderContent content_of_folder(const std::filesystem::path& folder) {
  const std::vector<std::string> names = list_folder(folder);
  FolderContent content = classify_folder(names);
  if (content.is_readable()) return content;
  // accelerate, OLMo-core and NeMo put the weights into a folder of their own.
  for (const char* inside : {"pytorch_model_fsdp_0", "model_and_optim", "weights"}) {
    std::error_code status;
    if (!has(names, inside) || !std::filesystem::exists(folder / inside / ".metadata", status)) {
      continue;
    }
    content = {};
    content.kind = FolderContent::Kind::distributed;
    content.format = kDistributed;
    content.inside = inside;
  }
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

std::vector<std::string> list_folder(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code status;
  std::filesystem::directory_iterator entries(folder, status);
  const std::filesystem::directory_iterator end;
  for (; !status && entries != end; entries.increment(status)) {
    names.push_back(entries->path().filename().string());
  }
  if (status) {
    throw Error(Blame::input,
                printable(folder.string()) + ": the folder cannot be listed: " + status.message());
  }
  return names;
}

std::filesystem::path absolute_path(const std::filesystem::path& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  return whole.has_filename() || whole == whole.root_path() ? whole : whole.parent_path();
}

}  // namespace wishart::checkpoint
