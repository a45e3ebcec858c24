#include "intruder_count.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "wishart/core/narrow.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/mpi/values.hpp"

#include "intruders.hpp"
#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

/// Puts the columns of all ranks together on rank 0, in place.
void gather_columns(const mpi::Comm& comm, std::span<double> matrix, std::int64_t m) {
  constexpr int kTag = 1;
  for (int from = 1; from < comm.size(); ++from) {
    const std::span<double> columns = columns_of(matrix, m, slice_of(m, from, comm.size()));
    if (comm.rank() == from) mpi::send(comm, columns, 0, kTag);
    if (comm.rank() == 0) mpi::receive(comm, columns, from, kTag);
  }
}

/// The largest residual of vectors that can be compared one by one.
constexpr double kUsable = 1e-8;
/// Products with the base's Gram matrix at most. What they do not decide is unknown.
constexpr std::int64_t kMostSteps = 256;

/// The products of the leading left singular vectors u of the matrix with the base Y: Y^T u of a
/// tall view, u itself of a wide one. m x count, column-major. Collective over `comm`.
std::vector<double> left_vectors(const mpi::Comm& comm, const Sums& sums, const TopVectors& own,
                                 std::int64_t count) {
  const auto m = static_cast<std::size_t>(sums.m);
  std::vector<double> left(own.vectors.begin(), own.vectors.begin() + count * sums.m);
  if (sums.cross.empty()) return left;
  std::fill(left.begin(), left.end(), 0.0);
  for (std::int64_t k = 0; k < count; ++k) {
    const double sigma = std::sqrt(own.values[static_cast<std::size_t>(k)]);
    const std::span<const double> v =
        std::span(own.vectors).subspan(static_cast<std::size_t>(k) * m, m);
    for (std::int64_t j = sums.columns.begin; j < sums.columns.end; ++j) {
      const std::span<const double> column = sums.cross.subspan(static_cast<std::size_t>(j) * m, m);
      double sum = 0;
      for (std::size_t i = 0; i < m; ++i) sum += column[i] * v[i];
      left[static_cast<std::size_t>(j + k * sums.m)] = sum / sigma;
    }
  }
  comm.sum(std::span<double>(left));
  return left;
}

/// What the leading vectors of the base tell of one vector of left_vectors.
Share share_of_leading(const Sums& sums, std::span<const double> left, const TopVectors& base) {
  const std::int64_t known = resolved_count(base);
  double rest = 1;
  for (std::int64_t b = 0; b < known; ++b) {
    double product = 0;
    for (std::int64_t i = 0; i < sums.m; ++i) {
      product += left[static_cast<std::size_t>(i)] *
                 base.vectors[static_cast<std::size_t>(i + b * sums.m)];
    }
    const double square = sums.cross.empty()
                              ? product * product
                              : product * product / base.values[static_cast<std::size_t>(b)];
    if (square >= kIntruderShare) return Share::some;
    rest -= square;
  }
  return rest < kIntruderShare ? Share::none : Share::unknown;
}

/// Asks all vectors of the base, from its Gram matrix, which is overwritten.
std::vector<Share> share_of_all(Sums& sums, std::vector<double> starts, double largest) {
  const int order = narrow<int>(sums.m, "order of a Gram matrix");
  const std::int64_t count = std::ssize(starts) / sums.m;
  const double floor = kResolvedShare * largest;
  const double one = 1;
  const double zero = 0;
  double* gram = sums.base.data();
  if (sums.cross.empty()) {
    const BlockTimes times = [&](std::span<const double> from, std::int64_t vectors,
                                 std::span<double> to) {
      const int cols = narrow<int>(vectors, "vectors of a block");
      dsymm_("L", "L", &order, &cols, &one, gram, &order, from.data(), &order, &zero, to.data(),
             &order, 1, 1);
    };
    return share_of_one_vector(starts, sums.m, count, floor, kMostSteps, times);
  }
  // Y = Q L^T with orthonormal columns of Q, where L L^T = Y^T Y. In the basis Q, Y Y^T is L^T L
  // and a vector u has the coordinates L^-1 Y^T u. The shift makes the factor exist, and takes
  // away the parts along vectors that are not resolved.
  for (std::int64_t i = 0; i < sums.m; ++i) gram[i + i * sums.m] += floor;
  int info = 0;
  dpotrf_("L", &order, gram, &order, &info, 1);
  if (info != 0) return std::vector<Share>(static_cast<std::size_t>(count), Share::unknown);
  const int all = narrow<int>(count, "vectors of a block");
  dtrsm_("L", "L", "N", "N", &order, &all, &one, gram, &order, starts.data(), &order, 1, 1, 1, 1);
  const BlockTimes times = [&](std::span<const double> from, std::int64_t vectors,
                               std::span<double> to) {
    const int cols = narrow<int>(vectors, "vectors of a block");
    std::copy(from.begin(), from.end(), to.begin());
    for (const char* transpose : {"N", "T"}) {
      dtrmm_("L", "L", transpose, "N", &order, &cols, &one, gram, &order, to.data(), &order, 1, 1,
             1, 1);
    }
  };
  return share_of_one_vector(starts, sums.m, count, 2 * floor, kMostSteps, times);
}

}  // namespace

std::int64_t count_intruders(const mpi::Comm& comm, Sums& sums, const TopVectors& own,
                             const TopVectors& base) {
  const bool usable = own.residual <= kUsable && base.residual <= kUsable &&
                      own.values.front() > 0 && base.values.front() > 0;
  if (!usable) return -1;
  const std::int64_t count = resolved_count(own);
  const std::vector<double> left = left_vectors(comm, sums, own, count);
  std::array<double, 2> found{0, 0};  // intruders, vectors that are not decided; rank 0 decides
  std::vector<double> open;
  mpi::together(comm, [&] {
    if (comm.rank() != 0) return;
    for (std::int64_t k = 0; k < count; ++k) {
      const auto m = static_cast<std::size_t>(sums.m);
      const std::span<const double> one =
          std::span(left).subspan(static_cast<std::size_t>(k) * m, m);
      const Share share = share_of_leading(sums, one, base);
      found[0] += share == Share::none ? 1 : 0;
      if (share != Share::unknown) continue;
      open.insert(open.end(), one.begin(), one.end());
      found[1] += 1;
    }
  });
  mpi::broadcast(comm, found, 0);
  if (found[1] == 0) return static_cast<std::int64_t>(found[0]);
  gather_columns(comm, sums.base, sums.m);
  mpi::together_asleep(comm, [&] {
    if (comm.rank() != 0) return;
    found[1] = 0;
    for (const Share share : share_of_all(sums, open, base.values.front())) {
      found[0] += share == Share::none ? 1 : 0;
      found[1] += share == Share::unknown ? 1 : 0;
    }
  });
  mpi::broadcast(comm, found, 0);
  return found[1] > 0 ? -1 : static_cast<std::int64_t>(found[0]);
}

}  // namespace wishart::spectrum
