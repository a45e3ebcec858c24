#include "wishart/spectrum/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"
#include "wishart/record/panel.hpp"

#include "comparison_sums.hpp"
#include "exchange.hpp"
#include "gram.hpp"
#include "intruder_count.hpp"
#include "lapack.hpp"
#include "panels.hpp"
#include "top_vectors.hpp"

namespace wishart::spectrum {
namespace {

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

void add_gram(const Panel<double>& panel, bool tall, std::int64_t m, double beta,
              std::span<double> gram) {
  const int order = narrow<int>(m, "order of a Gram matrix");
  const int depth = narrow<int>(panel.depth, "depth of a panel");
  const double one = 1;
  dsyrk_("L", tall ? "N" : "T", &order, &depth, &one, panel.values.data(), tall ? &order : &depth,
         &beta, gram.data(), &order, 1, 1);
}

void add_cross(const Panel<double>& x, const Panel<double>& y, std::int64_t m, double beta,
               std::span<double> cross) {
  const int order = narrow<int>(m, "order of a Gram matrix");
  const int depth = narrow<int>(x.depth, "depth of a panel");
  const double one = 1;
  dgemm_("N", "T", &order, &order, &depth, &one, x.values.data(), &order, y.values.data(), &order,
         &beta, cross.data(), &order, 1, 1);
}

void add_rows(const Panel<double>& panel, std::int64_t m, std::vector<double>& sum) {
  for (std::int64_t row = 0; row < panel.depth; ++row) {
    const double* values = panel.values.data() + row * m;
    for (std::int64_t col = 0; col < m; ++col) sum[static_cast<std::size_t>(col)] += values[col];
  }
}

/// Adds up this rank's slice. Both are read in panels of one depth: that of a wide matrix depends
/// on the size of its elements.
void add_slice(const ViewTask& x, const ViewTask& y, Slice slice, const SolveOptions& options,
               Tally& tally, Tally& base_tally, Workspace& workspace, Sums& sums) {
  const bool tall = !sums.cross.empty();
  const auto depth = [&](const ViewTask& view) {
    return panel_depth(*view.matrix, options.panel_bytes, Precision::float64);
  };
  const PanelStream<double>::Depth shared{std::min(depth(x), depth(y))};
  PanelStream<double> stream(x, slice, shared, tally, workspace);
  PanelStream<double> base_stream(y, slice, shared, base_tally, workspace);
  double beta = 0;
  while (const auto panel = stream.next()) {
    const auto base_panel = base_stream.next();
    require(base_panel && base_panel->depth == panel->depth, "both views have the same panels");
    add_gram(*panel, tall, sums.m, beta, sums.own);
    add_gram(*base_panel, tall, sums.m, beta, sums.base);
    if (tall) {
      add_cross(*panel, *base_panel, sums.m, beta, sums.cross);
      add_rows(*panel, sums.m, sums.row_sum);
      add_rows(*base_panel, sums.m, sums.base_row_sum);
    }
    beta = 1;
  }
  if (beta == 0) {
    for (const std::span<double> one : {sums.own, sums.base, sums.cross}) {
      std::fill(one.begin(), one.end(), 0.0);
    }
  }
  mirror_lower(sums.own, sums.m);
  mirror_lower(sums.base, sums.m);
}

/// Sums the matrices of the ranks. Each rank gets its columns of the sum, in place.
void deal_columns(const mpi::Comm& comm, std::span<double> matrix, std::int64_t m) {
  for (int to = 0; to < comm.size(); ++to) {
    mpi::sum_on(comm, columns_of(matrix, m, slice_of(m, to, comm.size())), to);
  }
}

/// Sum of a(i, j) b(i, j) over the columns of this rank, then over the ranks. `a` and `b` are
/// functions of the indices.
template <class A, class B>
double inner(const mpi::Comm& comm, const Sums& sums, A&& a, B&& b) {
  long double sum = 0;
  for (std::int64_t j = sums.columns.begin; j < sums.columns.end; ++j) {
    double column = 0;
    for (std::int64_t i = 0; i < sums.m; ++i) column += a(i, j) * b(i, j);
    sum += column;
  }
  double total = static_cast<double>(sum);
  comm.sum(std::span<double>(&total, 1));
  return total;
}

/// The two alignments of a view.
struct Alignment {
  double cka = 0;
  double uncentred_root = 0;
};

double ratio(double product, double a, double b) {
  const double bottom = std::sqrt(a) * std::sqrt(b);
  return bottom > 0 ? product / bottom : std::numeric_limits<double>::quiet_NaN();
}

/// A centred norm below this is rounding error: the rows are equal.
constexpr double kNoVariation = 1e-24;

Alignment alignment_from(double cross, double own, double base, double centred_cross,
                         double centred_own, double centred_base) {
  Alignment result;
  // abs: rounding must not make it negative; NaN stays NaN.
  result.uncentred_root = std::sqrt(std::abs(ratio(cross, own, base)));
  const bool varies = centred_own > kNoVariation * own && centred_base > kNoVariation * base;
  result.cka = varies ? ratio(centred_cross, centred_own, centred_base)
                      : std::numeric_limits<double>::quiet_NaN();
  return result;
}

/// For tall views: from X^T X, X^T Y, Y^T Y, and the means of the columns.
Alignment tall_alignment(const mpi::Comm& comm, const Sums& sums) {
  const double n = static_cast<double>(sums.n);
  const auto plain = [&](std::span<const double> g) {
    return [g, m = sums.m](std::int64_t i, std::int64_t j) {
      return g[static_cast<std::size_t>(i + j * m)];
    };
  };
  const auto centred = [&](std::span<const double> g, const std::vector<double>& left,
                           const std::vector<double>& right) {
    return [&, g, m = sums.m](std::int64_t i, std::int64_t j) {
      return g[static_cast<std::size_t>(i + j * m)] -
             left[static_cast<std::size_t>(i)] * right[static_cast<std::size_t>(j)] / n;
    };
  };
  const auto square = [&](auto&& a) { return inner(comm, sums, a, a); };
  const auto& x = sums.row_sum;
  const auto& y = sums.base_row_sum;
  return alignment_from(square(plain(sums.cross)), square(plain(sums.own)),
                        square(plain(sums.base)), square(centred(sums.cross, x, y)),
                        square(centred(sums.own, x, x)), square(centred(sums.base, y, y)));
}

/// Sums of the columns of a distributed matrix; every rank gets them.
std::vector<double> column_sums(const mpi::Comm& comm, const Sums& sums,
                                std::span<const double> g) {
  std::vector<double> result(static_cast<std::size_t>(sums.m));
  for (std::int64_t j = sums.columns.begin; j < sums.columns.end; ++j) {
    const auto column =
        g.subspan(static_cast<std::size_t>(j * sums.m), static_cast<std::size_t>(sums.m));
    for (const double value : column) result[static_cast<std::size_t>(j)] += value;
  }
  comm.sum(std::span<double>(result));
  return result;
}

/// For wide views: from K = X X^T and L = Y Y^T, with |X^T Y|^2 = <K, L>. Centring subtracts the
/// means of the rows and columns of K (Gretton et al., ALT 2005).
Alignment wide_alignment(const mpi::Comm& comm, const Sums& sums) {
  const double m = static_cast<double>(sums.m);
  const std::vector<double> k_sums = column_sums(comm, sums, sums.own);
  const std::vector<double> l_sums = column_sums(comm, sums, sums.base);
  const auto total = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  };
  const auto plain = [&](std::span<const double> g) {
    return [g, order = sums.m](std::int64_t i, std::int64_t j) {
      return g[static_cast<std::size_t>(i + j * order)];
    };
  };
  const auto centred = [&](std::span<const double> g, const std::vector<double>& columns) {
    return [&columns, g, m, order = sums.m, mean = total(columns) / m / m](std::int64_t i,
                                                                           std::int64_t j) {
      return g[static_cast<std::size_t>(i + j * order)] -
             (columns[static_cast<std::size_t>(i)] + columns[static_cast<std::size_t>(j)]) / m +
             mean;
    };
  };
  const auto k = plain(sums.own);
  const auto l = plain(sums.base);
  const auto kc = centred(sums.own, k_sums);
  const auto lc = centred(sums.base, l_sums);
  return alignment_from(inner(comm, sums, k, l), inner(comm, sums, k, k), inner(comm, sums, l, l),
                        inner(comm, sums, kc, lc), inner(comm, sums, kc, kc),
                        inner(comm, sums, lc, lc));
}

/// Leading vectors of a Gram matrix with distributed columns.
TopVectors leading(const mpi::Comm& comm, const Sums& sums, std::span<const double> gram) {
  const auto product = [&](std::span<const double> from, std::int64_t count, std::span<double> to) {
    std::fill(to.begin(), to.end(), 0.0);
    const int rows = narrow<int>(sums.columns.size(), "columns of a share");
    const int cols = narrow<int>(count, "vectors of a block");
    const int depth = narrow<int>(sums.m, "order of a Gram matrix");
    const double one = 1;
    const double zero = 0;
    // G is symmetric: this rank's columns are its rows.
    if (rows > 0) {
      dgemm_("T", "N", &rows, &cols, &depth, &one, gram.data() + sums.columns.begin * sums.m,
             &depth, from.data(), &depth, &zero, to.data() + sums.columns.begin, &depth, 1, 1);
    }
    if (comm.size() > 1) comm.sum(to);
  };
  return top_vectors(comm, sums.m, kTopVectors, product);
}

void add_localisation(const TopVectors& top, std::int64_t m, double weight, double& participation,
                      double& entropy) {
  if (top.count == 0) participation = entropy = kNotKnown;
  for (std::int64_t k = 0; k < top.count; ++k) {
    double fourth = 0;
    double shannon = 0;
    for (std::int64_t i = 0; i < m; ++i) {
      const double v = top.vectors[static_cast<std::size_t>(i + k * m)];
      const double p = v * v;
      fourth += p * p;
      if (p > 0) shannon -= p * std::log(p);
    }
    const double share = weight / static_cast<double>(top.count);
    participation += share / (fourth * static_cast<double>(m));
    entropy += m > 1 ? share * shannon / std::log(static_cast<double>(m)) : 0;
  }
}

void add_overlap(const TopVectors& own, const TopVectors& base, std::int64_t m, double weight,
                 Comparison& result) {
  const std::int64_t k = own.count;
  if (k == 0) {
    result.overlap = result.largest_angle = kNotKnown;
    return;
  }
  std::vector<double> cosines(static_cast<std::size_t>(k * k));
  for (std::int64_t a = 0; a < k; ++a) {
    for (std::int64_t b = 0; b < k; ++b) {
      double sum = 0;
      for (std::int64_t i = 0; i < m; ++i) {
        sum += own.vectors[static_cast<std::size_t>(i + a * m)] *
               base.vectors[static_cast<std::size_t>(i + b * m)];
      }
      cosines[static_cast<std::size_t>(a + b * k)] = sum;
    }
  }
  double squares = 0;
  for (const double value : cosines) squares += value * value;
  result.overlap += weight * squares / static_cast<double>(k);
  const double smallest = std::clamp(small_singular_values(cosines, k).back(), 0.0, 1.0);
  result.largest_angle = std::max(result.largest_angle, std::acos(smallest));
}

/// Adds what the leading vectors of one of `views` views say.
void compare_vectors(const mpi::Comm& comm, Sums& sums, std::int64_t views, Comparison& result) {
  const double weight = 1 / static_cast<double>(views);
  TopVectors own = leading(comm, sums, sums.own);
  TopVectors other = leading(comm, sums, sums.base);
  result.sigma_max = std::max(result.sigma_max, std::sqrt(std::max(0.0, own.values.front())));
  result.base_sigma_max =
      std::max(result.base_sigma_max, std::sqrt(std::max(0.0, other.values.front())));
  result.residual = std::max({result.residual, own.residual, other.residual});
  if (views == 1) result.num_intruders = count_intruders(comm, sums, own, other);
  // What leads where a matrix has no more directions would be chance.
  const std::int64_t count = std::min(resolved_count(own), resolved_count(other));
  result.num_vectors = std::min(result.num_vectors, count);
  own = first_vectors(std::move(own), sums.m, count);
  other = first_vectors(std::move(other), sums.m, count);
  add_overlap(own, other, sums.m, weight, result);
  add_localisation(own, sums.m, weight, result.participation, result.entropy);
  add_localisation(other, sums.m, weight, result.base_participation, result.base_entropy);
}

}  // namespace

Comparison compare(const Matrix& matrix, ElementSource& source, const Matrix& base,
                   ElementSource& base_source, Team& team, const SolveOptions& options,
                   Workspace& workspace) {
  const mpi::Comm& comm = team.comm();
  const bool tall = matrix.rows >= matrix.cols;
  Comparison result;
  result.num_vectors = kTopVectors;
  Tally tally;
  Tally base_tally;
  const double weight = 1 / static_cast<double>(matrix.num_views());
  for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
    workspace.reset();
    tally.begin_view();
    base_tally.begin_view();
    Sums sums;
    sums.m = matrix.short_side();
    sums.n = matrix.long_side();
    sums.columns = slice_of(sums.m, comm.rank(), comm.size());
    mpi::together(comm, [&] {
      sums.own = workspace.take<double>(sums.m * sums.m);
      sums.base = workspace.take<double>(sums.m * sums.m);
      if (tall) sums.cross = workspace.take<double>(sums.m * sums.m);
      sums.row_sum.resize(static_cast<std::size_t>(sums.m));
      sums.base_row_sum.resize(static_cast<std::size_t>(sums.m));
      add_slice({&matrix, &source, view}, {&base, &base_source, view},
                slice_of(sums.n, comm.rank(), comm.size()), options, tally, base_tally, workspace,
                sums);
    });
    // W - W_base has no non-finite elements, so neither has any, but both may be out of range.
    (void)any_nonfinite(comm, tally, Precision::float64);
    (void)any_nonfinite(comm, base_tally, Precision::float64);
    for (const std::span<double> one : {sums.own, sums.base, sums.cross}) {
      if (!one.empty()) deal_columns(comm, one, sums.m);
    }
    if (tall) {
      comm.sum(std::span<double>(sums.row_sum));
      comm.sum(std::span<double>(sums.base_row_sum));
    }
    const Alignment alignment = tall ? tall_alignment(comm, sums) : wide_alignment(comm, sums);
    result.cka += weight * alignment.cka;
    result.uncentred_root += weight * alignment.uncentred_root;
    compare_vectors(comm, sums, matrix.num_views(), result);
  }
  tally.combine(comm);
  base_tally.combine(comm);
  result.sum_squares = tally.sum_squares();
  result.base_sum_squares = base_tally.sum_squares();
  return result;
}

}  // namespace wishart::spectrum
