#include "worker.hpp"

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

}  // namespace

void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams) {
  const auto reader = checkpoint::make_reader(order.format, order.root, order.files);
  spectrum::SolveOptions solve;
  solve.method = order.method;
  solve.panel_bytes = order.panel_bytes;
  spectrum::Workspace workspace;
  while (true) {
    const auto command = unpacked<Command>(control.receive(kCommandTag).bytes);
    if (command.item < 0) return;
    const Matrix& matrix = order.matrices[static_cast<std::size_t>(command.item)];
    spectrum::Team& team = teams[static_cast<std::size_t>(command.team)];
    CheckpointSource source(*reader, matrix);
    Result result;
    result.command = command;
    result.spectrum = spectrum::compute_spectrum(matrix, source, team, solve, workspace);
    if (team.comm().rank() != 0) continue;
    result.row = fit::layer_row(matrix, result.spectrum, order.fit);
    control.send(packed(result), 0, kResultTag);
  }
}

}  // namespace wishart::job
