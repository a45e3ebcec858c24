/// @file
/// Bulge chasing for singular values: reduces an upper band to bidiagonal form, one row after the
/// other. A reflector from the right zeroes a row beyond its second element. It fills a block below
/// the diagonal, whose first column a reflector from the left zeroes; this fills a block above the
/// band, whose first row the next reflector from the right zeroes, and so on to the end of the
/// band.

#include <algorithm>

#include "wishart/core/error.hpp"

#include "band_kernels.hpp"
#include "singular_values.hpp"

namespace wishart::spectrum {
namespace {

/// Rows chased together, each two steps behind the one before it, so that the blocks they share
/// stay in cache.
constexpr std::int64_t kTogether = 4;

/// The band in columns of `stride` elements: element (i, j) of the matrix at [2 width + (i - j) + j
/// stride]. With leading dimension stride - 1, blocks of the band are column-major blocks.
struct BandStore {
  double* data = nullptr;
  std::int64_t n = 0;
  std::int64_t width = 0;
  std::int64_t stride = 0;

  [[nodiscard]] double* at(std::int64_t row, std::int64_t col) const {
    return data + 2 * width + (row - col) + col * stride;
  }
};

std::int64_t stride_of(std::int64_t width) { return 3 * width + 9; }

/// The state of the chase of one row.
struct Chase {
  std::int64_t row = 0;
  double* v = nullptr;  ///< the current reflector from the right
  double tau = 0;
};

/// Scratch vectors of `width` + padding.
struct Scratch {
  double* y = nullptr;
  double* z = nullptr;
  double* left = nullptr;
  double* first = nullptr;
};

inline constexpr std::int64_t kScratchVectors = 4;

void clear_padding(double* vector, std::int64_t length) {
  std::fill_n(vector + length, band::kPad, 0.0);
}

/// Applies the reflector of `chase` to the square block that begins at (begin, begin) from the
/// right, then from the left the reflector that zeroes its first column.
template <std::int64_t Lanes>
WISHART_INLINE double zero_column(const BandStore& band, const Chase& chase, std::int64_t begin,
                                  std::int64_t length, Scratch& scratch) {
  using S = band::Simd<Lanes>;
  const std::int64_t ld = band.stride - 1;
  double* const block = band.at(begin, begin);
  double* const y = scratch.y;
  S::multiply(block, ld, length, length, chase.v, y);
  clear_padding(y, length);
  for (std::int64_t i = 0; i < length; ++i) scratch.first[i] = block[i] - chase.tau * y[i];
  double tau = 0;
  block[0] = S::reflector(scratch.first, length, scratch.left, tau);
  std::fill_n(block + 1, length - 1, 0.0);
  S::update_both_sides(block + ld, ld, length, length - 1, chase.v + 1, chase.tau, y, scratch.left,
                       tau);
  return tau;
}

/// Applies the reflector of `scratch.left` to the rows x cols block that begins at (begin, begin +
/// rows) from the left, then from the right the reflector that zeroes its first row, which becomes
/// that of `chase`.
template <std::int64_t Lanes>
WISHART_INLINE void zero_row(const BandStore& band, Chase& chase, std::int64_t begin,
                             std::int64_t rows, std::int64_t cols, double tau, Scratch& scratch) {
  using S = band::Simd<Lanes>;
  const std::int64_t ld = band.stride - 1;
  double* const block = band.at(begin, begin + rows);
  S::multiply_transposed(block, ld, rows, cols, scratch.left, scratch.z);
  clear_padding(scratch.z, cols);
  for (std::int64_t j = 0; j < cols; ++j) {
    scratch.first[j] = block[j * ld] - tau * scratch.z[j];  // the reflector begins with 1
  }
  double next = 0;
  const double image = S::reflector(scratch.first, cols, chase.v, next);
  S::multiply(block, ld, rows, cols, chase.v, scratch.y);
  const double both = tau * S::dot(scratch.z, chase.v, cols);
  for (std::int64_t i = 0; i < rows; ++i) scratch.y[i] -= both * scratch.left[i];
  clear_padding(scratch.y, rows);
  S::subtract_two(block, ld, rows, cols, scratch.left, tau, scratch.z, scratch.y, next, chase.v);
  block[0] = image;
  for (std::int64_t j = 1; j < cols; ++j) block[j * ld] = 0;
  chase.tau = next;
}

/// Step `step` of a chase: the block on the diagonal, then the one to its right.
template <std::int64_t Lanes>
WISHART_INLINE void chase_step(const BandStore& band, Chase& chase, std::int64_t step,
                               Scratch& scratch) {
  using S = band::Simd<Lanes>;
  const std::int64_t begin = chase.row + 1 + step * band.width;
  if (begin >= band.n) return;
  const std::int64_t length = std::min(band.width, band.n - begin);
  if (step == 0) {
    const std::int64_t ld = band.stride - 1;
    double* const row = band.at(chase.row, begin);
    for (std::int64_t j = 0; j < length; ++j) scratch.first[j] = row[j * ld];
    row[0] = S::reflector(scratch.first, length, chase.v, chase.tau);
    for (std::int64_t j = 1; j < length; ++j) row[j * ld] = 0;
  }
  const double tau = zero_column<Lanes>(band, chase, begin, length, scratch);
  const std::int64_t next = begin + length;
  if (next >= band.n) return;
  zero_row<Lanes>(band, chase, begin, length, std::min(band.width, band.n - next), tau, scratch);
}

template <std::int64_t Lanes>
WISHART_INLINE void chase_all(const BandStore& band, std::span<double> vectors) {
  const std::int64_t room = band.width + 2 * band::kPad;
  Scratch scratch{vectors.data(), vectors.data() + room, vectors.data() + 2 * room,
                  vectors.data() + 3 * room};
  Chase chases[kTogether];
  for (std::int64_t k = 0; k < kTogether; ++k) {
    chases[k].v = vectors.data() + (kScratchVectors + k) * room;
  }
  for (std::int64_t first = 0; first < band.n - 1; first += kTogether) {
    const std::int64_t count = std::min(kTogether, band.n - 1 - first);
    for (std::int64_t k = 0; k < count; ++k) chases[k].row = first + k;
    const std::int64_t steps = (band.n - 2 - first) / band.width + 1;
    // A chase may run two steps behind the one before it, because its blocks reach one further.
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

void chase_with(InstructionSet isa, const BandStore& band, std::span<double> vectors) {
  switch (isa) {
#if defined(__x86_64__)
    case InstructionSet::avx512:
      return chase_avx512(band, vectors);
    case InstructionSet::avx2:
      return chase_avx2(band, vectors);
#else
    case InstructionSet::avx512:
    case InstructionSet::avx2:
#endif
    case InstructionSet::portable:
      return chase_baseline(band, vectors);
  }
}

}  // namespace

void reduce_to_bidiagonal(std::span<const double> a, std::int64_t n, std::int64_t ld,
                          std::int64_t width, InstructionSet isa, Workspace& workspace,
                          std::span<double> diagonal, std::span<double> above) {
  require(n >= 1 && width >= 1 && std::ssize(diagonal) >= n && std::ssize(above) >= n - 1,
          "reduce_to_bidiagonal needs room for its result");
  const std::int64_t stride = stride_of(width);
  // Loops run in whole registers, beyond the last column.
  const std::span<double> store = workspace.take<double>(stride * (n + 2 * band::kPad));
  std::fill(store.begin(), store.end(), 0.0);
  const BandStore band{store.data(), n, width, stride};
  for (std::int64_t col = 0; col < n; ++col) {
    const std::int64_t first = std::max<std::int64_t>(0, col - width);
    std::copy_n(a.data() + first + col * ld, col - first + 1, band.at(first, col));
  }
  const std::span<double> vectors =
      workspace.take<double>((kScratchVectors + kTogether) * (width + 2 * band::kPad));
  std::fill(vectors.begin(), vectors.end(), 0.0);
  chase_with(isa, band, vectors);
  for (std::int64_t i = 0; i < n; ++i) diagonal[static_cast<std::size_t>(i)] = *band.at(i, i);
  for (std::int64_t i = 0; i + 1 < n; ++i) above[static_cast<std::size_t>(i)] = *band.at(i, i + 1);
}

}  // namespace wishart::spectrum
