#include "exchange.hpp"

#include <algorithm>
#include <functional>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"
#include "wishart/spectrum/block_cyclic.hpp"
#include "wishart/spectrum/tally.hpp"

namespace wishart::spectrum {
namespace {

constexpr int kTriangleTag = 3;

/// The end of the columns [first, last) of a triangle whose elements fit into `mpi::kValuesAtOnce`;
/// at least one column.
std::int64_t last_column(std::int64_t first, std::int64_t m,
                         const std::function<std::int64_t(std::int64_t)>& length) {
  std::int64_t total = 0;
  std::int64_t last = first;
  while (last < m && (last == first || total + length(last) <= mpi::kValuesAtOnce))
    total += length(last++);
  return last;
}

/// Where the blocks of a range of block columns are in the shares of the ranks.
class Dealing {
public:
  Dealing(const ProcessGrid& grid, std::int64_t m, std::int64_t block, Triangle triangle)
      : down_{m, block, grid.rows()}, across_{m, block, grid.cols()}, triangle_(triangle) {}

  /// Calls `visit(row, local row, rows, column, local column)` for every run of rows of rank
  /// (grid_row, grid_col) in columns [first, last), in the order in which they are sent.
  template <class Visit>
  void for_each_run(int grid_row, int grid_col, std::int64_t first, std::int64_t last,
                    Visit&& visit) const {
    const std::int64_t local_cols = across_.local_extent(grid_col);
    const std::int64_t local_rows = down_.local_extent(grid_row);
    for (std::int64_t local_col = 0; local_col < local_cols; ++local_col) {
      const std::int64_t col = across_.global_index(grid_col, local_col);
      if (col < first || col >= last) continue;
      for (std::int64_t local_row = 0; local_row < local_rows; local_row += down_.block) {
        const std::int64_t row = down_.global_index(grid_row, local_row);
        const std::int64_t count = std::min(down_.block, local_rows - local_row);
        // Whole blocks: those on the diagonal are sent with their upper half.
        if (triangle_ == Triangle::lower && row / down_.block < col / across_.block) continue;
        visit(row, local_row, count, col, local_col);
      }
    }
  }

private:
  BlockCyclic down_;
  BlockCyclic across_;
  Triangle triangle_;
};

}  // namespace

void sum_triangle_on_first(const mpi::Comm& team, std::span<double> gram, std::int64_t m,
                           Workspace& workspace) {
  const auto length = [m](std::int64_t col) { return m - col; };
  std::span<double> buffer;
  mpi::together(team, [&] { buffer = workspace.take<double>(std::max(mpi::kValuesAtOnce, m)); });
  for (std::int64_t first = 0; first < m;) {
    const std::int64_t last = last_column(first, m, length);
    std::int64_t size = 0;
    for (std::int64_t col = first; col < last; ++col) {
      std::copy_n(gram.data() + col + col * m, m - col, buffer.data() + size);
      size += m - col;
    }
    const bool root = team.rank() == 0;
    mpi::sum_on(team, buffer.first(static_cast<std::size_t>(size)), 0);
    size = 0;
    for (std::int64_t col = first; root && col < last; ++col) {
      std::copy_n(buffer.data() + size, m - col, gram.data() + col + col * m);
      size += m - col;
    }
    first = last;
  }
}

void sum_and_deal_out(const mpi::Comm& team, const ProcessGrid& grid, std::span<const double> gram,
                      std::int64_t m, std::int64_t block, Triangle triangle, Workspace& workspace,
                      std::span<double> share) {
  const Dealing dealing(grid, m, block, triangle);
  const std::int64_t ld =
      std::max<std::int64_t>(1, BlockCyclic{m, block, grid.rows()}.local_extent(grid.row()));
  const std::int64_t at_once = std::max(mpi::kValuesAtOnce, m);
  std::span<double> outgoing;
  std::span<double> incoming;
  mpi::together(team, [&] {
    outgoing = workspace.take<double>(at_once);
    incoming = workspace.take<double>(at_once);
  });
  std::vector<int> counts(static_cast<std::size_t>(team.size()));
  for (std::int64_t first = 0; first < m;) {
    const std::int64_t last = last_column(first, m, [m](std::int64_t) { return m; });
    std::int64_t size = 0;
    for (int rank = 0; rank < team.size(); ++rank) {
      const std::int64_t begin = size;
      dealing.for_each_run(
          rank / grid.cols(), rank % grid.cols(), first, last,
          [&](std::int64_t row, std::int64_t, std::int64_t count, std::int64_t col, std::int64_t) {
            std::copy_n(gram.data() + row + col * m, count, outgoing.data() + size);
            size += count;
          });
      counts[static_cast<std::size_t>(rank)] = narrow<int>(size - begin, "elements of a share");
    }
    mpi::sum_and_scatter(team, outgoing.first(static_cast<std::size_t>(size)), counts, incoming);
    std::int64_t taken = 0;
    dealing.for_each_run(grid.row(), grid.col(), first, last,
                         [&](std::int64_t, std::int64_t local_row, std::int64_t count, std::int64_t,
                             std::int64_t local_col) {
                           std::copy_n(incoming.data() + taken, count,
                                       share.data() + local_row + local_col * ld);
                           taken += count;
                         });
    first = last;
  }
}

void send_triangle(const mpi::Comm& team, std::span<const double> upper, std::int64_t n, int to) {
  for (std::int64_t col = 0; col < n; ++col) {
    mpi::send(team,
              upper.subspan(static_cast<std::size_t>(col * n), static_cast<std::size_t>(col + 1)),
              to, kTriangleTag);
  }
}

void receive_triangle(const mpi::Comm& team, std::span<double> upper, std::int64_t n, int from) {
  for (std::int64_t col = 0; col < n; ++col) {
    mpi::receive(
        team, upper.subspan(static_cast<std::size_t>(col * n), static_cast<std::size_t>(col + 1)),
        from, kTriangleTag);
    std::fill_n(upper.data() + col * n + col + 1, n - col - 1, 0.0);
  }
}

bool any_nonfinite(const mpi::Comm& team, const Tally& tally, Precision precision) {
  if (team.maximum(tally.num_nan() + tally.num_inf()) > 0) return true;
  const double largest = team.maximum(tally.sizes().largest);
  const bool usual = team.maximum(std::int64_t{tally.sizes().usual}) > 0;
  require_range({largest, usual}, precision);
  return false;
}

}  // namespace wishart::spectrum
