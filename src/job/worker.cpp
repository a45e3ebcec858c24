#include "worker.hpp"

#include <chrono>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/fit/metrics.hpp"

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
    result.spectrum = spectrum::compute_spectrum(matrix, source, team, options, workspace_);
    if (team.comm().rank() == 0) {
      const auto start = std::chrono::steady_clock::now();
      result.row = fit::layer_row(matrix, result.spectrum, order_->fit);
      result.row.fit_seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
