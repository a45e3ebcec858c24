#include "wishart/synth/checkpoint.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/synth/planted_matrix.hpp"

#include "encode.hpp"
#include "folder_state.hpp"
#include "output_file.hpp"
#include "planted_model.hpp"
#include "shard_plan.hpp"

namespace wishart::synth {
namespace {

/// The number of elements made at once, and the number that one rank makes of a matrix before
/// another rank continues.
constexpr std::int64_t kPanelElements = 1 << 19;
constexpr std::int64_t kPieceElements = 1 << 23;

/// Rows of one matrix, or elements of a vector, that one rank writes.
struct Piece {
  std::size_t tensor = 0;
  std::int64_t slice = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  double cost = 0;
};

void add_matrix_pieces(std::vector<Piece>& pieces, std::size_t index, const TensorSpec& tensor) {
  // Groups of rows are made together, so a piece consists of whole groups.
  const std::int64_t width = tensor.shape.back();
  const std::int64_t rows =
      std::max(kPieceElements / width / Hartley::kLanes, std::int64_t{1}) * Hartley::kLanes;
  for (std::int64_t slice = 0; slice < tensor.num_slices(); ++slice) {
    for (std::int64_t begin = 0; begin < tensor.rows(); begin += rows) {
      const std::int64_t end = std::min(begin + rows, tensor.rows());
      pieces.push_back({index, slice, begin, end,
                        static_cast<double>(end - begin) * static_cast<double>(width)});
    }
  }
}

/// The pieces of this rank. They are contiguous, so that a matrix is set up on few ranks only.
std::vector<Piece> my_pieces(const std::vector<TensorSpec>& tensors, const mpi::Comm& comm) {
  std::vector<Piece> all;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].content == TensorSpec::Content::matrices) {
      add_matrix_pieces(all, i, tensors[i]);
    } else {
      all.push_back({i, 0, 0, tensors[i].num_elements(), 1});
    }
  }
  double total = 0;
  for (const Piece& piece : all) total += piece.cost;
  std::vector<Piece> mine;
  double before = 0;
  for (const Piece& piece : all) {
    const double middle = (before + piece.cost / 2) / total;
    before += piece.cost;
    if (std::min(static_cast<int>(middle * comm.size()), comm.size() - 1) == comm.rank()) {
      mine.push_back(piece);
    }
  }
  return mine;
}

/// Writes pieces; keeps the matrices and the file of the last one.
class PieceWriter {
public:
  PieceWriter(const CheckpointOptions& options, PlantedModel& model, const ShardPlan& plan)
      : options_(options), model_(model), plan_(plan) {}

  void write(const Piece& piece, const std::function<void()>& check_stop) {
    const TensorSpec& tensor = model_.tensors()[piece.tensor];
    const bool matrix = tensor.content == TensorSpec::Content::matrices;
    const std::int64_t width = matrix ? tensor.shape.back() : 1;
    const std::int64_t step =
        std::max(kPanelElements / width / Hartley::kLanes, std::int64_t{1}) * Hartley::kLanes;
    for (std::int64_t begin = piece.begin; begin < piece.end; begin += step) {
      check_stop();
      const std::int64_t end = std::min(begin + step, piece.end);
      values_.resize(static_cast<std::size_t>((end - begin) * width));
      if (matrix) {
        make_rows(tensor, piece, begin, end);
      } else {
        const double value = tensor.content == TensorSpec::Content::ones ? 1.0 : 0.0;
        std::fill(values_.begin(), values_.end(), value);
      }
      store(piece, tensor, ((matrix ? piece.slice * tensor.rows() : 0) + begin) * width);
    }
  }

  void close() {
    if (file_) file_->close();
    file_.reset();
  }

private:
  void make_rows(const TensorSpec& tensor, const Piece& piece, std::int64_t begin,
                 std::int64_t end) {
    const std::int64_t active = tensor.active_rows();
    if (matrices_.empty() || tensor_ != piece.tensor || slice_ != piece.slice) {
      const auto spectrum = model_.spectrum(tensor);
      std::vector<double> sigma = spectrum->sigma;
      for (double& value : sigma) value *= tensor.rms;
      matrices_.clear();
      for (std::int64_t part = 0; part < tensor.num_parts(); ++part) {
        matrices_.emplace_back(active, tensor.cols(), sigma, options_.seed,
                               tensor.key(piece.slice, part), tables_);
      }
      tensor_ = piece.tensor;
      slice_ = piece.slice;
    }
    const std::int64_t filled = std::clamp(active, begin, end);
    const auto count = static_cast<std::size_t>((filled - begin) * tensor.shape.back());
    if (filled > begin) fill(begin, filled, std::span(values_).first(count));
    std::fill(values_.begin() + static_cast<std::ptrdiff_t>(count), values_.end(), 0.0);
  }

  /// Rows of a slice. The columns of its matrices alternate.
  void fill(std::int64_t begin, std::int64_t end, std::span<double> out) {
    const std::size_t parts = matrices_.size();
    if (parts == 1) return matrices_.front().fill_rows(begin, end, out);
    part_.resize(out.size() / parts);
    for (std::size_t part = 0; part < parts; ++part) {
      matrices_[part].fill_rows(begin, end, part_);
      for (std::size_t i = 0; i < part_.size(); ++i) out[i * parts + part] = part_[i];
    }
  }

  void store(const Piece& piece, const TensorSpec& tensor, std::int64_t first_element) {
    const std::int64_t width = dtype_bits(tensor.dtype) / 8;
    bytes_.resize(values_.size() * static_cast<std::size_t>(width));
    encode(tensor.dtype, values_, bytes_);
    const Placement& placement = plan_.placements[piece.tensor];
    if (!file_ || shard_ != placement.shard) {
      close();
      shard_ = placement.shard;
      file_.emplace(OutputFile::open(options_.folder / (plan_.shards[shard_].name + kPartSuffix)));
    }
    file_->write(placement.offset_bytes + first_element * width, bytes_);
  }

  const CheckpointOptions& options_;
  PlantedModel& model_;
  const ShardPlan& plan_;
  HartleyTables tables_;
  std::vector<PlantedMatrix> matrices_;  ///< of the slice
  std::vector<double> part_;             ///< rows of one of them
  std::size_t tensor_ = 0;
  std::int64_t slice_ = 0;
  std::optional<OutputFile> file_;
  std::size_t shard_ = 0;
  std::vector<double> values_;
  std::vector<std::byte> bytes_;
};

/// Done before the data, on rank 0: writes the options, and creates files of the right size with
/// their headers.
void begin_files(const CheckpointOptions& options, const ShardPlan& plan) {
  remove_file(options.folder / kIndexName);
  write_whole_file(options.folder / kOptionsName, options_json(options));
  for (const Shard& shard : plan.shards) {
    remove_file(options.folder / shard.name);
    OutputFile file =
        OutputFile::create(options.folder / (shard.name + kPartSuffix), shard.size_bytes);
    file.write(0, std::as_bytes(std::span(shard.header)));
    file.close();
  }
}

/// Done after the data, on rank 0: writes the truth and the configuration, renames the files, and
/// writes the index last.
void end_files(const CheckpointOptions& options, PlantedModel& model, const ShardPlan& plan) {
  make_folder(options.folder / "truth");
  const PlantedModel::Truth truth = model.truth();
  for (const auto& [name, bytes] : truth.files) write_whole_file(options.folder / name, bytes);
  write_whole_file(options.folder / "truth.json", truth.json);
  write_whole_file(options.folder / "config.json", config_json(options.shape, options.dtype));
  for (const Shard& shard : plan.shards) {
    rename_file(options.folder / (shard.name + kPartSuffix), options.folder / shard.name);
  }
  write_whole_file(options.folder / kIndexName, index_json(plan, model.tensors()));
}

CheckpointSummary summary_of(const std::vector<TensorSpec>& tensors, const ShardPlan& plan) {
  CheckpointSummary summary;
  summary.files = static_cast<std::int64_t>(plan.shards.size());
  summary.tensors = static_cast<std::int64_t>(tensors.size());
  summary.bytes = plan.total_bytes;
  for (const TensorSpec& tensor : tensors) {
    summary.parameters += tensor.num_elements();
    summary.matrices += tensor.num_matrices();
  }
  return summary;
}

}  // namespace

CheckpointSummary checkpoint_summary(const CheckpointOptions& options) {
  const auto tensors = tensors_of(options.shape, options.dtype, options.flaws);
  return summary_of(tensors, plan_shards(tensors, options.shard_bytes));
}

CheckpointSummary write_checkpoint(const CheckpointOptions& options, const mpi::Comm& comm,
                                   const std::function<void()>& check_stop) {
  const auto start = std::chrono::steady_clock::now();
  PlantedModel model(options);
  const ShardPlan plan = plan_shards(model.tensors(), options.shard_bytes);
  CheckpointSummary summary = summary_of(model.tensors(), plan);
  std::int64_t was_there = 0;
  mpi::together(comm, [&] {
    if (comm.rank() != 0) return;
    was_there = prepare_folder(options.folder, options_json(options), plan) ? 1 : 0;
    if (was_there == 0) begin_files(options, plan);
  });
  summary.was_there = comm.maximum(was_there) == 1;
  if (summary.was_there) return summary;
  mpi::together(comm, [&] {
    PieceWriter writer(options, model, plan);
    for (const Piece& piece : my_pieces(model.tensors(), comm)) writer.write(piece, check_stop);
    writer.close();
  });
  mpi::together(comm, [&] {
    if (comm.rank() == 0) end_files(options, model, plan);
  });
  summary.seconds = seconds_since(start);
  return summary;
}

}  // namespace wishart::synth
