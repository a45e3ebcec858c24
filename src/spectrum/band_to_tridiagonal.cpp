/// @file
/// Bulge chasing: reduces a band to tridiagonal form, one column after the other. The bulge that
/// each column's reflector creates outside the band is chased down and off its end.

#include <algorithm>

#include "wishart/core/error.hpp"

#include "band.hpp"
#include "band_kernels.hpp"

namespace wishart::spectrum {
namespace {

/// The number of columns chased together, each two blocks behind the one before it, so that the
/// blocks they share stay in cache. Measured: 4 is as good as 8 and better than 1.
constexpr std::int64_t kTogether = 4;

/// The band in columns of `stride` elements: element (i, j) of the matrix at [(i - j) + j *
/// stride], with room for the bulge.
///
/// With leading dimension stride - 1, blocks of the band are ordinary column-major blocks. That
/// leading dimension is a multiple of a register, but not of a large power of two, so that the
/// columns of a block do not map to the same lines of the first-level cache.
struct BandStore {
  double* data = nullptr;
  std::int64_t n = 0;
  std::int64_t width = 0;
  std::int64_t stride = 0;

  [[nodiscard]] double* at(std::int64_t row, std::int64_t col) const {
    return data + (row - col) + col * stride;
  }
};

std::int64_t stride_of(std::int64_t width) { return 2 * width + 9; }

/// The state of the chase of one column.
struct Chase {
  std::int64_t column = 0;
  double* v = nullptr;  ///< the current reflector
  double tau = 0;
};

/// Scratch vectors of `width` + padding.
struct Scratch {
  double* y = nullptr;
  double* next = nullptr;
  double* first_column = nullptr;
};

/// Applies the reflector of `chase` to the symmetric block that begins at `row`, from both sides.
template <std::int64_t Lanes>
WISHART_INLINE void apply_to_diagonal(const BandStore& band, const Chase& chase, std::int64_t row,
                                      std::int64_t length, double* y) {
  using S = band::Simd<Lanes>;
  double* block = band.at(row, row);
  S::multiply_symmetric(block, band.stride - 1, length, chase.v, y);
  // D - v w^T - w v^T with w = tau y - (tau^2 / 2) (v^T y) v.
  const double half = 0.5 * chase.tau * chase.tau * S::dot(chase.v, y, length);
  for (std::int64_t i = 0; i < length; ++i) y[i] = chase.tau * y[i] - half * chase.v[i];
  for (std::int64_t i = length; i < length + band::kPad; ++i) y[i] = 0;
  S::update_symmetric(block, band.stride - 1, length, chase.v, y);
}

/// Step `step` of a chase: the diagonal block, then the block below it, whose first column is
/// zeroed by the reflector of the next step.
template <std::int64_t Lanes>
WISHART_INLINE void chase_step(const BandStore& band, Chase& chase, std::int64_t step,
                               Scratch& scratch) {
  using S = band::Simd<Lanes>;
  const std::int64_t row = chase.column + 1 + step * band.width;
  if (row >= band.n) return;
  const std::int64_t length = std::min(band.width, band.n - row);
  if (step == 0) {
    double* column = band.at(row, chase.column);
    column[0] = S::reflector(column, length, chase.v, chase.tau);
    std::fill_n(column + 1, length - 1, 0.0);
  }
  apply_to_diagonal<Lanes>(band, chase, row, length, scratch.y);

  const std::int64_t next_row = row + length;
  if (next_row >= band.n) return;
  const std::int64_t next_length = std::min(band.width, band.n - next_row);
  double* block = band.at(next_row, row);
  const std::int64_t ld = band.stride - 1;
  double* y = scratch.y;
  S::multiply(block, ld, next_length, length, chase.v, y);
  for (std::int64_t i = next_length; i < next_length + band::kPad; ++i) y[i] = 0;
  // The first column after the product from the right determines the next reflector.
  for (std::int64_t i = 0; i < next_length; ++i) {
    scratch.first_column[i] = block[i] - chase.tau * y[i];
  }
  double next_tau = 0;
  block[0] = S::reflector(scratch.first_column, next_length, scratch.next, next_tau);
  std::fill_n(block + 1, next_length - 1, 0.0);
  S::update_both_sides(block + ld, ld, next_length, length - 1, chase.v + 1, chase.tau, y,
                       scratch.next, next_tau);
  std::swap(chase.v, scratch.next);
  chase.tau = next_tau;
}

template <std::int64_t Lanes>
WISHART_INLINE void chase_all(const BandStore& band, std::span<double> vectors) {
  const std::int64_t room = band.width + 2 * band::kPad;
  Scratch scratch{vectors.data(), vectors.data() + room, vectors.data() + 2 * room};
  Chase chases[kTogether];
  for (std::int64_t k = 0; k < kTogether; ++k) chases[k].v = vectors.data() + (3 + k) * room;
  for (std::int64_t first = 0; first < band.n - 2; first += kTogether) {
    const std::int64_t count = std::min(kTogether, band.n - 2 - first);
    for (std::int64_t k = 0; k < count; ++k) chases[k].column = first + k;
    const std::int64_t steps = (band.n - 2 - first) / band.width + 1;
    // A chase may run two steps behind the one before it, because its blocks reach one row further.
    for (std::int64_t time = 0; time < steps + 2 * (count - 1); ++time) {
      for (std::int64_t k = 0; k < count; ++k) {
        const std::int64_t step = time - 2 * k;
        if (step >= 0 && step < steps) chase_step<Lanes>(band, chases[k], step, scratch);
      }
    }
  }
}

void chase_baseline(const BandStore& band, std::span<double> vectors) {
  chase_all<2>(band, vectors);
}
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void chase_avx2(const BandStore& band,
                                                    std::span<double> vectors) {
  chase_all<4>(band, vectors);
}
__attribute__((target("avx512f,fma"))) void chase_avx512(const BandStore& band,
                                                         std::span<double> vectors) {
  chase_all<8>(band, vectors);
}
#endif

}  // namespace

void reduce_to_tridiagonal(std::span<const double> a, std::int64_t n, std::int64_t ld,
                           std::int64_t width, InstructionSet isa, Workspace& workspace,
                           std::span<double> diagonal, std::span<double> below) {
  require(n >= 1 && width >= 1 && std::ssize(diagonal) >= n && std::ssize(below) >= n - 1,
          "reduce_to_tridiagonal needs room for its result");
  const std::int64_t stride = stride_of(width);
  // Loops run in whole registers, beyond the last column.
  const std::span<double> store = workspace.take<double>(stride * (n + 2 * band::kPad));
  std::fill(store.begin(), store.end(), 0.0);
  const BandStore band{store.data(), n, width, stride};
  for (std::int64_t col = 0; col < n; ++col) {
    const std::int64_t count = std::min(width + 1, n - col);
    std::copy_n(a.data() + col + col * ld, count, band.at(col, col));
  }
  const std::span<double> vectors =
      workspace.take<double>((3 + kTogether) * (width + 2 * band::kPad));
  std::fill(vectors.begin(), vectors.end(), 0.0);
  switch (isa) {
#if defined(__x86_64__)
    case InstructionSet::avx512:
      chase_avx512(band, vectors);
      break;
    case InstructionSet::avx2:
      chase_avx2(band, vectors);
      break;
#else
    case InstructionSet::avx512:
    case InstructionSet::avx2:
#endif
    case InstructionSet::portable:
      chase_baseline(band, vectors);
      break;
  }
  for (std::int64_t i = 0; i < n; ++i) diagonal[static_cast<std::size_t>(i)] = *band.at(i, i);
  for (std::int64_t i = 0; i + 1 < n; ++i) below[static_cast<std::size_t>(i)] = *band.at(i + 1, i);
}

}  // namespace wishart::spectrum
