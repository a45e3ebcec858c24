#include "intruders.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

#include "lapack.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

/// A node is an eigenvalue if its residual is below this share of the largest node.
constexpr double kConverged = 1e-9;
/// The process has found all that the start vector contains if the next vector is this short.
constexpr double kExhausted = 1e-13;
/// Steps between two looks at the quadrature.
constexpr std::int64_t kLook = 8;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add(std::span<double> to, double factor, std::span<const double> from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}

double length(std::span<const double> a) { return std::sqrt(dot(a, a)); }

/// A node of the quadrature.
struct Node {
  double value = 0;
  double weight = 0;
  bool converged = false;
};

/// Lanczos' process from one vector.
class Process {
public:
  Process(std::span<const double> start, double floor, std::int64_t most_steps)
      : n_(start.size()), floor_(floor) {
    // Once for all, so that the basis is never copied; pages that are not used take no memory.
    basis_.reserve(n_ * static_cast<std::size_t>(most_steps + 1));
    basis_.assign(start.begin(), start.end());
    const double norm = length(start);
    mass_ = norm * norm;
    if (mass_ < kIntruderShare) {
      share_ = Share::none;  // no vector can have more of it than there is
      return;
    }
    for (double& value : basis_) value /= norm;
  }

  [[nodiscard]] bool decided() const noexcept { return share_ != Share::unknown; }
  [[nodiscard]] Share share() const noexcept { return share_; }
  [[nodiscard]] std::span<const double> last() const { return std::span(basis_).last(n_); }

  /// Takes the product of A with the last vector. Looks at the quadrature now and then.
  void step(std::span<double> product) {
    alpha_.push_back(dot(product, last()));
    const std::size_t known = alpha_.size();
    // Twice is enough (Giraud, Langou and Rozloznik 2005).
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t k = 0; k < known; ++k) {
        const std::span<const double> one = std::span(basis_).subspan(k * n_, n_);
        add(product, -dot(product, one), one);
      }
    }
    const double rest = length(product);
    scale_ = std::max({scale_, std::abs(alpha_.back()), rest});
    const bool ended = known == n_ || rest <= kExhausted * scale_;
    if (ended || known % kLook == 0) look(ended ? 0 : rest);
    if (decided()) return;
    beta_.push_back(rest);
    for (const double value : product) basis_.push_back(value / rest);
  }

private:
  void look(double rest) {
    const std::vector<Node> nodes = quadrature(rest);
    for (const Node& node : nodes) {
      if (node.converged && node.value > floor_ && node.weight >= kIntruderShare) {
        share_ = Share::some;
        return;
      }
    }
    double most = 0;  // that an eigenvector between two nodes can have
    double before = 0;
    for (const Node& node : nodes) {
      const double open = node.converged ? 0 : node.weight;
      most = std::max(most, before + open);
      before = open;
    }
    if (most < kIntruderShare) share_ = Share::none;
  }

  /// Eigenvalues of the tridiagonal matrix, ascending, with the squares of the first components of
  /// their vectors. The last components times `rest` are the residuals.
  [[nodiscard]] std::vector<Node> quadrature(double rest) const {
    const std::size_t size = alpha_.size();
    const int order = narrow<int>(static_cast<std::int64_t>(size), "steps of Lanczos' process");
    std::vector<double> matrix(size * size);
    for (std::size_t i = 0; i < size; ++i) {
      matrix[i + i * size] = alpha_[i];
      if (i + 1 < size) matrix[i + 1 + i * size] = beta_[i];
    }
    std::vector<double> values(size);
    std::vector<double> work(1 + 6 * size + 2 * size * size);
    std::vector<int> iwork(3 + 5 * size);
    const int lwork = narrow<int>(std::ssize(work), "workspace of dsyevd");
    const int liwork = narrow<int>(std::ssize(iwork), "workspace of dsyevd");
    int info = 0;
    dsyevd_("V", "L", &order, matrix.data(), &order, values.data(), work.data(), &lwork,
            iwork.data(), &liwork, &info, 1, 1);
    check_info(info, "dsyevd");
    std::vector<Node> nodes(size);
    for (std::size_t j = 0; j < size; ++j) {
      const double first = matrix[j * size];
      const double residual = rest * std::abs(matrix[size - 1 + j * size]);
      nodes[j] = {values[j], mass_ * first * first, residual <= kConverged * values.back()};
    }
    return nodes;
  }

  std::size_t n_;
  double floor_;
  std::vector<double> basis_;  ///< n x steps
  std::vector<double> alpha_;
  std::vector<double> beta_;
  double mass_ = 0;   ///< of the start vector
  double scale_ = 0;  ///< of A, as far as it was seen
  Share share_ = Share::unknown;
};

}  // namespace

std::vector<Share> share_of_one_vector(std::span<const double> starts, std::int64_t n,
                                       std::int64_t count, double floor, std::int64_t most_steps,
                                       const BlockTimes& times) {
  require(n >= 1 && std::ssize(starts) == n * count,
          "share_of_one_vector needs `count` vectors of length n");
  const auto size = static_cast<std::size_t>(n);
  std::vector<Process> processes;
  processes.reserve(static_cast<std::size_t>(count));
  for (std::int64_t k = 0; k < count; ++k) {
    const std::span<const double> start = starts.subspan(static_cast<std::size_t>(k) * size, size);
    processes.emplace_back(start, floor, std::min(most_steps, n));
  }
  std::vector<double> from;
  std::vector<double> to;
  for (std::int64_t step = 0; step < most_steps; ++step) {
    from.clear();
    for (const Process& one : processes) {
      if (!one.decided()) from.insert(from.end(), one.last().begin(), one.last().end());
    }
    if (from.empty()) break;
    to.resize(from.size());
    times(from, std::ssize(from) / n, to);
    std::size_t at = 0;
    for (Process& one : processes) {
      if (one.decided()) continue;
      one.step(std::span(to).subspan(at, size));
      at += size;
    }
  }
  std::vector<Share> shares;
  shares.reserve(processes.size());
  for (const Process& one : processes) shares.push_back(one.share());
  return shares;
}

}  // namespace wishart::spectrum
