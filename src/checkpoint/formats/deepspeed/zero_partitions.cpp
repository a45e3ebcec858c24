#include "formats/deepspeed/zero_partitions.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "formats/deepspeed/divisions.hpp"
#include "text/json_scanner.hpp"

// Layout: DeepSpeed, utils/zero_to_fp32.py. The names below are its keys.

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;
using Kind = Pickle::Kind;

/// A parameter, as listed by rank 0.
struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t count = 0;
};

/// A range of elements of a rank: the place of a flat group or of a piece of a parameter.
struct Run {
  std::int32_t file = 0;
  std::int64_t offset_bytes = 0;
  std::int64_t count = 0;
  Dtype dtype = Dtype::f32;
};

/// The pairs of a dict from names to shapes.
std::vector<Parameter> parameters_of(ParallelFile& file, PickleRef shapes) {
  const Pickle& p = file.pickle();
  std::vector<Parameter> result;
  const std::vector<PickleRef> pairs = p.items(shapes);
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    Parameter one;
    one.name = file.name(pairs[i]);
    const auto shape = pickle_integers(p, pairs[i + 1]);
    std::optional<std::int64_t> count = 1;
    for (const std::int64_t size : shape.value_or(std::vector<std::int64_t>{-1})) {
      count = count && size >= 0 ? checked_product(*count, size) : std::nullopt;
    }
    if (one.name.empty() || one.name.find('\0') != std::string::npos || !count) {
      file.fail("parameter " + in_quotes(one.name) +
                ": expected a name and a shape, found something else");
    }
    one.shape = *shape;
    one.count = *count;
    result.push_back(std::move(one));
  }
  return result;
}

/// The place of a flat tensor.
Run run_of(ParallelFile& file, PickleRef node, const std::string& what) {
  std::vector<std::string> warnings;
  const auto tensor = torch_tensor(file.pickle(), node, what, warnings);
  if (!tensor) file.fail("expected a tensor as " + what + ", found something else");
  const Tensor flat = file.tensor(*tensor);
  if (flat.shape.size() != 1 || !flat.is_dense() || !is_weight_dtype(flat.dtype)) {
    file.fail("expected a vector of floating-point numbers as " + what + ", found " +
              std::string(dtype_name(flat.dtype)) + " of shape " +
              printable(shape_text(flat.shape), 100));
  }
  return {flat.file, flat.offset_bytes, flat.num_elements, flat.dtype};
}

/// The groups of one rank, as one row of elements.
class RankElements {
public:
  explicit RankElements(std::vector<Run> runs) : runs_(std::move(runs)) {
    for (const Run& run : runs_) {
      begins_.push_back(count_);
      count_ += run.count;  // cannot overflow: each is bounded by its file
    }
  }
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }

  /// Adds elements [first, first + count) as piece [origin, ...) of a tensor's elements.
  void add(Tensor& tensor, std::int64_t origin, std::int64_t first, std::int64_t count) const {
    // The first of the runs that may hold `first`: there may be as many runs as parameters.
    const auto above = std::upper_bound(begins_.begin(), begins_.end(), first);
    auto at = static_cast<std::size_t>(std::max<std::ptrdiff_t>(above - begins_.begin() - 1, 0));
    for (; at < runs_.size() && begins_[at] < first + count; ++at) {
      const Run& run = runs_[at];
      const std::int64_t begin = begins_[at];
      const std::int64_t from = std::max(first, begin);
      const std::int64_t to = std::min(first + count, begin + run.count);
      if (from < to) {
        tensor.extents.push_back({{origin + from - first},
                                  {to - from},
                                  {1},
                                  run.file,
                                  run.offset_bytes + (from - begin) * (dtype_bits(run.dtype) / 8)});
      }
    }
  }

private:
  std::vector<Run> runs_;
  std::vector<std::int64_t> begins_;  ///< of the runs
  std::int64_t count_ = 0;
};

Tensor tensor_of(const Parameter& parameter, Dtype dtype) {
  Tensor tensor;
  tensor.name = parameter.name;
  tensor.dtype = dtype;
  tensor.shape = parameter.shape;
  tensor.num_elements = parameter.count;
  return tensor;
}

std::int64_t share_of(std::int64_t count, std::int64_t ranks) {
  return count / ranks + (count % ranks != 0 ? 1 : 0);
}

/// The data-parallel ranks of one model-parallel rank.
class ZeroReader {
public:
  /// @param whose  text for messages, after the number of a rank
  ZeroReader(const fs::path& root, const ZeroRanks& ranks, std::size_t model_ranks,
             std::string whose, Weights& checkpoint)
      : root_(root),
        ranks_(ranks),
        model_ranks_(model_ranks),
        whose_(std::move(whose)),
        result_(checkpoint),
        num_ranks_(std::ssize(ranks)) {}

  /// The parameters and buffers that these ranks hold together.
  std::vector<Tensor> read() {
    check_complete();
    ParallelFile first(root_, ranks_.at(0).model_states, result_);
    refuse_divided_experts(first);
    refuse_auto_tensor_parallel(first, model_ranks_);
    read_lists(first);
    read_buffers(first);
    std::vector<RankElements> elements;
    for (const auto& [number, files] : ranks_) {
      elements.push_back(read_groups(files.optimizer_states));
    }
    place_parameters(elements);
    if (!frozen_.empty()) place_frozen(first);
    return std::move(tensors_);
  }

private:
  void check_complete() const {
    std::int64_t expected = 0;
    for (const auto& [number, files] : ranks_) {
      const char* missing = nullptr;
      if (files.model_states.empty()) missing = "model";
      if (files.optimizer_states.empty()) missing = "optim";
      if (number != expected || missing != nullptr) {
        throw Error(Blame::input, printable(root_.string()) + ": expected " +
                                      (missing == nullptr ? "model" : missing) +
                                      " states of rank " + std::to_string(expected) + whose_ +
                                      ", found none. ZeRO stage 3 divides every tensor " +
                                      "among all ranks: copy the folder again");
      }
      ++expected;
    }
  }

  void read_lists(ParallelFile& file) {
    const Pickle& p = file.pickle();
    const PickleRef top = p.top();
    const PickleRef shapes = p.value(top, "param_shapes");
    // A list of dicts, one per group; older versions have a single dict.
    std::vector<PickleRef> groups{shapes};
    if (p.kind(shapes) == Kind::list || p.kind(shapes) == Kind::tuple) groups = p.items(shapes);
    for (const PickleRef group : groups) {
      for (Parameter& one : parameters_of(file, group)) parameters_.push_back(std::move(one));
    }
    if (parameters_.empty()) file.fail("expected 'param_shapes', found none");
    frozen_ = parameters_of(file, p.value(top, "frozen_param_shapes"));
    const std::vector<PickleRef> shared = p.items(p.value(top, "shared_params"));
    // The same names are listed by all model-parallel ranks.
    const bool is_new =
        p.kind(p.value(top, "shared_params")) == Kind::dict && result_.names.empty();
    for (std::size_t i = 0; is_new && i + 1 < shared.size(); i += 2) {
      result_.names.emplace_back(file.name(shared[i]), file.name(shared[i + 1]));
    }
    result_.step = p.integer(p.value(top, "global_steps")).value_or(-1);
  }

  /// Buffers are stored whole in the model states.
  void read_buffers(ParallelFile& file) {
    const Pickle& p = file.pickle();
    std::set<std::string_view> names;
    for (const PickleRef name : p.items(p.value(p.top(), "buffer_names"))) {
      names.insert(p.text(name));
    }
    if (names.empty()) return;
    for (Tensor& tensor : file.tensors(p.value(p.top(), "module"), result_.warnings)) {
      if (names.contains(tensor.name)) tensors_.push_back(std::move(tensor));
    }
  }

  RankElements read_groups(const std::string& name) {
    ParallelFile file(root_, name, result_);
    const Pickle& p = file.pickle();
    const PickleRef state = p.value(p.top(), "optimizer_state_dict");
    const std::optional<std::int64_t> stage = p.integer(p.value(state, "zero_stage"));
    if (stage != 3) {
      file.fail("expected the states of ZeRO stage 3, found stage " +
                (stage ? std::to_string(*stage) : "unknown"));
    }
    // Groups that differ in their number of ranks are divided otherwise.
    if (p.value(state, "ds_zero_partition_groups") != Pickle::kNone) {
      file.fail(
          "ZeRO stage 3 with groups of their own numbers of ranks "
          "('ds_zero_partition_groups') is not supported. Convert it to a universal checkpoint "
          "with "
          "DeepSpeed's ds_to_universal.py");
    }
    const std::int64_t parts = p.integer(p.value(state, "partition_count")).value_or(num_ranks_);
    if (parts != num_ranks_) {
      file.fail("expected the states of " + std::to_string(parts) + " ranks" + whose_ +
                " by 'partition_count', found " + std::to_string(num_ranks_) +
                ". Copy the folder again");
    }
    std::vector<Run> runs;
    for (const PickleRef group : p.items(p.value(state, "fp32_flat_groups"))) {
      runs.push_back(run_of(file, group, "a group of 'fp32_flat_groups'"));
      if (runs.back().dtype != Dtype::f32) {
        file.fail("expected groups of F32, found " + std::string(dtype_name(runs.back().dtype)));
      }
    }
    return RankElements(std::move(runs));
  }

  /// Each parameter has the same number of elements on each rank; those of the last rank are
  /// padded.
  void place_parameters(const std::vector<RankElements>& ranks) {
    std::int64_t used = 0;
    for (const Parameter& parameter : parameters_) {
      const std::int64_t share = share_of(parameter.count, num_ranks_);
      const auto end = checked_sum(used, share);
      if (!end || *end > ranks[0].count()) {
        fail("parameter " + in_quotes(parameter.name) + " of " + std::to_string(parameter.count) +
             " elements: expected " + std::to_string(share) + " on each rank" + whose_ +
             ", found " + std::to_string(ranks[0].count() - used));
      }
      Tensor tensor = tensor_of(parameter, Dtype::f32);
      for (std::int64_t rank = 0; rank < num_ranks_; ++rank) {
        const std::int64_t begin = rank * share;
        const std::int64_t count = std::min(share, parameter.count - begin);
        if (count > 0) ranks[static_cast<std::size_t>(rank)].add(tensor, begin, used, count);
      }
      used = *end;
      tensors_.push_back(std::move(tensor));
    }
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      if (ranks[rank].count() == used) continue;
      fail("expected " + std::to_string(used) + " elements in the groups of rank " +
           std::to_string(rank) + whose_ + ", found " + std::to_string(ranks[rank].count()));
    }
  }

  /// Pieces of frozen parameters are in the model states, under the parameter's name.
  void place_frozen(ParallelFile& first) {
    std::vector<Tensor> tensors;
    for (const Parameter& one : frozen_) tensors.push_back(tensor_of(one, Dtype::f32));
    for (const auto& [number, files] : ranks_) {
      std::optional<ParallelFile> other;
      if (number > 0) other.emplace(root_, files.model_states, result_);
      ParallelFile& file = other ? *other : first;
      const Pickle& p = file.pickle();
      const PickleRef fragments = p.value(p.top(), "frozen_param_fragments");
      for (Tensor& tensor : tensors) {
        const std::int64_t share = share_of(tensor.num_elements, num_ranks_);
        const std::int64_t begin = number * share;
        const std::int64_t count = std::min(share, tensor.num_elements - begin);
        if (count <= 0) continue;
        const Run run =
            run_of(file, p.value(fragments, tensor.name), "the piece of " + in_quotes(tensor.name));
        if (number == 0) tensor.dtype = run.dtype;
        if (run.count < count || run.dtype != tensor.dtype) {
          file.fail("parameter " + in_quotes(tensor.name) + ": expected a piece of " +
                    std::to_string(count) + " elements of " +
                    std::string(dtype_name(tensor.dtype)) + ", found " + std::to_string(run.count) +
                    " of " + std::string(dtype_name(run.dtype)));
        }
        RankElements({run}).add(tensor, begin, 0, count);
      }
    }
    std::move(tensors.begin(), tensors.end(), std::back_inserter(tensors_));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Blame::input, printable(root_.string()) + ": " + what);
  }

  fs::path root_;
  const ZeroRanks& ranks_;
  std::size_t model_ranks_;
  std::string whose_;
  Weights& result_;
  std::int64_t num_ranks_;
  std::vector<Tensor> tensors_;
  std::vector<Parameter> parameters_;
  std::vector<Parameter> frozen_;
};

[[noreturn]] void fail_ranks(const std::string& place, std::size_t expected,
                             const std::string& whose, std::size_t found) {
  throw Error(Blame::input,
              place + ": expected states of " + std::to_string(expected) + " ranks" + whose +
                  ", found " + std::to_string(found) +
                  ". ZeRO stage 3 divides every tensor among all ranks: copy the folder "
                  "again");
}

}  // namespace

void read_zero_partitions(const fs::path& root, const std::map<std::int64_t, ZeroRanks>& ranks,
                          Weights& checkpoint) {
  const std::string place = printable(root.string());
  PiecesByName pieces;
  std::size_t model_rank = 0;
  for (const auto& [number, data] : ranks) {
    const bool in_order = number == static_cast<std::int64_t>(model_rank);
    const bool alone = in_order && ranks.size() == 1;
    const std::string whose = alone ? "" : " of model-parallel rank " + std::to_string(model_rank);
    const std::size_t expected = ranks.begin()->second.size();
    if (!in_order || data.size() != expected) {
      fail_ranks(place, expected, whose, in_order ? data.size() : 0);
    }
    ZeroReader reader(root, data, ranks.size(), whose, checkpoint);
    add_pieces(pieces, model_rank, reader.read(), place);
    ++model_rank;
  }
  merge_pieces(checkpoint, std::move(pieces), ranks.size(), place);
}

}  // namespace wishart::checkpoint
