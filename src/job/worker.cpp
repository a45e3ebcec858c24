#include "worker.hpp"

#include <algorithm>
#include <chrono>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/spectrum/tally.hpp"

namespace wishart::job {
namespace {

/// The elements of one matrix, from its checkpoint.
class CheckpointSource : public spectrum::ElementSource {
public:
  CheckpointSource(checkpoint::ElementReader& reader, const Matrix& matrix)
      : reader_(&reader), matrix_(&matrix) {}

  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    checkpoint::read_block(*reader_, *matrix_, view, {row_begin, row_end, col_begin, col_end}, out);
  }

private:
  checkpoint::ElementReader* reader_;
  const Matrix* matrix_;
};

/// The hash of a matrix's values as compute_spectrum makes it, each rank reading its part of the
/// rows; empty if they cannot be read: why is told when the matrix is computed. Collective over the
/// team.
std::string values_hash(const Matrix& matrix, CheckpointSource& source, const mpi::Comm& team,
                        std::int64_t panel_bytes) {
  spectrum::Tally tally;
  try {
    const std::int64_t begin = matrix.rows * team.rank() / team.size();
    const std::int64_t end = matrix.rows * (team.rank() + 1) / team.size();
    const std::int64_t depth =
        std::clamp<std::int64_t>(panel_bytes / (8 * std::max<std::int64_t>(matrix.cols, 1)), 1,
                                 std::max<std::int64_t>(end - begin, 1));
    std::vector<double> panel(static_cast<std::size_t>(depth * matrix.cols));
    for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
      for (std::int64_t row = begin; row < end; row += depth) {
        const std::int64_t last = std::min(row + depth, end);
        const std::span<double> values =
            std::span(panel).first(static_cast<std::size_t>((last - row) * matrix.cols));
        source.read(view, row, last, 0, matrix.cols, values);
        tally.add((view * matrix.rows + row) * matrix.cols, values);
      }
    }
  } catch (const std::exception&) {
    // What was not read is missing in the count of all ranks.
  }
  tally.combine(team);
  const bool whole = tally.num_elements() == matrix.num_views() * matrix.rows * matrix.cols;
  return whole ? tally.hash().hex() : std::string();
}

/// One matrix, with its fit on the first rank of the team.
class MatrixSolver {
public:
  explicit MatrixSolver(const WorkOrder& order)
      : order_(&order), reader_(checkpoint::make_reader(order.root, order.files)) {}

  Result solve(std::int64_t item, spectrum::Team& team) {
    const Matrix& matrix = order_->matrices[static_cast<std::size_t>(item)];
    const plan::Way& way = order_->ways[static_cast<std::size_t>(item)];
    spectrum::SolveOptions options;
    options.method = way.method;
    options.precision = way.precision;
    options.solver = way.solver;
    options.distributed = way.distributed;
    options.panel_bytes = way.panel_bytes;
    options.resolve = order_->resolve;
    CheckpointSource source(*reader_, matrix);
    Result result;
    result.item = item;
    const std::string& known = order_->known_hashes[static_cast<std::size_t>(item)];
    if (!known.empty()) {
      const auto start = std::chrono::steady_clock::now();
      result.unchanged = values_hash(matrix, source, team.comm(), way.panel_bytes) == known;
      result.spectrum.seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      result.spectrum.team_size = team.comm().size();
      if (result.unchanged) return result;
    }
    result.spectrum = spectrum::compute_spectrum(matrix, source, team, options, workspace_);
    if (team.comm().rank() == 0) {
      result.row = fit::layer_row(matrix, result.spectrum, order_->fit);
      result.row.dtype = storage_text(matrix.tensor);
    }
    return result;
  }

private:
  const WorkOrder* order_;
  std::unique_ptr<checkpoint::ElementReader> reader_;
  spectrum::Workspace workspace_;
};

}  // namespace

void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams) {
  MatrixSolver solver(order);
  while (true) {
    Results results;
    results.command = unpacked<Assignment>(control.receive(kCommandTag).bytes);
    if (results.command.items.empty()) return;
    spectrum::Team& team = teams[static_cast<std::size_t>(results.command.team)];
    for (const std::int64_t item : results.command.items) {
      results.results.push_back(solver.solve(item, team));
    }
    if (team.comm().rank() == 0) control.send(packed(results), 0, kResultTag);
  }
}

}  // namespace wishart::job
