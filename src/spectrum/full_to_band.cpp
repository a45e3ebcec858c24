/// @file
/// Reduces a full symmetric matrix to a band, panel by panel, in place.

#include <algorithm>
#include <array>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "band.hpp"
#include "lapack.hpp"
#include "symmetric_pass.hpp"

namespace wishart::spectrum {
namespace {

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

/// Copies the reflectors that DGEQRT3 left below the diagonal of `panel` to `v`, and fills in the
/// implied ones and zeros.
void copy_reflectors(const Block& panel, const Block& v) {
  for (int col = 0; col < v.cols; ++col) {
    double* to = v.column(col);
    std::fill_n(to, col, 0.0);
    to[col] = 1.0;
    std::copy_n(panel.column(col) + col + 1, v.rows - col - 1, to + col + 1);
  }
}

/// Applies (I - V T V^T)^T from the left to the columns of a panel that got no reflector of their
/// own, because the panel has fewer rows than columns.
void apply_to_rest(const Block& v, const Block& t, const Block& rest, double* scratch) {
  const Block z{scratch, v.cols, rest.cols, std::max(v.cols, 1)};
  product("T", "N", 1.0, v, rest, 0.0, z);
  triangular_product("L", "T", t, z);
  product("N", "N", -1.0, v, z, 1.0, rest);
}

/// A rank-2k update V W^T + W V^T that has yet to be subtracted from a trailing matrix.
struct Update {
  Block v;
  Block w;

  /// The part of the update for the rows and columns from `skipped` on.
  [[nodiscard]] Update after(int skipped) const {
    const auto lower = [skipped](const Block& side) {
      return side.cols == 0 ? Block{}
                            : Block{side.data + skipped, side.rows - skipped, side.cols, side.ld};
    };
    return {lower(v), lower(w)};
  }
};

/// Subtracts an update from the first columns of the trailing matrix, lower triangle.
void update_columns(const Update& update, const Block& columns) {
  if (update.v.cols == 0) return;
  const int count = std::min(columns.cols, columns.rows);
  const int depth = update.v.cols;
  const double one = 1.0;
  const double minus_one = -1.0;
  dsyr2k_("L", "N", &count, &depth, &minus_one, update.v.data, &update.v.ld, update.w.data,
          &update.w.ld, &one, columns.data, &columns.ld, 1, 1);
  if (columns.rows <= count) return;
  const Block below{columns.data + count, columns.rows - count, count, columns.ld};
  const Update rest = update.after(count);
  const Block v{update.v.data, count, depth, update.v.ld};
  const Block w{update.w.data, count, depth, update.w.ld};
  product("N", "T", -1.0, rest.v, w, 1.0, below);
  product("N", "T", -1.0, rest.w, v, 1.0, below);
}

/// From Y = S V, with which (I - V T V^T)^T S (I - V T V^T) is S - V W^T - W V^T:
/// W = Y T - V (T^T V^T Y T) / 2, in place of Y.
void finish_update(const Block& v, const Block& t, const Block& w, double* scratch) {
  triangular_product("R", "N", t, w);
  const Block z{scratch, v.cols, v.cols, v.cols};
  product("T", "N", 1.0, v, w, 0.0, z);
  triangular_product("L", "T", t, z);
  product("N", "N", -0.5, v, z, 1.0, w);
}

}  // namespace

void reduce_to_band(std::span<double> a, std::int64_t n, std::int64_t ld, std::int64_t width,
                    InstructionSet isa, Workspace& workspace) {
  require(width >= 1 && n >= 1 && ld >= n && std::ssize(a) >= ld * (n - 1) + n,
          "reduce_to_band needs a whole matrix and a band");
  if (width >= n - 1) return;
  const int lead = narrow<int>(ld, "leading dimension of a Gram matrix");
  const int kd = narrow<int>(width, "width of a band");
  // Two of each: the update of one panel is delayed until the pass over the trailing matrix for the
  // next panel, so that one pass through memory serves both.
  std::array<double*, 2> v_data{};
  std::array<double*, 2> w_data{};
  for (double*& data : v_data) data = workspace.take<double>(n * width).data();
  for (double*& data : w_data) data = workspace.take<double>(n * width).data();
  double* t_data = workspace.take<double>(width * width).data();
  double* scratch = workspace.take<double>(width * width).data();
  SymmetricPass pass(n, width, isa, workspace);
  Update update;
  std::int64_t col = 0;
  for (std::size_t turn = 0; col + width < n - 1; col += width, turn = 1 - turn) {
    const int rows = narrow<int>(n - col - width, "rows of a panel");
    const int count = std::min(rows, kd);
    update_columns(update, Block{a.data() + col + col * ld, rows + kd, kd, lead});
    const Block panel{a.data() + (col + width) + col * ld, rows, count, lead};
    const Block t{t_data, count, count, kd};
    const Block v{v_data[turn], rows, count, rows};
    const Block w{w_data[turn], rows, count, rows};
    int info = 0;
    dgeqrt3_(&panel.rows, &panel.cols, panel.data, &panel.ld, t.data, &t.ld, &info);
    require(info == 0, "DGEQRT3 refused its arguments");
    copy_reflectors(panel, v);
    if (count < kd) {
      apply_to_rest(v, t, Block{panel.column(count), rows, kd - count, lead}, scratch);
    }
    const std::int64_t rest = col + width;
    const Update earlier = update.after(kd);
    pass.run(Block{a.data() + rest + rest * ld, rows, rows, lead}, earlier.v, earlier.w, v, w);
    finish_update(v, t, w, scratch);
    update = {v, w};
  }
  const int left = narrow<int>(n - col, "order of what is left");
  update_columns(update, Block{a.data() + col + col * ld, left, left, lead});
}

}  // namespace wishart::spectrum
