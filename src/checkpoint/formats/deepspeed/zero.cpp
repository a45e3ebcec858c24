#include "formats/deepspeed/zero.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"
#include "formats/deepspeed/divisions.hpp"
#include "formats/deepspeed/zero_partitions.hpp"
#include "text/json_scanner.hpp"

// Names of files: DeepSpeed, runtime/engine.py (_get_ckpt_name, _get_zero_ckpt_name,
// _get_expert_ckpt_name) and runtime/pipe/module.py (ckpt_layer_path), of edaa722.

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kModelStates = "_model_states.pt";

/// If `text` begins with `before` and a number, returns the number and removes both from `text`.
std::optional<std::int64_t> take_number(std::string_view& text, std::string_view before) {
  if (!text.starts_with(before)) return std::nullopt;
  std::int64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data() + before.size(), last, value);
  if (status != std::errc{} || value < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// The files of a folder by kind. Numbers are those of model-parallel ranks.
struct DeepSpeedFiles {
  std::map<std::int64_t, std::string> whole;                           // mp_rank_M
  std::map<std::int64_t, std::map<std::int64_t, std::string>> layers;  // layer_L-model_M
  ExpertFiles experts;                                                 // layer_L_expert_E
  std::map<std::int64_t, ZeroRanks> partitions;                        // zero_pp_rank_D_mp_rank_M
};

void sort_in(DeepSpeedFiles& files, const std::string& name) {
  std::string_view rest(name);
  if (const auto rank = take_number(rest, "mp_rank_"); rank && rest == kModelStates) {
    files.whole[*rank] = name;
    return;
  }
  rest = name;
  if (const auto layer = take_number(rest, "layer_")) {
    if (const auto expert = take_number(rest, "_expert_")) {
      files.experts[{*layer, *expert}] = name;
    } else if (const auto rank = take_number(rest, "-model_")) {
      files.layers[*layer][*rank] = name;
    }
    return;
  }
  rest = name;
  // Of versions that had one file for an expert of all layers.
  if (const auto expert = take_number(rest, "expert_"); expert && rest.ends_with(kModelStates)) {
    files.experts[{-1, *expert}] = name;
    return;
  }
  rest = name;
  if (rest.starts_with("bf16_")) rest.remove_prefix(5);
  const auto rank = take_number(rest, "zero_pp_rank_");
  const auto model = rank ? take_number(rest, "_mp_rank_") : std::nullopt;
  if (!model) return;
  if (rest == kModelStates) files.partitions[*model][*rank].model_states = name;
  if (rest == "_optim_states.pt") files.partitions[*model][*rank].optimizer_states = name;
}

bool has_model_states(const ZeroRanks& ranks) {
  return std::any_of(ranks.begin(), ranks.end(),
                     [](const auto& rank) { return !rank.second.model_states.empty(); });
}

/// Reads the tensors of files that hold pieces of the same tensors; `prefix` is put before their
/// names. Returns the numbers of experts that the files tell.
ExpertCounts read_pieces(const fs::path& root, const std::map<std::int64_t, std::string>& ranks,
                         const std::string& prefix, Weights& checkpoint) {
  ExpertCounts experts;
  const std::string place = printable(root.string());
  PiecesByName pieces;
  std::size_t number = 0;
  for (const auto& [rank, name] : ranks) {
    ParallelFile file(root, name, checkpoint);
    const Pickle& p = file.pickle();
    const PickleRef module = p.value(p.top(), "module");
    const bool wrapped = module != Pickle::kNone;
    if (wrapped) {
      checkpoint.step =
          std::max(checkpoint.step, p.integer(p.value(p.top(), "global_steps")).value_or(-1));
      refuse_auto_tensor_parallel(file, ranks.size());
      refuse_divided_experts(file);
      experts.merge(expert_counts(p));
    }
    std::vector<Tensor> tensors = file.tensors(wrapped ? module : p.top(), checkpoint.warnings);
    for (Tensor& tensor : tensors) tensor.name.insert(0, prefix);
    add_pieces(pieces, number++, std::move(tensors), place);
  }
  merge_pieces(checkpoint, std::move(pieces), ranks.size(), place);
  return experts;
}

/// Ranks must be 0, 1, ...: without one of them a piece of every tensor is missing.
void check_ranks(const fs::path& root, const std::map<std::int64_t, std::string>& ranks) {
  std::int64_t expected = 0;
  for (const auto& [rank, name] : ranks) {
    if (rank != expected++) {
      throw Error(Blame::input, printable(root.string()) + ": expected model states of rank " +
                                    std::to_string(expected - 1) + ", found none before " +
                                    in_quotes(name, 100) + ". Copy the folder again");
    }
  }
}

/// The folder of a universal checkpoint, which has a folder for each parameter, and the file in it.
constexpr std::string_view kUniversal = "zero";
constexpr std::string_view kWhole = "fp32.pt";

/// The names of the parameters of a universal checkpoint; empty if it is none.
std::vector<std::string> universal_parameters(const fs::path& root) {
  std::vector<std::string> names;
  const fs::path folder = root / kUniversal;
  if (!is_folder(folder)) return names;
  for (const std::string& name : list_folder(folder)) {
    if (is_there(folder / name / kWhole)) names.push_back(name);
  }
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

/// DeepSpeed, checkpoint/ds_to_universal.py: each file holds a dict with the whole parameter, put
/// together from parts of any widths. Experts of AutoEP (autoep_universal.py) are stacked in it.
Weights read_universal(const fs::path& root, const std::vector<std::string>& names) {
  Weights checkpoint;
  for (const std::string& name : names) {
    const fs::path path = fs::path(kUniversal) / name / kWhole;
    ParallelFile file(root, path.string(), checkpoint);
    const Pickle& p = file.pickle();
    const auto found = torch_tensor(p, p.value(p.top(), "param"), name, checkpoint.warnings);
    if (!found) file.fail("expected the whole parameter as 'param', found none");
    Tensor tensor = file.tensor(*found);
    tensor.name = name;
    checkpoint.tensors.push_back(std::move(tensor));
  }
  return checkpoint;
}

}  // namespace

bool is_deepspeed_states(std::string_view name) {
  return glob_match("mp_rank_*_model_states.pt", name) ||
         glob_match("*zero_pp_rank_*_model_states.pt", name) ||
         glob_match("layer_*model_*states.pt", name);
}

Weights read_deepspeed(const fs::path& root) {
  // The model states beside a universal checkpoint hold the same weights, rounded and in pieces.
  if (const auto parameters = universal_parameters(root); !parameters.empty()) {
    return read_universal(root, parameters);
  }
  DeepSpeedFiles files;
  for (const std::string& name : list_folder(root)) sort_in(files, name);
  Weights checkpoint;
  const bool partitioned =
      std::any_of(files.partitions.begin(), files.partitions.end(),
                  [](const auto& model_rank) { return has_model_states(model_rank.second); });
  const std::string place = printable(root.string());
  if (partitioned) {
    if (!files.experts.empty()) {
      throw Error(Blame::input, place + ": experts combined with ZeRO stage 3 are not supported");
    }
    read_zero_partitions(root, files.partitions, checkpoint);
  } else if (!files.layers.empty()) {
    if (!files.experts.empty()) {
      throw Error(Blame::input, place + ": experts combined with a pipeline are not supported");
    }
    for (const auto& [layer, ranks] : files.layers) {
      check_ranks(root, ranks);
      if (ranks.size() != files.layers.begin()->second.size()) {
        throw Error(Blame::input, place + ": layer " + std::to_string(layer) + ": expected files " +
                                      "of " + std::to_string(files.layers.begin()->second.size()) +
                                      " model-parallel ranks, found " +
                                      std::to_string(ranks.size()) + ". Copy the folder again");
      }
      static_cast<void>(
          read_pieces(root, ranks, "layer." + std::to_string(layer) + ".", checkpoint));
    }
  } else {
    check_ranks(root, files.whole);
    const ExpertCounts experts = read_pieces(root, files.whole, "", checkpoint);
    if (!files.experts.empty() && files.whole.size() > 1) {
      throw Error(Blame::input,
                  place + ": experts combined with tensor parallelism are not supported");
    }
    check_experts(experts, files.experts, place);
    for (const auto& [number, name] : files.experts) {
      static_cast<void>(read_pieces(root, {{0, name}}, "", checkpoint));
    }
  }
  if (checkpoint.tensors.empty()) {
    throw Error(Blame::input, place + ": expected tensors of a model, found none");
  }
  return checkpoint;
}

const Format& deepspeed_format() {
  static constexpr Format kFormat{
      .name = kDeepSpeed,
      .classify =
          [](const std::vector<std::string>& names) {
            FolderContent content;
            if (std::any_of(names.begin(), names.end(), is_deepspeed_states)) {
              content.kind = FolderContent::Kind::folder;
            }
            return content;
          },
      .find_inside = [](const fs::path& folder,
                        const std::vector<std::string>& names) -> std::string {
        const bool found = std::find(names.begin(), names.end(), kUniversal) != names.end() &&
                           !universal_parameters(folder).empty();
        return found ? std::string(kUniversal) : std::string();
      },
      .read_folder = [](const fs::path& root, const std::string&) { return read_deepspeed(root); }};
  return kFormat;
}

}  // namespace wishart::checkpoint
