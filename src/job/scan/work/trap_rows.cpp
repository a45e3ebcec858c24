#include "scan/work/trap_rows.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <span>
#include <utility>

#include "wishart/core/pack.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/permutation.hpp"
#include "wishart/fit/traps.hpp"
#include "wishart/mpi/together.hpp"

namespace wishart::job {
namespace {

/// A trap that gets a row.
struct Place {
  std::int64_t view = 0;
  std::int64_t k = 0;  ///< number among the values of its view, from the largest
};

template <class F>
void visit_fields(Place& v, F&& f) {
  f(v.view), f(v.k);
}

/// What the first rank knows from the eigenvalues, and all ranks need.
struct TrapOrder {
  std::vector<Place> places;      ///< by descending value
  std::int64_t left_out = 0;      ///< traps that get no row
  std::vector<double> variances;  ///< of the elements, by view
};

template <class F>
void visit_fields(TrapOrder& v, F&& f) {
  f(v.places), f(v.left_out), f(v.variances);
}

/// The traps of an order. For the first rank.
TrapOrder traps_of(const Spectrum& spectrum, const Matrix& matrix,
                   std::span<const double> view_means) {
  const fit::Shape shape{matrix.long_side(), matrix.short_side(), matrix.num_views()};
  std::vector<double> lambda(static_cast<std::size_t>(shape.short_side));
  TrapOrder order;
  std::vector<std::pair<double, Place>> found;
  for (std::int64_t view = 0; view < shape.views; ++view) {
    const auto sigma = fit::values_of_view(spectrum.sigma_by_view, shape, view);
    std::transform(sigma.begin(), sigma.end(), lambda.begin(), [](double s) { return s * s; });
    const fit::Traps traps =
        fit::correlation_traps(lambda, shape, view_means[static_cast<std::size_t>(view)]);
    order.variances.push_back(traps.variance);
    std::int64_t left = traps.num;
    for (std::int64_t k = 0; left > 0; ++k) {
      if (k == traps.of_mean) continue;
      found.emplace_back(lambda[lambda.size() - 1 - static_cast<std::size_t>(k)], Place{view, k});
      --left;
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto rows = std::min(found.size(), static_cast<std::size_t>(kMostTrapRows));
  for (std::size_t i = 0; i < rows; ++i) order.places.push_back(found[i].second);
  order.left_out = static_cast<std::int64_t>(found.size() - rows);
  return order;
}

/// left right^T of a trap, with its elements where they were before the matrix was put in random
/// order.
class RestoredTrap : public spectrum::ElementSource {
public:
  RestoredTrap(const fit::KeyedBijection& order, std::int64_t cols, std::span<const double> left,
               std::span<const double> right)
      : order_(&order), cols_(cols), left_(left), right_(right) {}

  void read(std::int64_t /*view*/, std::int64_t row_begin, std::int64_t row_end,
            std::int64_t col_begin, std::int64_t col_end, std::span<double> out) override {
    std::vector<std::uint64_t> places(static_cast<std::size_t>(col_end - col_begin));
    double* to = out.data();
    for (std::int64_t row = row_begin; row < row_end; ++row) {
      order_->inverse_run(static_cast<std::uint64_t>(row * cols_ + col_begin), places);
      for (const std::uint64_t place : places) {
        const auto cols = static_cast<std::uint64_t>(cols_);
        *to++ = left_[place / cols] * right_[place % cols];
      }
    }
  }

private:
  const fit::KeyedBijection* order_;
  std::int64_t cols_;
  std::span<const double> left_;
  std::span<const double> right_;
};

/// Vectors number `k`.
fit::VectorPair pair_of(const spectrum::LeadingVectors& vectors, std::int64_t k) {
  const auto count = static_cast<std::size_t>(vectors.count);
  const auto column = [&](const std::vector<double>& all) {
    const std::size_t length = all.size() / count;
    return std::span(all).subspan(static_cast<std::size_t>(k) * length, length);
  };
  return {column(vectors.left), column(vectors.right)};
}

}  // namespace

/// A singular value of a view in random order.
struct TrapSearch::Candidate {
  const spectrum::LeadingVectors* vectors = nullptr;
  std::int64_t view = 0;
  std::int64_t k = 0;

  [[nodiscard]] double sigma() const { return vectors->sigma[static_cast<std::size_t>(k)]; }
};

spectrum::LeadingVectors TrapSearch::leading(spectrum::ElementSource& source, std::int64_t view,
                                             std::int64_t count) {
  return spectrum::leading_vectors(parts_.matrix, source, view, count, parts_.team, parts_.options,
                                   parts_.workspace);
}

const spectrum::LeadingVectors& TrapSearch::own_vectors(std::int64_t view) {
  own_.resize(static_cast<std::size_t>(parts_.matrix.num_views()));
  auto& own = own_[static_cast<std::size_t>(view)];
  if (!own) own = leading(parts_.source, view, 1);
  return *own;
}

/// Collective over the team.
TrapRow TrapSearch::measured(const Candidate& candidate, double edge) {
  const fit::VectorPair permuted = pair_of(*candidate.vectors, candidate.k);
  RestoredTrap restored(parts_.permuted.order_of_view(candidate.view), parts_.matrix.cols,
                        permuted.left, permuted.right);
  const spectrum::LeadingVectors top = leading(restored, candidate.view, 1);
  const spectrum::LeadingVectors& own = own_vectors(candidate.view);
  TrapRow row;
  row.view = candidate.view;
  row.trap_residual = std::max({candidate.vectors->residual, top.residual, own.residual});
  mpi::together(parts_.team.comm(), [&] {
    if (parts_.team.comm().rank() != 0) return;
    fit::measure_trap(row, {candidate.sigma(), edge, permuted, pair_of(top, 0), top.sigma.front(),
                            pair_of(own, 0)});
  });
  return row;
}

void TrapSearch::add_order(std::int64_t order, const Spectrum& spectrum) {
  const mpi::Comm& comm = parts_.team.comm();
  const Matrix& matrix = parts_.matrix;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::byte> bytes;
  mpi::together(comm, [&] {
    if (comm.rank() != 0) return;
    bytes = packed(traps_of(spectrum, matrix, parts_.permuted.view_means()));
  });
  comm.broadcast(bytes, 0);
  const auto wanted = unpacked<TrapOrder>(bytes);
  left_out_ += wanted.left_out;
  if (wanted.places.empty()) return;

  std::map<std::int64_t, std::int64_t> counts;  // of leading vectors, by view
  for (const Place& place : wanted.places) {
    counts[place.view] = std::max(counts[place.view], place.k + 1);
  }
  std::map<std::int64_t, spectrum::LeadingVectors> found;
  for (const auto& [view, count] : counts) {
    found.emplace(view, leading(parts_.permuted, view, count));
  }

  const auto rows = static_cast<double>(matrix.long_side());
  const auto cols = static_cast<double>(matrix.short_side());
  std::vector<TrapRow> added;
  double burden = 0;
  for (const Place& place : wanted.places) {
    const double variance = wanted.variances[static_cast<std::size_t>(place.view)];
    TrapRow row = measured({&found.at(place.view), place.view, place.k},
                           fit::bulk_of(rows, cols, variance).high);
    row.order = order;
    row.trap_index = std::ssize(added) + 1;
    row.trap_p = fit::largest_p(row.eval_perm, variance, rows, cols,
                                static_cast<double>(matrix.num_views()));
    burden += row.trap_variance_burden;
    added.push_back(std::move(row));
  }
  // Without all traps of the order their sum is not known.
  for (TrapRow& row : added) {
    row.layer_trap_variance_burden = wanted.left_out == 0 ? burden : TrapRow::kUnknown;
  }
  rows_.insert(rows_.end(), added.begin(), added.end());
  seconds_ += seconds_since(start);
}

}  // namespace wishart::job
