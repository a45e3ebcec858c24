#include "wishart/spectrum/leading_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"

#include "gram.hpp"
#include "lapack.hpp"
#include "panels.hpp"
#include "top_vectors.hpp"

namespace wishart::spectrum {
namespace {

/// A view and this rank's part of the work on it.
struct Share {
  ViewTask task;
  bool tall = true;
  std::int64_t n = 0;  ///< long side
  std::int64_t m = 0;  ///< short side
  Slice columns;       ///< of the Gram matrix
  Slice rows;          ///< of the long side
};

/// gram (m x columns) += the products of a panel.
void add_columns(const Panel<double>& panel, const Share& share, std::span<double> gram) {
  const int order = narrow<int>(share.m, "order of a Gram matrix");
  const int cols = narrow<int>(share.columns.size(), "columns of a share");
  const int depth = narrow<int>(panel.depth, "depth of a panel");
  const double one = 1;
  const double* all = panel.values.data();
  const double* own = all + share.columns.begin * (share.tall ? 1 : panel.depth);
  const int lead = share.tall ? order : depth;
  dgemm_(share.tall ? "N" : "T", share.tall ? "T" : "N", &order, &cols, &depth, &one, all, &lead,
         own, &lead, &one, gram.data(), &order, 1, 1);
}

/// This rank's columns of the Gram matrix.
std::span<double> gram_columns(const Share& share, const SolveOptions& options,
                               Workspace& workspace) {
  const std::span<double> gram = workspace.take<double>(share.m * share.columns.size());
  Tally unused;  // the elements were counted with the spectrum
  if (share.columns.size() == share.m) {
    SolveOptions exact = options;
    exact.precision = Precision::float64;
    exact.products = Products::float64;  // the plan counts the memory of these panels
    static_cast<void>(gram_of_slice(share.task, {0, share.n}, exact, unused, workspace, gram));
    mirror_lower(gram, share.m);
    return gram;
  }
  std::fill(gram.begin(), gram.end(), 0.0);
  if (gram.empty()) return gram;
  PanelStream<double> stream(share.task, {0, share.n}, options.panel_bytes, unused, workspace);
  while (const auto panel = stream.next()) add_columns(*panel, share, gram);
  return gram;
}

/// Writes this rank's slice of the long side's products with `vectors` (m x count) to `to` (n x
/// count).
void multiply_slice(const Share& share, const SolveOptions& options,
                    std::span<const double> vectors, std::int64_t count, Workspace& workspace,
                    std::span<double> to) {
  const int order = narrow<int>(share.m, "order of a Gram matrix");
  const int cols = narrow<int>(count, "vectors of a block");
  const int lead = narrow<int>(share.n, "long side of a matrix");
  const double one = 1;
  const double zero = 0;
  Tally unused;
  PanelStream<double> stream(share.task, share.rows, options.panel_bytes, unused, workspace);
  while (const auto panel = stream.next()) {
    const int depth = narrow<int>(panel->depth, "depth of a panel");
    dgemm_(share.tall ? "T" : "N", "N", &depth, &cols, &order, &one, panel->values.data(),
           share.tall ? &order : &depth, vectors.data(), &order, &zero, to.data() + panel->begin,
           &lead, 1, 1);
  }
}

/// Makes the columns of `vectors` (n x count) unit vectors. Returns their lengths.
std::vector<double> normalise(std::span<double> vectors, std::int64_t n, std::int64_t count) {
  std::vector<double> lengths;
  for (std::int64_t j = 0; j < count; ++j) {
    const std::span<double> one =
        vectors.subspan(static_cast<std::size_t>(j * n), static_cast<std::size_t>(n));
    long double squares = 0;
    for (const double value : one) squares += static_cast<long double>(value) * value;
    const double length = std::sqrt(static_cast<double>(squares));
    if (length > 0) {
      for (double& value : one) value /= length;
    }
    lengths.push_back(length);
  }
  return lengths;
}

/// Leading vectors of a Gram matrix of which each rank has its columns.
TopVectors top_of(const mpi::Comm& comm, const Share& share, std::span<const double> gram,
                  std::int64_t count) {
  const auto product = [&](std::span<const double> from, std::int64_t vectors,
                           std::span<double> to) {
    std::fill(to.begin(), to.end(), 0.0);
    const int rows = narrow<int>(share.columns.size(), "columns of a share");
    const int cols = narrow<int>(vectors, "vectors of a block");
    const int depth = narrow<int>(share.m, "order of a Gram matrix");
    const double one = 1;
    const double zero = 0;
    // G is symmetric: this rank's columns are its rows.
    if (rows > 0) {
      dgemm_("T", "N", &rows, &cols, &depth, &one, gram.data(), &depth, from.data(), &depth, &zero,
             to.data() + share.columns.begin, &depth, 1, 1);
    }
    if (comm.size() > 1) comm.sum(to);
  };
  return top_vectors(comm, share.m, count, product);
}

}  // namespace

LeadingVectors leading_vectors(const Matrix& matrix, ElementSource& source, std::int64_t view,
                               std::int64_t count, Team& team, const SolveOptions& options,
                               Workspace& workspace) {
  require(count >= 1, "leading_vectors needs at least one vector to find");
  const mpi::Comm& comm = team.comm();
  Share share;
  share.task = {&matrix, &source, view};
  share.tall = matrix.rows >= matrix.cols;
  share.n = matrix.long_side();
  share.m = matrix.short_side();
  share.columns = slice_of(share.m, comm.rank(), comm.size());
  share.rows = slice_of(share.n, comm.rank(), comm.size());
  count = std::min(count, share.m);

  std::span<double> gram;
  mpi::together(comm, [&] {
    workspace.reset();
    gram = gram_columns(share, options, workspace);
  });
  TopVectors top = top_of(comm, share, gram, count);
  std::vector<double> far;
  mpi::together(comm, [&] {
    workspace.reset();
    far.resize(static_cast<std::size_t>(share.n * count));
    if (share.rows.size() > 0) multiply_slice(share, options, top.vectors, count, workspace, far);
  });
  if (comm.size() > 1) comm.sum(std::span<double>(far));

  LeadingVectors result;
  result.count = count;
  result.residual = top.residual;
  result.sigma = normalise(far, share.n, count);
  if (share.tall) {
    result.left = std::move(far);
    result.right = std::move(top.vectors);
  } else {
    result.left = std::move(top.vectors);
    result.right = std::move(far);
  }
  return result;
}

}  // namespace wishart::spectrum
