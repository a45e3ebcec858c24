/// @file
/// First stage of the singular values: blocks of reflectors from the left and from the right turn
/// a square matrix into an upper band.

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "lapack.hpp"
#include "singular_values.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// A part of a column-major matrix.
struct Part {
  double* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t ld = 0;
};

/// c = beta c + alpha op(a) op(b)
void multiply(const char* transa, const char* transb, double alpha, const Part& a, const Part& b,
              double beta, const Part& c) {
  if (c.rows == 0 || c.cols == 0) return;
  const auto as_int = [](std::int64_t value) { return narrow<int>(value, "side of a block"); };
  const int m = as_int(c.rows);
  const int n = as_int(c.cols);
  const int k = as_int(*transa == 'N' ? a.cols : a.rows);
  const int lda = as_int(a.ld);
  const int ldb = as_int(b.ld);
  const int ldc = as_int(c.ld);
  dgemm_(transa, transb, &m, &n, &k, &alpha, a.data, &lda, b.data, &ldb, &beta, c.data, &ldc, 1, 1);
}

/// x = x t, t an upper triangle.
void multiply_by_triangle(const Part& x, const Part& t) {
  const int m = narrow<int>(x.rows, "rows of a block");
  const int n = narrow<int>(x.cols, "columns of a block");
  const int ldt = narrow<int>(t.ld, "side of a block");
  const int ldx = narrow<int>(x.ld, "side of a block");
  const double one = 1;
  dtrmm_("R", "U", "N", "N", &m, &n, &one, t.data, &ldt, x.data, &ldx, 1, 1, 1, 1);
}

/// Factors `panel` as Q R with Q = I - V T V^T. R is left in the upper triangle of `panel`, V is
/// written with its ones and zeros, T is an upper triangle.
void factor(const Part& panel, const Part& v, const Part& t) {
  const int m = narrow<int>(panel.rows, "rows of a panel");
  const int n = narrow<int>(panel.cols, "columns of a panel");
  const int ld = narrow<int>(panel.ld, "side of a panel");
  const int ldt = narrow<int>(t.ld, "side of a block");
  int info = 0;
  dgeqrt3_(&m, &n, panel.data, &ld, t.data, &ldt, &info);
  check_info(info, "dgeqrt3");
  for (std::int64_t j = 0; j < panel.cols; ++j) {
    double* const out = v.data + j * v.ld;
    std::fill_n(out, j, 0.0);
    out[j] = 1;
    std::copy(panel.data + j + 1 + j * panel.ld, panel.data + panel.rows + j * panel.ld,
              out + j + 1);
  }
}

/// c = Q^T c with Q = I - V T V^T.
/// @param products  room for V^T c
void apply(const Part& c, const Part& v, const Part& t, const Part& products) {
  if (c.cols == 0) return;
  multiply("T", "N", 1, v, c, 0, products);
  const int m = narrow<int>(products.rows, "rows of a block");
  const int n = narrow<int>(products.cols, "columns of a block");
  const int ldt = narrow<int>(t.ld, "side of a block");
  const int ldp = narrow<int>(products.ld, "side of a block");
  const double one = 1;
  dtrmm_("L", "U", "T", "N", &m, &n, &one, t.data, &ldt, products.data, &ldp, 1, 1, 1, 1);
  multiply("N", "N", -1, v, products, 1, c);
}

/// out (cols x rows) = the transpose of `in`.
void transpose(const Part& in, const Part& out) {
  for (std::int64_t col = 0; col < in.cols; ++col) {
    const double* const from = in.data + col * in.ld;
    for (std::int64_t row = 0; row < in.rows; ++row) out.data[col + row * out.ld] = from[row];
  }
}

}  // namespace

void reduce_to_upper_band(std::span<double> a, std::int64_t n, std::int64_t ld, std::int64_t width,
                          Workspace& workspace) {
  require(n >= 1 && width >= 1 && ld >= n && std::ssize(a) >= ld * (n - 1) + n,
          "reduce_to_upper_band needs a whole matrix");
  const std::int64_t most = std::min(width, n);
  // Both updates of a block are done together, as A - [V W] [X Y]^T: V and Y are the reflectors
  // from the left and the right, X and W their products with A.
  const std::span<double> left = workspace.take<double>(2 * most * n);
  const std::span<double> right = workspace.take<double>(2 * most * n);
  const std::span<double> small = workspace.take<double>(3 * most * most);
  double* const row_block = workspace.take<double>(most * n).data();
  for (std::int64_t k = 0; k < n; k += width) {
    const std::int64_t block = std::min(width, n - k);
    const std::int64_t rest = n - k - block;
    double* const corner = a.data() + k + k * ld;
    const Part t1{small.data(), block, block, most};
    const Part v{left.data(), n - k, block, n};
    factor({corner, n - k, block, ld}, v, t1);
    if (rest == 0) continue;

    const Part all_rows{corner + block * ld, n - k, rest, ld};
    const Part x{right.data(), rest, block, n};
    multiply("T", "N", 1, all_rows, v, 0, x);
    multiply_by_triangle(x, t1);

    // The first rows, transposed, are updated at once: they determine the reflectors from the
    // right, of which the last block has fewer.
    const Part top{row_block, rest, block, n};
    transpose({corner + block * ld, block, rest, ld}, top);
    multiply("N", "T", -1, x, {v.data, block, block, n}, 1, top);
    const std::int64_t count = std::min(block, rest);
    const Part y{right.data() + most * n, rest, count, n};
    const Part t2{small.data() + most * most, count, count, most};
    const Part products{small.data() + 2 * most * most, count, block - count, most};
    factor({top.data, rest, count, n}, y, t2);
    apply({top.data + count * n, rest, block - count, n}, y, t2, products);
    for (std::int64_t j = 0; j < count; ++j) {
      double* const column = corner + (block + j) * ld;
      for (std::int64_t i = 0; i < block; ++i) column[i] = i < j ? 0 : top.data[j + i * n];
    }

    const Part below{corner + block + block * ld, rest, rest, ld};
    const Part v_below{v.data + block, rest, block, n};
    const Part w{left.data() + most * n + block, rest, count, n};
    const Part xy{small.data() + 2 * most * most, block, count, most};
    multiply("N", "N", 1, below, y, 0, w);
    multiply("T", "N", 1, x, y, 0, xy);
    multiply("N", "N", -1, v_below, xy, 1, w);
    multiply_by_triangle(w, t2);
    multiply("N", "T", -1, {v_below.data, rest, block + count, n}, {x.data, rest, block + count, n},
             1, below);
  }
}

}  // namespace wishart::spectrum
