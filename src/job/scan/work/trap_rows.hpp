#pragma once

/// @file
/// The rows of the table of correlation traps of one matrix.

#include <cstdint>
#include <optional>
#include <vector>

#include "wishart/record/matrix.hpp"
#include "wishart/record/spectrum.hpp"
#include "wishart/record/trap_row.hpp"
#include "wishart/spectrum/leading_vectors.hpp"

#include "scan/work/permuted_source.hpp"

namespace wishart::job {

/// What a search works with. All of it is borrowed.
struct TrapSearchParts {
  const Matrix& matrix;
  spectrum::ElementSource& source;
  PermutedSource& permuted;
  spectrum::Team& team;
  const spectrum::SolveOptions& options;
  spectrum::Workspace& workspace;
};

/// Measures the traps of a matrix in its random orders. Without a trap nothing is computed.
class TrapSearch {
public:
  explicit TrapSearch(const TrapSearchParts& parts) : parts_(parts) {}

  /// Adds the rows of one order, those of its largest kMostTrapRows traps.
  /// @param spectrum  of the matrix in the order that `permuted` has chosen; with its values by
  ///   view on the first rank
  /// Collective over the team.
  /// @throws mpi::AgreedError on every rank
  void add_order(std::int64_t order, const Spectrum& spectrum);

  /// The rows so far, by order and index, without the layer's id, name and key. Complete on the
  /// first rank.
  [[nodiscard]] std::vector<TrapRow> take() { return std::move(rows_); }
  /// The number of traps without a row.
  [[nodiscard]] std::int64_t left_out() const noexcept { return left_out_; }
  [[nodiscard]] double seconds() const noexcept { return seconds_; }

private:
  struct Candidate;

  [[nodiscard]] spectrum::LeadingVectors leading(spectrum::ElementSource& source, std::int64_t view,
                                                 std::int64_t count);
  [[nodiscard]] TrapRow measured(const Candidate& candidate, double edge);
  const spectrum::LeadingVectors& own_vectors(std::int64_t view);

  TrapSearchParts parts_;
  std::vector<std::optional<spectrum::LeadingVectors>> own_;  ///< of the matrix itself, by view
  std::vector<TrapRow> rows_;
  std::int64_t left_out_ = 0;
  double seconds_ = 0;
};

}  // namespace wishart::job
