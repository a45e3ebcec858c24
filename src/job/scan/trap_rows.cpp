#include "scan/trap_rows.hpp"

#include <algorithm>
#include <chrono>
#include <span>

#include "wishart/core/pack.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/fit/null_model.hpp"
#include "wishart/fit/permutation.hpp"
#include "wishart/fit/traps.hpp"
#include "wishart/mpi/together.hpp"

namespace wishart::job {
namespace {

/// What the first rank knows from the eigenvalues, and all ranks need.
struct TrapOrder {
  std::int64_t num = 0;             ///< traps that get a row
  std::int64_t left_out = 0;        ///< traps that get none
  std::int64_t passed = 0;          ///< larger values, which are not traps
  std::vector<std::int64_t> views;  ///< that may have one of these
  double variance = 0;
};

template <class F>
void visit_fields(TrapOrder& v, F&& f) {
  f(v.num), f(v.left_out), f(v.passed), f(v.views), f(v.variance);
}

/// The traps of an order. For the first rank.
TrapOrder traps_of(const Spectrum& spectrum, const Matrix& matrix, double mean) {
  std::vector<double> lambda(spectrum.sigma.size());
  std::transform(spectrum.sigma.begin(), spectrum.sigma.end(), lambda.begin(),
                 [](double s) { return s * s; });
  const fit::Shape shape{matrix.long_side(), matrix.short_side(), matrix.num_views()};
  const fit::Traps traps = fit::correlation_traps(lambda, shape, mean);
  TrapOrder order;
  order.num = std::min(traps.num, kMostTrapRows);
  order.passed = traps.passed;
  order.variance = traps.variance;
  order.left_out = traps.num - order.num;
  if (order.num == 0) return order;
  const double smallest =
      spectrum.sigma[spectrum.sigma.size() - static_cast<std::size_t>(order.passed + order.num)];
  for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
    if (spectrum.view_sigma_max[static_cast<std::size_t>(view)] >= smallest) {
      order.views.push_back(view);
    }
  }
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
    bytes = packed(traps_of(spectrum, matrix, parts_.permuted.mean()));
  });
  comm.broadcast(bytes, 0);
  const auto wanted = unpacked<TrapOrder>(bytes);
  left_out_ += wanted.left_out;
  if (wanted.num == 0) return;

  std::vector<spectrum::LeadingVectors> found;
  for (const std::int64_t view : wanted.views) {
    found.push_back(leading(parts_.permuted, view, wanted.passed + wanted.num));
  }
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (std::int64_t k = 0; k < found[i].count; ++k) {
      candidates.push_back({&found[i], wanted.views[i], k});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.sigma() > b.sigma(); });

  const auto rows = static_cast<double>(matrix.long_side());
  const auto cols = static_cast<double>(matrix.short_side());
  const double edge = fit::bulk_of(rows, cols, wanted.variance).high;
  std::vector<TrapRow> added;
  double burden = 0;
  for (std::int64_t i = 0; i < wanted.num; ++i) {
    TrapRow row = measured(candidates[static_cast<std::size_t>(wanted.passed + i)], edge);
    row.order = order;
    row.trap_index = i + 1;
    row.trap_p = fit::largest_p(row.eval_perm, wanted.variance, rows, cols,
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
