#include "formats/megatron/megatron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"
#include "text/json_scanner.hpp"

// Names of folders and files, and the kinds of parallelism in them: Megatron-LM,
// training/checkpointing.py.

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "mp_rank_";
constexpr std::int64_t kMaxRanks = 1 << 20;  // of one kind; far more than anyone has used

/// A rank, by its number in each kind of parallelism.
struct Rank {
  std::string folder;
  std::int64_t tensor = 0;
  std::int64_t pipeline = 0;
  std::int64_t expert = 0;
};

std::optional<std::vector<std::int64_t>> numbers_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const std::string& text : split(name.substr(kPrefix.size()), '_')) {
    std::int64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || end != text.data() + text.size() || value < 0 ||
        value >= kMaxRanks) {
      return std::nullopt;
    }
    numbers.push_back(value);
  }
  if (numbers.size() > 3) return std::nullopt;
  return numbers;
}

/// A number in a name, with the text around it: `layers.` 3 `.mlp.linear_fc1.weight`.
struct NumberInName {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::int64_t value = 0;
};

/// The number after the first `word` that begins a component of a name.
std::optional<NumberInName> number_behind(std::string_view name, std::string_view word) {
  for (std::size_t at = name.find(word); at != std::string_view::npos;
       at = name.find(word, at + 1)) {
    if (at > 0 && name[at - 1] != '.') continue;
    NumberInName found;
    found.begin = at + word.size();
    const char* first = name.data() + found.begin;
    const char* last = name.data() + name.size();
    const auto [end, status] = std::from_chars(first, last, found.value);
    if (status != std::errc{} || found.value < 0 || found.value >= kMaxRanks) continue;
    if (end != last && *end != '.') continue;
    found.end = static_cast<std::size_t>(end - name.data());
    return found;
  }
  return std::nullopt;
}

std::string with_number(const std::string& name, const NumberInName& place, std::int64_t value) {
  return name.substr(0, place.begin) + std::to_string(value) + name.substr(place.end);
}

/// The number of an expert among those of its rank: `local_experts.3.` or `linear_fc1.weight3`.
std::optional<NumberInName> expert_in(std::string_view name) {
  if (auto found = number_behind(name, "local_experts.")) return found;
  for (const std::string_view word : {"linear_fc1.weight", "linear_fc2.weight"}) {
    if (name.find(".experts.") == std::string_view::npos) break;
    if (auto found = number_behind(name, word)) return found;
  }
  return std::nullopt;
}

class MegatronReader {
public:
  explicit MegatronReader(const fs::path& root) : root_(root), place_(printable(root.string())) {}

  Weights read() {
    find_ranks();
    for (std::size_t i = 0; i < ranks_.size(); ++i) read_rank(i);
    count_layers();
    for (auto& [key, pieces] : pieces_) merge(key, std::move(pieces));
    if (result_.tensors.empty()) fail("expected tensors of a model, found none");
    return std::move(result_);
  }

private:
  /// Chunk of a virtual pipeline, pipeline rank, expert rank, name of the tensor in the file.
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string>;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Blame::input, place_ + ": " + what);
  }

  void find_ranks() {
    std::vector<std::string> folders;
    for (const std::string& name : list_folder(root_)) {
      if (is_megatron_rank(name)) folders.push_back(name);
    }
    std::sort(folders.begin(), folders.end(), natural_less);
    const std::size_t fields = numbers_of(folders.at(0))->size();
    for (const std::string& folder : folders) {
      const std::vector<std::int64_t> numbers = *numbers_of(folder);
      if (numbers.size() != fields) {
        fail("expected rank folders with names of the same form, found " +
             in_quotes(folders[0], 60) + " and " + in_quotes(folder, 60));
      }
      Rank rank;
      rank.folder = folder;
      rank.tensor = numbers[0];
      if (fields > 1) rank.pipeline = numbers[1];
      if (fields > 2) rank.expert = numbers[2];
      ranks_.push_back(std::move(rank));
    }
    two_fields_ = fields == 2;
  }

  /// All combinations must exist. Ranks are sorted.
  void check_complete() {
    std::set<std::tuple<std::int64_t, std::int64_t, std::int64_t>> present;
    for (const Rank& rank : ranks_) {
      num_tensor_ = std::max(num_tensor_, rank.tensor + 1);
      num_pipeline_ = std::max(num_pipeline_, rank.pipeline + 1);
      num_expert_ = std::max(num_expert_, rank.expert + 1);
      present.emplace(rank.tensor, rank.pipeline, rank.expert);
    }
    const std::int64_t found = std::ssize(ranks_);
    const bool whole = num_tensor_ * num_pipeline_ <= found &&
                       num_tensor_ * num_pipeline_ * num_expert_ == found &&
                       std::ssize(present) == found;
    if (!whole) {
      fail("expected folders of " + std::to_string(num_tensor_) + " tensor, " +
           std::to_string(num_pipeline_) + " pipeline and " + std::to_string(num_expert_) +
           " expert ranks, found " + std::to_string(found) + " folders. Copy the folder again");
    }
  }

  void read_rank(std::size_t index) {
    const std::string folder = ranks_[index].folder;
    const char* name = "model_optim_rng.pt";
    if (!is_there(root_ / folder / name) && is_there(root_ / folder / "model_rng.pt")) {
      name = "model_rng.pt";
    }
    ParallelFile file(root_, folder + "/" + name, result_);
    const Pickle& p = file.pickle();
    if (index == 0) {
      read_arguments(p);
      check_complete();
    }
    const Rank& place = ranks_[index];
    bool any = false;
    const std::vector<PickleRef> pairs = p.items(p.top());
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const std::optional<std::int64_t> chunk = chunk_of(p.text(pairs[i]));
      if (!chunk) continue;
      any = true;
      for (Tensor& tensor : file.tensors(pairs[i + 1], result_.warnings)) {
        add_piece({*chunk, place.pipeline, place.expert, tensor.name}, place.tensor,
                  std::move(tensor));
      }
    }
    if (!any) file.fail("expected the key 'model', found none. It is not a file of Megatron-LM");
  }

  /// 0 for `model`, N for `modelN` of a virtual pipeline.
  static std::optional<std::int64_t> chunk_of(std::string_view key) {
    if (key == "model") return 0;
    if (!key.starts_with("model")) return std::nullopt;
    const auto number = number_behind(key, "model");
    return number && number->end == key.size() ? std::optional(number->value) : std::nullopt;
  }

  void add_piece(Key key, std::int64_t tensor_rank, Tensor&& tensor) {
    std::vector<Tensor>& pieces = pieces_[std::move(key)];
    // Ranks are visited in ascending order.
    if (std::ssize(pieces) != tensor_rank) {
      fail("tensor " + in_quotes(tensor.name) + ": tensor-parallel rank " +
           std::to_string(tensor_rank) + " has it, an earlier rank does not");
    }
    pieces.push_back(std::move(tensor));
  }

  void read_arguments(const Pickle& p) {
    const PickleRef arguments = p.state(p.value(p.top(), "args"));
    const auto number = [&](const char* key) -> std::optional<std::int64_t> {
      const auto value = p.integer(p.value(arguments, key));
      return value && *value > 0 ? value : std::nullopt;
    };
    ModelConfig& config = result_.config;
    const double version = p.real(p.value(p.top(), "checkpoint_version")).value_or(0);
    // Before version 2 the rows of queries, keys and values were in another order.
    config.model_type = version >= 2 ? "megatron" : "megatron-before-2";
    config.num_hidden_layers = number("num_layers");
    config.hidden_size = number("hidden_size");
    config.num_attention_heads = number("num_attention_heads");
    if (p.is_true(p.value(arguments, "group_query_attention"))) {
      config.num_key_value_heads = number("num_query_groups");
    }
    config.head_dim = number("kv_channels");
    config.intermediate_size = number("ffn_hidden_size");
    config.moe_intermediate_size = number("moe_ffn_hidden_size");
    config.num_experts = number("num_experts");
    config.vocab_size = number("vocab_size");
    padded_vocabulary_ = number("padded_vocab_size");
    gated_ = p.is_true(p.value(arguments, "swiglu"));
    result_.step = p.integer(p.value(p.top(), "iteration")).value_or(-1);
    // Of two numbers, the second is the pipeline rank, unless there is no pipeline parallelism.
    if (two_fields_ && number("pipeline_model_parallel_size").value_or(0) == 1) {
      for (Rank& rank : ranks_) std::swap(rank.pipeline, rank.expert);
    }
  }

  /// Counts the layers before each chunk, and the experts of a rank.
  void count_layers() {
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> layers;
    for (const auto& [key, pieces] : pieces_) {
      const auto& [chunk, pipeline, expert, name] = key;
      std::int64_t& count = layers[{chunk, pipeline}];
      if (const auto layer = number_behind(name, "layers.")) {
        count = std::max(count, layer->value + 1);
      }
      if (const auto local = expert_in(name)) {
        local_experts_ = std::max(local_experts_, local->value + 1);
      }
    }
    std::int64_t before = 0;
    for (const auto& [place, count] : layers) {
      layers_before_[place] = before;
      before += count;
    }
  }

  void merge(const Key& key, std::vector<Tensor>&& pieces) {
    const auto& [chunk, pipeline, expert, name] = key;
    if (std::ssize(pieces) != num_tensor_) {
      fail("tensor " + in_quotes(name) + ": expected a piece of each of " +
           std::to_string(num_tensor_) + " tensor-parallel ranks, found " +
           std::to_string(pieces.size()));
    }
    const bool of_experts = name.find("experts.") != std::string::npos &&
                            name.find("shared_experts.") == std::string::npos;
    if (expert > 0 && !of_experts) return;  // a copy of expert rank 0's
    std::string global = name;
    if (const auto local = expert_in(global)) {
      global = with_number(global, *local, expert * local_experts_ + local->value);
    } else if (of_experts && num_expert_ > 1) {
      result_.left_out.push_back({std::move(pieces.front()), "division-not-known",
                                  "there is no rule for how expert-parallel ranks divide it"});
      return;
    }
    if (const auto layer = number_behind(global, "layers.")) {
      global = with_number(global, *layer, layers_before_.at({chunk, pipeline}) + layer->value);
    }
    if (!names_.insert(global).second) return;  // the last stage's copy of tied embeddings
    for (Tensor& piece : pieces) piece.name = global;
    const std::size_t done = result_.tensors.size();
    add_merged(result_, std::move(pieces), gated_ && is_first_of_mlp(global), place_);
    if (result_.tensors.size() > done) trim_vocabulary(result_.tensors.back());
  }

  static bool is_first_of_mlp(std::string_view name) {
    return name.find("dense_h_to_4h.") != std::string_view::npos ||
           name.find("linear_fc1.") != std::string_view::npos;
  }

  /// Rows after the vocabulary pad it to a round number. They were never trained.
  void trim_vocabulary(Tensor& tensor) {
    constexpr std::array<std::string_view, 3> kVocabulary{
        "word_embeddings.weight", "word_embeddings_for_head.weight", "output_layer.weight"};
    const bool vocabulary =
        std::any_of(kVocabulary.begin(), kVocabulary.end(),
                    [&](std::string_view ending) { return tensor.name.ends_with(ending); });
    if (!vocabulary || tensor.shape.size() != 2 || tensor.shape[0] != padded_vocabulary_) return;
    const std::optional<std::int64_t>& rows = result_.config.vocab_size;
    if (!rows) {
      result_.warnings.push_back(place_ + ": tensor " + in_quotes(tensor.name) +
                                 " may include padding rows: the vocabulary size is not stored");
      return;
    }
    if (*rows >= tensor.shape[0]) return;
    tensor.shape[0] = *rows;
    tensor.num_elements = *rows * tensor.shape[1];
    if (tensor.extents.empty()) {
      tensor.size_bytes = tensor.num_elements * (dtype_bits(tensor.dtype) / 8);
      return;
    }
    std::erase_if(tensor.extents, [&](const Extent& extent) { return extent.origin[0] >= *rows; });
    for (Extent& extent : tensor.extents) {
      extent.size[0] = std::min(extent.size[0], *rows - extent.origin[0]);
    }
  }

  fs::path root_;
  std::string place_;
  Weights result_;
  std::vector<Rank> ranks_;
  bool two_fields_ = false;
  bool gated_ = false;
  std::optional<std::int64_t> padded_vocabulary_;
  std::int64_t num_tensor_ = 1;
  std::int64_t num_pipeline_ = 1;
  std::int64_t num_expert_ = 1;
  std::int64_t local_experts_ = 0;
  std::map<Key, std::vector<Tensor>> pieces_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> layers_before_;
  std::set<std::string> names_;
};

}  // namespace

bool is_megatron_rank(std::string_view name) { return numbers_of(name).has_value(); }

Weights read_megatron(const fs::path& root) { return MegatronReader(root).read(); }

const Format& megatron_format() {
  static constexpr Format kFormat{
      .name = "megatron",
      .classify =
          [](const std::vector<std::string>& names) {
            FolderContent content;
            if (std::any_of(names.begin(), names.end(), is_megatron_rank)) {
              content.kind = FolderContent::Kind::folder;
            }
            return content;
          },
      .read_folder = [](const fs::path& root, const std::string&) { return read_megatron(root); }};
  return kFormat;
}

}  // namespace wishart::checkpoint
