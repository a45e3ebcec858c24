#include "wishart/fit/traps.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "wishart/core/error.hpp"

namespace wishart::fit {
namespace {

constexpr double kUnknown = TrapRow::kUnknown;

double localisation(double ipr, std::int64_t length, double expected) {
  if (std::isnan(ipr)) return kUnknown;
  if (length <= 1) return 1;
  return std::clamp((ipr - expected) / (1 - expected), 0.0, 1.0);
}

std::vector<double> descending_magnitudes(std::span<const double> vector) {
  std::vector<double> sizes(vector.size());
  std::transform(vector.begin(), vector.end(), sizes.begin(), [](double v) { return std::abs(v); });
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  return sizes;
}

std::vector<double> running_sums(const std::vector<double>& values) {
  std::vector<double> sums{0};
  sums.reserve(values.size() + 1);
  long double sum = 0;
  for (const double value : values) sums.push_back(static_cast<double>(sum += value));
  return sums;
}

/// The products of two descending lists.
class Products {
public:
  Products(std::vector<double> a, std::vector<double> b)
      : a_(std::move(a)), b_(std::move(b)), sums_(running_sums(b_)) {}

  struct Above {
    std::int64_t count = 0;
    double sum = 0;
  };

  /// Those above a limit.
  [[nodiscard]] Above above(double limit) const {
    Above result;
    long double sum = 0;
    std::size_t end = b_.size();  // falls as the factor from a falls
    for (const double factor : a_) {
      while (end > 0 && !(factor * b_[end - 1] > limit)) --end;
      if (end == 0) break;
      result.count += static_cast<std::int64_t>(end);
      sum += static_cast<long double>(factor) * sums_[end];
    }
    result.sum = static_cast<double>(sum);
    return result;
  }

  [[nodiscard]] double largest() const { return a_.front() * b_.front(); }

  [[nodiscard]] double total() const {
    double sum = 0;
    for (const double factor : a_) sum += factor;
    return sum * sums_.back();
  }

  /// The sum of the `count` largest, by bisection for the smallest of them.
  [[nodiscard]] double sum_of_largest(std::int64_t count) const {
    constexpr int kHalvings = 100;
    double low = 0;
    double high = largest();
    Above best = above(high);
    for (int i = 0; i < kHalvings && best.count < count; ++i) {
      const double middle = low + (high - low) / 2;
      const Above found = above(middle);
      if (found.count <= count) {
        high = middle;
        best = found;
      } else {
        low = middle;
      }
    }
    // What is missing are products between low and high, which are equal but for rounding.
    return best.sum + static_cast<double>(count - best.count) * high;
  }

private:
  std::vector<double> a_;
  std::vector<double> b_;
  std::vector<double> sums_;
};

double burden(const TrapRow& row) {
  return row.trap_delta * row.trap_delta * row.trap_q * row.trap_top_sector_overlap *
         row.trap_top_sector_overlap;
}

}  // namespace

double inverse_participation(std::span<const double> vector) {
  long double squares = 0;
  long double fourth = 0;
  for (const double v : vector) {
    const long double p = static_cast<long double>(v) * v;
    squares += p;
    fourth += p * p;
  }
  return squares > 0 ? static_cast<double>(fourth / (squares * squares)) : kUnknown;
}

double localisation_uniform(double ipr, std::int64_t length) {
  return localisation(ipr, length, 1 / static_cast<double>(length));
}

double localisation_porter_thomas(double ipr, std::int64_t length) {
  return localisation(ipr, length, 3 / (static_cast<double>(length) + 2));
}

double top_mass(std::span<const double> left, std::span<const double> right, std::int64_t percent) {
  require(!left.empty() && !right.empty() && percent >= 1 && percent <= 100,
          "top_mass needs two vectors and 1 to 100 percent");
  const Products products(descending_magnitudes(left), descending_magnitudes(right));
  const double total = products.total();
  if (!(total > 0)) return kUnknown;
  const auto size =
      static_cast<std::int64_t>(left.size()) * static_cast<std::int64_t>(right.size());
  const std::int64_t count = (size / 100) * percent + ((size % 100) * percent + 99) / 100;
  return std::min(1.0, products.sum_of_largest(count) / total);
}

double squared_cosine(std::span<const double> a, std::span<const double> b) {
  require(a.size() == b.size(), "squared_cosine needs two vectors of the same length");
  long double dot = 0;
  long double squares_a = 0;
  long double squares_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<long double>(a[i]) * b[i];
    squares_a += static_cast<long double>(a[i]) * a[i];
    squares_b += static_cast<long double>(b[i]) * b[i];
  }
  if (!(squares_a > 0 && squares_b > 0)) return kUnknown;
  return static_cast<double>(std::min(1.0L, dot * dot / squares_a / squares_b));
}

void measure_trap(TrapRow& row, const TrapParts& parts) {
  const auto length = [](std::span<const double> v) { return static_cast<std::int64_t>(v.size()); };
  const VectorPair& own = parts.permuted;
  row.sigma_perm = parts.sigma;
  row.eval_perm = parts.sigma * parts.sigma;
  row.mp_bulk_max = parts.edge;
  row.trap_delta =
      parts.edge > 0 ? std::max(row.eval_perm - parts.edge, 0.0) / parts.edge : kUnknown;
  row.trap_ipr = inverse_participation(own.right);
  row.trap_q = localisation_porter_thomas(row.trap_ipr, length(own.right));
  row.trap_q_uniform = localisation_uniform(row.trap_ipr, length(own.right));
  row.trap_diffuseness = 1 - row.trap_q;
  row.trap_diffuseness_uniform = 1 - row.trap_q_uniform;
  row.trap_ipr_left = inverse_participation(own.left);
  row.trap_q_left = localisation_porter_thomas(row.trap_ipr_left, length(own.left));
  row.trap_q_uniform_left = localisation_uniform(row.trap_ipr_left, length(own.left));
  row.top_5_mass = top_mass(own.left, own.right, 5);
  row.top_10_mass = top_mass(own.left, own.right, 10);
  // left right^T has a sum of squares of 1, wherever its elements are.
  row.rank1_mass_after_unpermute = parts.restored_sigma * parts.restored_sigma;
  row.trap_top_sector_overlap = squared_cosine(parts.own.right, parts.restored.right);
  row.trap_top_sector_overlap_left = squared_cosine(parts.own.left, parts.restored.left);
  row.trap_variance_burden = burden(row);
}

}  // namespace wishart::fit
