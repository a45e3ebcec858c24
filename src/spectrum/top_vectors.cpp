#include "top_vectors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/splitmix.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"

#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// Extra vectors: the last ones of a block converge slowly, so these take their place.
constexpr std::int64_t kGuard = 6;
/// The number of blocks in a basis, and of restarts.
constexpr std::int64_t kBlocks = 8;
constexpr int kMostRestarts = 40;
constexpr double kTolerance = 1e-10;

/// Up to this order, the basis is the whole space.
std::int64_t whole_up_to(std::int64_t count) { return (count + kGuard) * kBlocks; }

/// to (+)= op(a) * b, column-major: rows x cols, over `depth`.
void multiply(bool transpose_a, std::int64_t rows, std::int64_t cols, std::int64_t depth,
              double alpha, const double* a, std::int64_t lda, const double* b, std::int64_t ldb,
              double beta, double* to, std::int64_t ldc) {
  const int m = narrow<int>(rows, "rows of a block");
  const int n = narrow<int>(cols, "columns of a block");
  const int k = narrow<int>(depth, "depth of a block");
  const int la = narrow<int>(lda, "rows of a block");
  const int lb = narrow<int>(ldb, "rows of a block");
  const int lc = narrow<int>(ldc, "rows of a block");
  dgemm_(transpose_a ? "T" : "N", "N", &m, &n, &k, &alpha, a, &la, b, &lb, &beta, to, &lc, 1, 1);
}

/// Replaces an n x cols block by an orthonormal basis of its columns.
void orthonormalise(double* block, std::int64_t n, std::int64_t cols) {
  const int rows = narrow<int>(n, "order of a Gram matrix");
  const int count = narrow<int>(cols, "vectors of a block");
  std::vector<double> tau(static_cast<std::size_t>(cols));
  std::vector<double> work(static_cast<std::size_t>(64 * cols));
  const int lwork = narrow<int>(64 * cols, "workspace of dgeqrf");
  int info = 0;
  dgeqrf_(&rows, &count, block, &rows, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dgeqrf");
  dorgqr_(&rows, &count, &count, block, &rows, tau.data(), work.data(), &lwork, &info);
  check_info(info, "dorgqr");
}

/// The Krylov basis and its product with G, on rank 0.
class Basis {
public:
  Basis(std::int64_t n, std::int64_t block, std::int64_t blocks)
      : n_(n),
        block_(block),
        basis_(static_cast<std::size_t>(n * block * blocks)),
        image_(basis_.size()) {}

  [[nodiscard]] std::span<double> block(std::int64_t k) { return part(basis_, k); }
  [[nodiscard]] std::span<double> image(std::int64_t k) { return part(image_, k); }

  /// Makes block k + 1 from the part of block k's image that is new.
  void extend(std::int64_t k) {
    const std::int64_t known = (k + 1) * block_;
    std::span<double> next = block(k + 1);
    std::copy_n(image(k).data(), n_ * block_, next.data());
    std::vector<double> shares(static_cast<std::size_t>(known * block_));
    // Twice, with normalisation in between: what rounding leaves of the known directions is small
    // compared to a vector of length 1, but perhaps not compared to the new part.
    for (int pass = 0; pass < 2; ++pass) {
      multiply(true, known, block_, n_, 1, basis_.data(), n_, next.data(), n_, 0, shares.data(),
               known);
      multiply(false, n_, block_, known, -1, basis_.data(), n_, shares.data(), known, 1,
               next.data(), n_);
      orthonormalise(next.data(), n_, block_);
    }
  }

  /// Makes the Ritz vectors of the largest values block 0. Returns the largest residual among the
  /// first `wanted`; the values are descending.
  double restart(std::int64_t blocks, std::int64_t wanted, std::vector<double>& values) {
    const std::int64_t size = blocks * block_;
    std::vector<double> small(static_cast<std::size_t>(size * size));
    multiply(true, size, size, n_, 1, basis_.data(), n_, image_.data(), n_, 0, small.data(), size);
    const std::vector<double> all = decompose(small, size);
    std::vector<double> chosen(static_cast<std::size_t>(size * block_));
    values.resize(static_cast<std::size_t>(block_));
    for (std::int64_t j = 0; j < block_; ++j) {
      const std::int64_t from = size - 1 - j;  // ascending to descending
      values[static_cast<std::size_t>(j)] = all[static_cast<std::size_t>(from)];
      std::copy_n(small.data() + from * size, size, chosen.data() + j * size);
    }
    std::vector<double> vectors(static_cast<std::size_t>(n_ * block_));
    std::vector<double> images(vectors.size());
    multiply(false, n_, block_, size, 1, basis_.data(), n_, chosen.data(), size, 0, vectors.data(),
             n_);
    multiply(false, n_, block_, size, 1, image_.data(), n_, chosen.data(), size, 0, images.data(),
             n_);
    // A power of two, so that no digit changes and squares fit whatever the size of the values.
    const double unit = values.front() > 0 ? std::ldexp(1.0, -std::ilogb(values.front())) : 1;
    double largest = 0;
    for (std::int64_t j = 0; j < wanted; ++j) {
      double squares = 0;
      for (std::int64_t i = j * n_; i < (j + 1) * n_; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double rest = images[at] - values[static_cast<std::size_t>(j)] * vectors[at];
        squares += (rest * unit) * (rest * unit);
      }
      largest = std::max(largest, std::sqrt(squares));
    }
    std::copy(vectors.begin(), vectors.end(), basis_.begin());
    return values.front() > 0 ? largest / (values.front() * unit) : 0;
  }

private:
  [[nodiscard]] std::span<double> part(std::vector<double>& all, std::int64_t k) const {
    return std::span(all).subspan(static_cast<std::size_t>(k * block_ * n_),
                                  static_cast<std::size_t>(block_ * n_));
  }

  /// Eigenvalues, ascending; the matrix becomes its vectors.
  static std::vector<double> decompose(std::vector<double>& a, std::int64_t order) {
    const int n = narrow<int>(order, "order of a small matrix");
    std::vector<double> values(static_cast<std::size_t>(order));
    const int lwork = narrow<int>(1 + 6 * order + 2 * order * order, "workspace of dsyevd");
    const int liwork = narrow<int>(3 + 5 * order, "workspace of dsyevd");
    std::vector<double> work(static_cast<std::size_t>(lwork));
    std::vector<int> iwork(static_cast<std::size_t>(liwork));
    int info = 0;
    dsyevd_("V", "L", &n, a.data(), &n, values.data(), work.data(), &lwork, iwork.data(), &liwork,
            &info, 1, 1);
    check_info(info, "dsyevd");
    return values;
  }

  std::int64_t n_;
  std::int64_t block_;
  std::vector<double> basis_;
  std::vector<double> image_;
};

/// Fixed pseudo-random numbers in (-1, 1).
double start_value(std::uint64_t i) {
  const std::uint64_t z = splitmix((i + 1) * kSplitMixStep);
  return static_cast<double>(z >> 11U) * 0x1p-52 - 1.0;
}

void start(std::span<double> block, std::int64_t n, std::int64_t cols, bool whole) {
  if (whole) {
    std::fill(block.begin(), block.end(), 0.0);
    for (std::int64_t i = 0; i < n; ++i) block[static_cast<std::size_t>(i + i * n)] = 1;
    return;
  }
  for (std::size_t i = 0; i < block.size(); ++i) block[i] = start_value(i);
  orthonormalise(block.data(), n, cols);
}

}  // namespace

TopVectors top_vectors(const mpi::Comm& team, std::int64_t n, std::int64_t count,
                       const BlockProduct& product) {
  require(n >= 1 && count >= 1, "top_vectors needs a matrix and at least one vector to find");
  count = std::min(count, n);
  const bool whole = n <= whole_up_to(count);
  const std::int64_t block = whole ? n : count + kGuard;
  const std::int64_t blocks = whole ? 1 : kBlocks;
  const bool first = team.rank() == 0;
  std::vector<double> from;
  std::vector<double> to;
  std::unique_ptr<Basis> basis;
  mpi::together(team, [&] {
    from.resize(static_cast<std::size_t>(n * block));
    to.resize(from.size());
    if (!first) return;
    basis = std::make_unique<Basis>(n, block, blocks);
    start(basis->block(0), n, block, whole);
  });
  TopVectors result;
  result.count = count;
  // 0: not yet; 1: done. Sent by rank 0, so that all ranks leave together.
  std::array<double, 2> state{0, 0};
  for (int restart = 0; state[0] == 0; ++restart) {
    for (std::int64_t k = 0; k < blocks; ++k) {
      if (first) std::copy_n(basis->block(k).data(), n * block, from.data());
      mpi::broadcast(team, from, 0);
      product(from, block, to);
      mpi::together(team, [&] {
        if (!first) return;
        std::copy(to.begin(), to.end(), basis->image(k).begin());
        if (k + 1 < blocks) basis->extend(k);
      });
    }
    mpi::together(team, [&] {
      if (!first) return;
      state[1] = basis->restart(blocks, count, result.values);
      state[0] = whole || state[1] <= kTolerance || restart + 1 >= kMostRestarts ? 1 : 0;
    });
    mpi::broadcast(team, state, 0);
  }
  if (first) std::copy_n(basis->block(0).data(), n * block, from.data());
  mpi::broadcast(team, from, 0);
  result.values.resize(static_cast<std::size_t>(block));
  mpi::broadcast(team, result.values, 0);
  result.residual = state[1];
  result.values.resize(static_cast<std::size_t>(count));
  from.resize(static_cast<std::size_t>(n * count));
  result.vectors = std::move(from);
  return result;
}

std::int64_t resolved_count(const TopVectors& top) {
  const auto above = std::find_if(top.values.begin(), top.values.end(), [&](double value) {
    return !(value > kResolvedShare * top.values.front());
  });
  return above - top.values.begin();
}

TopVectors first_vectors(TopVectors top, std::int64_t n, std::int64_t count) {
  top.count = std::min(top.count, count);
  top.values.resize(static_cast<std::size_t>(top.count));
  top.vectors.resize(static_cast<std::size_t>(n * top.count));
  return top;
}

std::vector<double> small_singular_values(std::vector<double> a, std::int64_t n) {
  const int order = narrow<int>(n, "order of a small matrix");
  std::vector<double> values(static_cast<std::size_t>(n));
  std::vector<double> work(static_cast<std::size_t>(12 * n + 64));
  std::vector<int> iwork(static_cast<std::size_t>(8 * n));
  const int lwork = narrow<int>(12 * n + 64, "workspace of dgesdd");
  const int one = 1;
  double unused = 0;
  int info = 0;
  dgesdd_("N", &order, &order, a.data(), &order, values.data(), &unused, &one, &unused, &one,
          work.data(), &lwork, iwork.data(), &info, 1);
  check_info(info, "dgesdd");
  return values;
}

}  // namespace wishart::spectrum
