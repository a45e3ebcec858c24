#include "symmetric_pass.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

/// Rows and columns of a block. The block, and as many rows of the two sides that it is combined
/// with, fit into the second-level cache. 96 is as fast as 192.
constexpr std::int64_t kBlock = 96;

/// Columns are rounded up to the widest slab of any kernel.
constexpr std::int64_t kSlab = 32;

/// Elements that a kernel sums before it writes back to memory. Their operands fill half of the
/// first-level cache.
constexpr std::int64_t kDepth = 48;
constexpr std::int64_t kBandDepth = 64;

// Must be inlined into a function that has the instruction set's target attribute.
#define WISHART_INLINE inline __attribute__((always_inline))

/// X, Y, V and W as rows of `depth` elements; V and W also negated, as slabs of rows, each stored
/// column by column. All are padded with zeros, to a multiple of kBlock rows and to `depth`
/// columns, so that no kernel has to handle an edge.
struct Packed {
  std::int64_t depth = 0;  ///< of X and Y, and of V and W where `has_update`
  bool has_update = false;
  double* x = nullptr;
  double* y = nullptr;
  double* v = nullptr;
  double* w = nullptr;
  double* minus_v = nullptr;
  double* minus_w = nullptr;
};

/// `Lanes` doubles per register, `Vectors` registers side by side. With kRows rows of them as sums,
/// this uses all registers of the set except those needed for operands.
template <std::int64_t Lanes, std::int64_t Vectors>
struct Kernel {
  typedef double Vector __attribute__((vector_size(Lanes * 8)));  // NOLINT(modernize-use-using)
  static constexpr std::int64_t kWidth = Lanes * Vectors;
  static constexpr std::int64_t kRows = 6;
  static_assert(kBlock % kRows == 0 && kBlock % kWidth == 0 && kSlab % kWidth == 0);

  static WISHART_INLINE Vector load(const double* from) {
    Vector value;
    std::memcpy(&value, from, sizeof(value));
    return value;
  }

  /// out[r][c] += sum over k of a(r, k) b[k][c], for kRows rows and kWidth columns: a(r, k) is at
  /// a[r a_row + k a_col]; rows of b and out are `b_row` and `out_row` apart.
  static WISHART_INLINE void multiply(const double* a, std::int64_t a_row, std::int64_t a_col,
                                      const double* b, std::int64_t b_row, std::int64_t depth,
                                      double* out, std::int64_t out_row) {
    Vector sums[std::size_t{kRows}][std::size_t{Vectors}];
    for (std::int64_t r = 0; r < kRows; ++r) {
      for (std::int64_t c = 0; c < Vectors; ++c) sums[r][c] = load(out + r * out_row + c * Lanes);
    }
    for (std::int64_t k = 0; k < depth; ++k) {
      Vector row[std::size_t{Vectors}];
      for (std::int64_t c = 0; c < Vectors; ++c) row[c] = load(b + k * b_row + c * Lanes);
      for (std::int64_t r = 0; r < kRows; ++r) {
        const double factor = a[r * a_row + k * a_col];
        for (std::int64_t c = 0; c < Vectors; ++c) sums[r][c] += row[c] * factor;
      }
    }
    for (std::int64_t r = 0; r < kRows; ++r) {
      for (std::int64_t c = 0; c < Vectors; ++c) {
        std::memcpy(out + r * out_row + c * Lanes, &sums[r][c], sizeof(Vector));
      }
    }
  }

  /// Columns `from` of a matrix as slabs of kWidth rows, negated.
  static WISHART_INLINE void pack_slabs(const Block& from, std::int64_t depth, double* to) {
    const std::int64_t rows = rounded_up(from.rows, kBlock);
    std::fill_n(to, rows * depth, 0.0);
    for (std::int64_t col = 0; col < from.cols; ++col) {
      const double* source = from.column(static_cast<int>(col));
      for (std::int64_t row = 0; row < from.rows; row += kWidth) {
        double* slab = to + row * depth + col * kWidth;
        const std::int64_t count = std::min(kWidth, from.rows - row);
        for (std::int64_t i = 0; i < count; ++i) slab[i] = -source[row + i];
      }
    }
  }

  /// block -= V W^T of the rows at `row` and the columns at `col`, from rows of `w` and slabs of
  /// -V; the block is column-major with kBlock rows.
  static WISHART_INLINE void update(double* block, std::int64_t row, std::int64_t col,
                                    const double* w, const double* minus_v, std::int64_t depth) {
    // Do the usual width of a band in one step, so that sums go to memory and back only once.
    const std::int64_t step = depth % kBandDepth == 0 ? kBandDepth : kDepth;
    for (std::int64_t i = 0; i < kBlock; i += kWidth) {
      const double* slab = minus_v + (row + i) * depth;
      for (std::int64_t k = 0; k < depth; k += step) {
        const std::int64_t count = std::min(step, depth - k);
        for (std::int64_t j = 0; j < kBlock; j += kRows) {
          multiply(w + (col + j) * depth + k, depth, 1, slab + k * kWidth, kWidth, count,
                   block + j * kBlock + i, kBlock);
        }
      }
    }
  }

  /// Rows of y += block times rows of x; a(r, k) of the block at block[r a_row + k a_col].
  static WISHART_INLINE void apply(const double* block, std::int64_t a_row, std::int64_t a_col,
                                   const double* x, double* y, std::int64_t depth) {
    for (std::int64_t c = 0; c < depth; c += kWidth) {
      for (std::int64_t k = 0; k < kBlock; k += kDepth) {
        for (std::int64_t r = 0; r < kBlock; r += kRows) {
          multiply(block + r * a_row + k * a_col, a_row, a_col, x + k * depth + c, depth, kDepth,
                   y + r * depth + c, depth);
        }
      }
    }
  }

  static WISHART_INLINE void run(const Block& s, const Packed& packed, double* block) {
    const std::int64_t n = s.rows;
    const std::int64_t depth = packed.depth;
    for (std::int64_t col = 0; col < n; col += kBlock) {
      const std::int64_t cols = std::min(kBlock, n - col);
      for (std::int64_t row = col; row < n; row += kBlock) {
        const std::int64_t rows = std::min(kBlock, n - row);
        const bool diagonal = row == col;
        std::fill_n(block, rows < kBlock || cols < kBlock || diagonal ? kBlock * kBlock : 0, 0.0);
        for (std::int64_t j = 0; j < cols; ++j) {
          const std::int64_t first = diagonal ? j : 0;
          std::copy_n(s.column(static_cast<int>(col + j)) + row + first, rows - first,
                      block + j * kBlock + first);
        }
        if (packed.has_update) {
          update(block, row, col, packed.w, packed.minus_v, depth);
          update(block, row, col, packed.v, packed.minus_w, depth);
          for (std::int64_t j = 0; j < cols; ++j) {
            const std::int64_t first = diagonal ? j : 0;
            std::copy_n(block + j * kBlock + first, rows - first,
                        s.column(static_cast<int>(col + j)) + row + first);
          }
        }
        if (diagonal) {
          for (std::int64_t j = 0; j < kBlock; ++j) {
            for (std::int64_t i = j + 1; i < kBlock; ++i)
              block[i * kBlock + j] = block[j * kBlock + i];
          }
        }
        apply(block, 1, kBlock, packed.x + col * depth, packed.y + row * depth, depth);
        if (!diagonal) {
          apply(block, kBlock, 1, packed.x + row * depth, packed.y + col * depth, depth);
        }
      }
    }
  }

  static WISHART_INLINE void run(const Block& s, const Block& v, const Block& w,
                                 const Packed& packed, double* block) {
    if (packed.has_update) {
      pack_slabs(v, packed.depth, packed.minus_v);
      pack_slabs(w, packed.depth, packed.minus_w);
    }
    run(s, packed, block);
  }
};

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void run_avx2(const Block& s, const Block& v, const Block& w,
                                                  const Packed& packed, double* block) {
  Kernel<4, 2>::run(s, v, w, packed, block);
}
__attribute__((target("avx512f,fma"))) void run_avx512(const Block& s, const Block& v,
                                                       const Block& w, const Packed& packed,
                                                       double* block) {
  Kernel<8, 4>::run(s, v, w, packed, block);
}
#endif

/// Columns of a matrix as rows of `depth` elements.
void pack_rows(const Block& from, std::int64_t depth, double* to) {
  std::fill_n(to, rounded_up(from.rows, kBlock) * depth, 0.0);
  // In square tiles, so that both sides stay in cache.
  for (std::int64_t row = 0; row < from.rows; row += kSlab) {
    const std::int64_t end = std::min<std::int64_t>(row + kSlab, from.rows);
    for (std::int64_t col = 0; col < from.cols; ++col) {
      const double* source = from.column(static_cast<int>(col));
      for (std::int64_t i = row; i < end; ++i) to[i * depth + col] = source[i];
    }
  }
}

void unpack_rows(const double* from, std::int64_t depth, const Block& to) {
  for (std::int64_t row = 0; row < to.rows; row += kSlab) {
    const std::int64_t end = std::min<std::int64_t>(row + kSlab, to.rows);
    for (std::int64_t col = 0; col < to.cols; ++col) {
      double* target = to.column(static_cast<int>(col));
      for (std::int64_t i = row; i < end; ++i) target[i] = from[i * depth + col];
    }
  }
}

void run_by_blas(const Block& s, const Block& v, const Block& w, const Block& x, const Block& y) {
  const double one = 1.0;
  const double zero = 0.0;
  const double minus_one = -1.0;
  if (v.cols > 0) {
    dsyr2k_("L", "N", &v.rows, &v.cols, &minus_one, v.data, &v.ld, w.data, &w.ld, &one, s.data,
            &s.ld, 1, 1);
  }
  dsymm_("L", "L", &x.rows, &x.cols, &one, s.data, &s.ld, x.data, &x.ld, &zero, y.data, &y.ld, 1,
         1);
}

/// Elements of each of the six packed sides.
std::int64_t side_elements(std::int64_t largest, std::int64_t width) {
  return rounded_up(largest, kBlock) * rounded_up(width, kSlab);
}

}  // namespace

std::int64_t pass_workspace_bytes(std::int64_t largest, std::int64_t width) noexcept {
  return (6 * side_elements(largest, width) + kBlock * kBlock) *
         static_cast<std::int64_t>(sizeof(double));
}

SymmetricPass::SymmetricPass(std::int64_t largest, std::int64_t width, InstructionSet isa,
                             Workspace& workspace)
    : depth_(rounded_up(width, kSlab)), isa_(isa) {
  if (isa_ == InstructionSet::portable) return;
  packed_ = workspace.take<double>(6 * side_elements(largest, width) + kBlock * kBlock);
}

void SymmetricPass::run(const Block& s, const Block& v, const Block& w, const Block& x,
                        const Block& y) {
  require(x.rows == s.rows && y.rows == s.rows && x.cols == y.cols && v.cols == w.cols &&
              (v.cols == 0 || (v.rows == s.rows && w.rows == s.rows)),
          "a pass over a symmetric matrix needs V, W, X and Y with its number of rows");
  if (isa_ == InstructionSet::portable) return run_by_blas(s, v, w, x, y);
  const std::int64_t side = rounded_up(s.rows, kBlock) * depth_;
  require(6 * side + kBlock * kBlock <= std::ssize(packed_) && x.cols <= depth_ && v.cols <= depth_,
          "a pass over a symmetric matrix exceeds the size given to the constructor");
  double* next = packed_.data();
  const auto take = [&next](std::int64_t count) { return std::exchange(next, next + count); };
  [[maybe_unused]] double* block = take(kBlock * kBlock);  // of a kernel that this processor has
  Packed packed;
  packed.depth = depth_;
  packed.has_update = v.cols > 0;
  packed.x = take(side);
  packed.y = take(side);
  pack_rows(x, depth_, packed.x);
  std::fill_n(packed.y, side, 0.0);
  if (packed.has_update) {
    packed.v = take(side);
    packed.w = take(side);
    packed.minus_v = take(side);
    packed.minus_w = take(side);
    pack_rows(v, depth_, packed.v);
    pack_rows(w, depth_, packed.w);
  }
#if defined(__x86_64__)
  (isa_ == InstructionSet::avx512 ? run_avx512 : run_avx2)(s, v, w, packed, block);
#endif
  unpack_rows(packed.y, depth_, y);
}

}  // namespace wishart::spectrum
