/// @file
/// A full symmetric matrix to a band, panel by panel, in place.

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "band.hpp"
#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

/// A column-major block of a larger matrix or of its own.
struct Block {
  double* data = nullptr;
  int rows = 0;
  int cols = 0;
  int ld = 1;

  [[nodiscard]] double* column(int col) const { return data + std::int64_t{col} * ld; }
};

/// c = alpha op(a) op(b) + beta c
void product(const char* op_a, const char* op_b, double alpha, const Block& a, const Block& b,
             double beta, const Block& c) {
  const int inner = *op_a == 'N' ? a.cols : a.rows;
  dgemm_(op_a, op_b, &c.rows, &c.cols, &inner, &alpha, a.data, &a.ld, b.data, &b.ld, &beta, c.data,
         &c.ld, 1, 1);
}

/// b = op(t) b (side L) or b op(t) (side R), with t upper triangular.
void triangular_product(const char* side, const char* op, const Block& t, const Block& b) {
  const double one = 1.0;
  dtrmm_(side, "U", op, "N", &b.rows, &b.cols, &one, t.data, &t.ld, b.data, &b.ld, 1, 1, 1, 1);
}

/// Copies the reflectors that DGEQRT3 left below the diagonal of `panel` to `v`, with the ones and
/// zeros that it implies.
void copy_reflectors(const Block& panel, const Block& v) {
  for (int col = 0; col < v.cols; ++col) {
    double* to = v.column(col);
    std::fill_n(to, col, 0.0);
    to[col] = 1.0;
    std::copy_n(panel.column(col) + col + 1, v.rows - col - 1, to + col + 1);
  }
}

/// The columns of a panel that got no reflector of their own, because it has fewer rows: from the
/// left, (I - V T V^T)^T times them.
void apply_to_rest(const Block& v, const Block& t, const Block& rest, double* scratch) {
  const Block z{scratch, v.cols, rest.cols, std::max(v.cols, 1)};
  product("T", "N", 1.0, v, rest, 0.0, z);
  triangular_product("L", "T", t, z);
  product("N", "N", -1.0, v, z, 1.0, rest);
}

/// s <- (I - V T V^T)^T s (I - V T V^T), lower triangle, as the rank-2k update s - V W^T - W V^T
/// with W = S V T - V (T^T V^T S V T) / 2.
void apply_to_both_sides(const Block& s, const Block& v, const Block& t, const Block& w,
                         double* scratch) {
  const double one = 1.0;
  const double zero = 0.0;
  const double minus_one = -1.0;
  dsymm_("L", "L", &v.rows, &v.cols, &one, s.data, &s.ld, v.data, &v.ld, &zero, w.data, &w.ld, 1,
         1);
  triangular_product("R", "N", t, w);
  const Block z{scratch, v.cols, v.cols, v.cols};
  product("T", "N", 1.0, v, w, 0.0, z);
  triangular_product("L", "T", t, z);
  product("N", "N", -0.5, v, z, 1.0, w);
  dsyr2k_("L", "N", &v.rows, &v.cols, &minus_one, v.data, &v.ld, w.data, &w.ld, &one, s.data, &s.ld,
          1, 1);
}

}  // namespace

void reduce_to_band(std::span<double> a, std::int64_t n, std::int64_t ld, std::int64_t width,
                    Workspace& workspace) {
  require(width >= 1 && n >= 1 && ld >= n && std::ssize(a) >= ld * (n - 1) + n,
          "reduce_to_band needs a whole matrix and a band");
  if (width >= n - 1) return;
  const int lead = narrow<int>(ld, "leading dimension of a Gram matrix");
  const int kd = narrow<int>(width, "width of a band");
  double* v_data = workspace.take<double>(n * width).data();
  double* w_data = workspace.take<double>(n * width).data();
  double* t_data = workspace.take<double>(width * width).data();
  double* scratch = workspace.take<double>(width * width).data();
  for (std::int64_t col = 0; col + width < n - 1; col += width) {
    const int rows = narrow<int>(n - col - width, "rows of a panel");
    const int count = std::min(rows, kd);
    const Block panel{a.data() + (col + width) + col * ld, rows, count, lead};
    const Block t{t_data, count, count, kd};
    const Block v{v_data, rows, count, rows};
    const Block w{w_data, rows, count, rows};
    int info = 0;
    dgeqrt3_(&panel.rows, &panel.cols, panel.data, &panel.ld, t.data, &t.ld, &info);
    require(info == 0, "DGEQRT3 refused its arguments");
    copy_reflectors(panel, v);
    if (count < kd) {
      apply_to_rest(v, t, Block{panel.column(count), rows, kd - count, lead}, scratch);
    }
    const std::int64_t rest = col + width;
    apply_to_both_sides(Block{a.data() + rest + rest * ld, rows, rows, lead}, v, t, w, scratch);
  }
}

}  // namespace wishart::spectrum
