#include "wishart/spectrum/adapter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "wishart/core/narrow.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/mpi/together.hpp"

#include "lapack.hpp"
#include "panels.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// A small dense matrix, column-major.
struct Dense {
  Dense() = default;
  Dense(std::int64_t r, std::int64_t c)
      : rows(r), cols(c), values(static_cast<std::size_t>(r * c)) {}

  [[nodiscard]] double& at(std::int64_t row, std::int64_t col) {
    return values[static_cast<std::size_t>(row + col * rows)];
  }

  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::vector<double> values;
};

/// All elements, row-major as read: a column-major matrix of the transposed shape.
Dense transposed_of(const Elements& elements) {
  const Matrix& matrix = *elements.matrix;
  Dense result(matrix.cols, matrix.rows);
  elements.source->read(0, 0, matrix.rows, 0, matrix.cols, result.values);
  return result;
}

Dense transposed(const Dense& a) {
  Dense result(a.cols, a.rows);
  for (std::int64_t col = 0; col < a.cols; ++col) {
    for (std::int64_t row = 0; row < a.rows; ++row) {
      result.at(col, row) = a.values[static_cast<std::size_t>(row + col * a.rows)];
    }
  }
  return result;
}

/// alpha op(a) op(b).
Dense product(const Dense& a, bool turn_a, const Dense& b, bool turn_b, double alpha = 1) {
  Dense result(turn_a ? a.cols : a.rows, turn_b ? b.rows : b.cols);
  const int rows = narrow<int>(result.rows, "rows of a product");
  const int cols = narrow<int>(result.cols, "columns of a product");
  const int inner = narrow<int>(turn_a ? a.rows : a.cols, "inner extent of a product");
  const int lda = narrow<int>(a.rows, "rows of a factor");
  const int ldb = narrow<int>(b.rows, "rows of a factor");
  const double zero = 0;
  if (rows == 0 || cols == 0 || inner == 0) return result;
  dgemm_(turn_a ? "T" : "N", turn_b ? "T" : "N", &rows, &cols, &inner, &alpha, a.values.data(),
         &lda, b.values.data(), &ldb, &zero, result.values.data(), &rows, 1, 1);
  return result;
}

/// a = q r with p = min(rows, cols) orthonormal columns in q.
struct Orthogonal {
  Dense q;
  Dense r;
};

Orthogonal orthogonal(Dense a) {
  const int rows = narrow<int>(a.rows, "rows of a factor");
  const int cols = narrow<int>(a.cols, "columns of a factor");
  const int rank = std::min(rows, cols);
  std::vector<double> tau(static_cast<std::size_t>(std::max(rank, 1)));
  std::vector<double> work(static_cast<std::size_t>(std::max(64 * cols, 1)));
  const int lwork = narrow<int>(static_cast<std::int64_t>(work.size()), "workspace of dgeqrf");
  int info = 0;
  dgeqrf_(&rows, &cols, a.values.data(), &rows, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dgeqrf");
  Orthogonal result{{}, Dense(rank, cols)};
  for (std::int64_t col = 0; col < cols; ++col) {
    for (std::int64_t row = 0; row <= std::min<std::int64_t>(col, rank - 1); ++row) {
      result.r.at(row, col) = a.at(row, col);
    }
  }
  dorgqr_(&rows, &rank, &rank, a.values.data(), &rows, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dorgqr");
  a.values.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(rank));
  a.cols = rank;
  result.q = std::move(a);
  return result;
}

/// u diag(sigma) vt^T with all vectors of the shorter side.
struct Svd {
  Dense u;
  std::vector<double> sigma;  ///< descending
  Dense v;
};

Svd svd(Dense a) {
  const int rows = narrow<int>(a.rows, "rows of a small matrix");
  const int cols = narrow<int>(a.cols, "columns of a small matrix");
  const int rank = std::min(rows, cols);
  Svd result{Dense(rows, rank), std::vector<double>(static_cast<std::size_t>(rank)), {}};
  Dense vt(rank, cols);
  const std::int64_t most = std::max(rows, cols);
  std::vector<double> work(
      static_cast<std::size_t>(4 * std::int64_t{rank} * rank + 7 * most + 64 * most));
  std::vector<int> iwork(static_cast<std::size_t>(8 * rank));
  const int lwork = narrow<int>(static_cast<std::int64_t>(work.size()), "workspace of dgesdd");
  int info = 0;
  dgesdd_("S", &rows, &cols, a.values.data(), &rows, result.sigma.data(), result.u.values.data(),
          &rows, vt.values.data(), &rank, work.data(), &lwork, iwork.data(), &info, 1);
  check_info(info, "dgesdd");
  result.v = transposed(vt);
  return result;
}

/// s B A, from the QR factorisations of both factors and the SVD of the small matrix between.
Svd adapter_svd(const AdaptedMatrix& adapted) {
  const Orthogonal left = orthogonal(transposed(transposed_of(adapted.left)));
  const Orthogonal right = orthogonal(transposed_of(adapted.right));  // A^T
  Svd small = svd(product(left.r, false, right.r, true, adapted.factor));
  return {product(left.q, false, small.u, false), std::move(small.sigma),
          product(right.q, false, small.v, false)};
}

/// The first `count` columns.
Dense leading(Dense a, std::int64_t count) {
  a.values.resize(static_cast<std::size_t>(a.rows * count));
  a.cols = count;
  return a;
}

/// Sums over the rows of W of one rank.
struct Sums {
  Dense inside;  ///< U^T W V
  double base = 0;
  double change = 0;
};

double squares(std::span<const double> values) {
  long double sum = 0;
  for (const double value : values) sum += static_cast<long double>(value) * value;
  return static_cast<double>(sum);
}

/// Adds up `rows` of W, a panel at a time.
void add_rows(const AdaptedMatrix& adapted, const Svd& adapter, Slice rows,
              const SolveOptions& options, Workspace& workspace, Sums& sums) {
  const std::int64_t cols = adapted.base.matrix->cols;
  const std::int64_t count = adapter.u.cols;
  const bool rescaled = adapted.tuned.source != nullptr;
  const std::int64_t depth =
      std::clamp<std::int64_t>(options.panel_bytes / (8 * std::max<std::int64_t>(cols, 1)), 1,
                               std::max<std::int64_t>(rows.size(), 1));
  workspace.reset();
  const std::span<double> panel = workspace.take<double>(depth * cols);
  const std::span<double> other = workspace.take<double>(rescaled ? depth * cols : 0);
  const std::span<double> thin = workspace.take<double>(depth * count);
  const double one = 1;
  const double zero = 0;
  const int width = narrow<int>(cols, "columns of a panel");
  const int k = narrow<int>(count, "directions of an adapter");
  const int lda = narrow<int>(adapter.u.rows, "rows of a matrix");
  for (std::int64_t row = rows.begin; row < rows.end; row += depth) {
    const std::int64_t last = std::min(row + depth, rows.end);
    const std::span<double> values = panel.first(static_cast<std::size_t>((last - row) * cols));
    adapted.base.source->read(0, row, last, 0, cols, values);
    sums.base += squares(values);
    if (rescaled) {
      const std::span<double> tuned = other.first(values.size());
      adapted.tuned.source->read(0, row, last, 0, cols, tuned);
      for (std::size_t i = 0; i < values.size(); ++i) tuned[i] -= values[i];
      sums.change += squares(tuned);
    }
    if (k == 0) continue;
    // The panel is row-major, so column-major it is W^T: thin = (W V)^T, then U^T (W V).
    const int height = narrow<int>(last - row, "rows of a panel");
    dgemm_("T", "N", &k, &height, &width, &one, adapter.v.values.data(), &width, values.data(),
           &width, &zero, thin.data(), &k, 1, 1);
    dgemm_("T", "T", &k, &k, &height, &one, adapter.u.values.data() + row, &lda, thin.data(), &k,
           &one, sums.inside.values.data(), &k, 1, 1);
  }
}

}  // namespace

AdapterComparison compare_adapter(const AdaptedMatrix& adapted, Team& team,
                                  const SolveOptions& options, Workspace& workspace) {
  const mpi::Comm& comm = team.comm();
  Svd adapter;
  std::vector<std::byte> bytes;
  // One rank decides on the signs of the vectors: the sums over the ranks need the same ones.
  mpi::together(comm, [&] {
    if (comm.rank() != 0) return;
    adapter = adapter_svd(adapted);
    const auto zero = [&](double value) {
      return !(value > kZeroDirection * adapter.sigma.front());
    };
    const auto end = std::find_if(adapter.sigma.begin(), adapter.sigma.end(), zero);
    const std::int64_t count = end - adapter.sigma.begin();
    adapter.u = leading(std::move(adapter.u), count);
    adapter.v = leading(std::move(adapter.v), count);
    Packer pack;
    pack(adapter.sigma);
    pack(adapter.u.values);
    pack(adapter.v.values);
    bytes = pack.take();
  });
  comm.broadcast(bytes, 0);
  const std::int64_t rows = adapted.base.matrix->rows;
  const std::int64_t cols = adapted.base.matrix->cols;
  Unpacker unpack(bytes);
  unpack(adapter.sigma);
  unpack(adapter.u.values);
  unpack(adapter.v.values);
  const std::int64_t count = static_cast<std::int64_t>(adapter.u.values.size()) / rows;
  adapter.u.rows = rows;
  adapter.v.rows = cols;
  adapter.u.cols = adapter.v.cols = count;

  Sums sums;
  sums.inside = Dense(count, count);
  mpi::together(comm, [&] {
    add_rows(adapted, adapter, slice_of(rows, comm.rank(), comm.size()), options, workspace, sums);
  });
  comm.sum(std::span<double>(sums.inside.values));
  std::vector<double> both{sums.base, sums.change};
  comm.sum(std::span<double>(both));

  AdapterComparison result;
  result.frobenius = std::sqrt(squares(adapter.sigma));
  result.spectral = adapter.sigma.empty() ? 0 : adapter.sigma.front();
  result.base_sum_squares = both[0];
  result.change_sum_squares =
      adapted.tuned.source != nullptr ? both[1] : result.frobenius * result.frobenius;
  const double chance = static_cast<double>(count) / std::sqrt(static_cast<double>(rows)) /
                        std::sqrt(static_cast<double>(cols));
  result.alignment = count > 0 && both[0] > 0
                         ? std::sqrt(squares(sums.inside.values) / both[0]) / chance
                         : std::numeric_limits<double>::quiet_NaN();
  result.sigma = std::move(adapter.sigma);
  return result;
}

}  // namespace wishart::spectrum
