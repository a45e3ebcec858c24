#include "scan/work/worker.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <optional>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/fit/adapter.hpp"
#include "wishart/fit/farms.hpp"
#include "wishart/fit/gram_suffices.hpp"
#include "wishart/fit/metrics.hpp"
#include "wishart/fit/randomised.hpp"
#include "wishart/mpi/together.hpp"
#include "wishart/record/adapter.hpp"
#include "wishart/spectrum/adapter.hpp"
#include "wishart/spectrum/comparison.hpp"
#include "wishart/spectrum/tally.hpp"

#include "scan/ranks/command_loop.hpp"
#include "scan/work/permuted_source.hpp"
#include "scan/work/trap_rows.hpp"
#include "scan/work/window_source.hpp"

namespace wishart::job {
namespace {

constexpr const char* kCompared = "compared with its base";

/// The elements of one matrix, from its checkpoint.
class CheckpointSource : public spectrum::ElementSource {
public:
  CheckpointSource(checkpoint::ElementReader& reader, const Matrix& matrix)
      : reader_(&reader), matrix_(&matrix) {}

  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override {
    checkpoint::read_block(*reader_, *matrix_, view, {row_begin, row_end, col_begin, col_end}, out);
  }
  [[nodiscard]] double unit() override { return checkpoint::unit_of(*reader_, matrix_->tensor); }

private:
  checkpoint::ElementReader* reader_;
  const Matrix* matrix_;
};

/// The norm of a change, divided by that of what was changed, from their squares; NaN if that is
/// zero.
double ratio_of_norms(double change_squares, double base_squares) {
  if (!(base_squares > 0)) return kNan;
  const double ratio = change_squares / base_squares;
  // A large change of tiny weights: the ratio of the squares does not fit, its root does.
  if (std::isinf(ratio)) return std::sqrt(change_squares) / std::sqrt(base_squares);
  return std::sqrt(ratio);
}

/// The hash of a matrix's values, as compute_spectrum calculates it. Each rank reads its part of
/// the rows. Empty if they cannot be read; the error is reported when the matrix is computed.
/// Collective over the team.
std::string values_hash(const Matrix& matrix, CheckpointSource& source, const mpi::Comm& team,
                        std::int64_t panel_bytes, spectrum::Workspace& workspace) {
  spectrum::Tally tally;
  try {
    const std::int64_t begin = matrix.rows * team.rank() / team.size();
    const std::int64_t end = matrix.rows * (team.rank() + 1) / team.size();
    const std::int64_t depth =
        std::clamp<std::int64_t>(panel_bytes / (8 * std::max<std::int64_t>(matrix.cols, 1)), 1,
                                 std::max<std::int64_t>(end - begin, 1));
    workspace.reset();
    const std::span<double> panel = workspace.take<double>(depth * matrix.cols);
    for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
      for (std::int64_t row = begin; row < end; row += depth) {
        const std::int64_t last = std::min(row + depth, end);
        const std::span<double> values =
            panel.first(static_cast<std::size_t>((last - row) * matrix.cols));
        source.read(view, row, last, 0, matrix.cols, values);
        tally.add((view * matrix.rows + row) * matrix.cols, values);
      }
    }
  } catch (const std::exception&) {
    // Detected below: the number of elements is too small.
  }
  tally.combine(team);
  const bool whole = tally.num_elements() == matrix.num_views() * matrix.rows * matrix.cols;
  return whole ? tally.hash().hex() : std::string();
}

/// Computes one matrix; the first rank of the team also fits it.
class MatrixSolver {
public:
  explicit MatrixSolver(const WorkOrder& order)
      : order_(&order), reader_(checkpoint::make_reader(order.root, order.files)) {}

  Result solve(std::int64_t item, spectrum::Team& team) {
    const Matrix& matrix = order_->matrices[static_cast<std::size_t>(item)];
    const plan::Way& way = order_->ways[static_cast<std::size_t>(item)];
    spectrum::SolveOptions options;
    options.method = way.method;
    options.precision = way.precision;
    options.products = way.products;
    options.solver = way.solver;
    options.distributed = way.distributed;
    options.panel_bytes = way.panel_bytes;
    options.resolve = order_->resolve;
    CheckpointSource source(*reader_, matrix);
    Result result;
    result.item = item;
    const std::string& known = order_->known_hashes[static_cast<std::size_t>(item)];
    if (!known.empty()) {
      const auto start = std::chrono::steady_clock::now();
      result.unchanged =
          values_hash(matrix, source, team.comm(), way.panel_bytes, workspace_) == known;
      result.spectrum.seconds = seconds_since(start);
      result.spectrum.team_size = team.comm().size();
      if (result.unchanged) return result;
    }
    result.spectrum = spectrum::compute_spectrum(matrix, source, team, options, workspace_);
    if (way.checked && needs_svd(matrix, result.spectrum, team)) {
      const double seconds = result.spectrum.seconds;
      options.method = Method::svd;
      options.products = Products::float64;
      result.spectrum = spectrum::compute_spectrum(matrix, source, team, options, workspace_);
      result.spectrum.seconds += seconds;
    }
    if (way.randomize > 0) randomise(result.spectrum, matrix, source, team, options, way);
    if (way.farms > 0) cut(result.spectrum, matrix, source, team, options, way);
    if (adapter_parts(matrix.tensor).base != nullptr && is_whole_tensor(matrix)) {
      compare_adapted(result.spectrum, matrix, team, options, way.compare);
    } else if (way.compare) {
      compare(result.spectrum, matrix, team, options);
    }
    if (team.comm().rank() == 0) {
      const auto start = std::chrono::steady_clock::now();
      result.row = fit::layer_row(matrix, result.spectrum, order_->fit);
      result.row.fit_seconds = seconds_since(start);
    }
    return result;
  }

private:
  /// True if a Gram spectrum does not hold the digits of compat mode. A matrix that cannot be read
  /// or has NaN is no better by SVD. Collective over the team, whose first rank has the values.
  bool needs_svd(const Matrix& matrix, const Spectrum& gram, spectrum::Team& team) const {
    if (gram.status == SpectrumStatus::not_computed) {
      return gram.exit_code == static_cast<int>(Blame::numerics);
    }
    if (gram.status != SpectrumStatus::ok) return false;
    bool enough = true;
    if (team.comm().rank() == 0) {
      try {
        enough = fit::why_not_by_gram(matrix, gram, order_->fit).empty();
      } catch (const std::exception&) {
        enough = false;  // the others wait; whatever it was, the SVD does not need the check
      }
    }
    return team.comm().minimum(std::int64_t{enough}) == 0;
  }

  /// Adds the metrics of the spectra with the elements in random order. Collective over the team.
  void randomise(Spectrum& own, const Matrix& matrix, CheckpointSource& source,
                 spectrum::Team& team, spectrum::SolveOptions options, const plan::Way& way) {
    const mpi::Comm& comm = team.comm();
    const bool positive = own.status == SpectrumStatus::ok && own.sum_squares > 0;
    if (comm.minimum(std::int64_t{positive}) == 0) return;
    options.resolve = false;  // small values do not matter, and both spectra need the same method
    options.method = own.method;
    options.by_view = true;
    PermutedSource permuted(source, matrix, order_->fit.seed, way.held);
    std::vector<std::vector<double>> sigma;
    TrapSearch traps({matrix, source, permuted, team, options, workspace_});
    for (std::int64_t k = 0; k < way.randomize; ++k) {
      permuted.choose(k);
      Spectrum one = spectrum::compute_spectrum(matrix, permuted, team, options, workspace_);
      own.seconds += one.seconds;
      std::string failure = one.reason;
      if (one.status == SpectrumStatus::ok && !keeps_sum(own, one, matrix)) {
        failure = "the squares of the elements add up to " + rounded(one.sum_squares, 17) +
                  ", in the original order to " + rounded(own.sum_squares, 17);
        one.exit_code = static_cast<int>(Blame::numerics);
      }
      if (!failure.empty()) {
        fail(own, "with its elements in random order: " + failure, one.exit_code);
        return;
      }
      if (!guarded(own, comm, "traps in random order", [&] { traps.add_order(k, one); })) return;
      sigma.push_back(std::move(one.sigma_by_view));
    }
    own.seconds += traps.seconds();
    if (comm.rank() != 0) return;
    own.traps = traps.take();
    own.weights.traps_left_out = traps.left_out();
    fit::measure_randomised(own.weights, matrix, own.sigma, sigma, permuted.view_means(),
                            order_->fit);
  }

  /// Adds alpha over windows of a fixed aspect ratio. Collective over the team.
  void cut(Spectrum& own, const Matrix& matrix, CheckpointSource& source, spectrum::Team& team,
           spectrum::SolveOptions options, const plan::Way& way) {
    const bool positive = own.status == SpectrumStatus::ok && own.sum_squares > 0;
    if (team.comm().minimum(std::int64_t{positive}) == 0) return;
    options.resolve = false;
    options.method = own.method;
    const fit::Windows windows = fit::fixed_aspect_windows(matrix, way.farms);
    WindowSource window_source(source, windows);
    const Spectrum all =
        spectrum::compute_spectrum(windows.shape, window_source, team, options, workspace_);
    own.seconds += all.seconds;
    if (all.status != SpectrumStatus::ok) {
      fail(own, "cut into windows: " + all.reason, all.exit_code);
    } else if (team.comm().rank() == 0) {
      fit::measure_farms(own.weights, windows, all.sigma, all.floor_sigma, order_->fit);
    }
  }

  /// Adds the comparison of W and W_base, if the matrix is W - W_base. Collective over the team.
  void compare(Spectrum& own, const Matrix& matrix, spectrum::Team& team,
               const spectrum::SolveOptions& options) {
    if (team.comm().minimum(std::int64_t{own.status == SpectrumStatus::ok}) == 0) return;
    const auto start = std::chrono::steady_clock::now();
    guarded(own, team.comm(), kCompared, [&] {
      const Tensor& tensor = matrix.tensor;
      // Only the first rank of the team has the values, and its row is the one that is kept.
      const double largest = own.sigma.empty() ? kNan : own.sigma.back();
      take_comparison(own,
                      compared(with_tensor(matrix, tensor.parts.at(0)),
                               with_tensor(matrix, tensor.parts.at(1)), team, options),
                      own.sum_squares, largest);
    });
    own.seconds += seconds_since(start);
  }

  /// Adds the measures of the adapter, if the matrix is W_base + s B A, and with `whole` the
  /// comparison of this sum and W_base. Collective over the team.
  void compare_adapted(Spectrum& own, const Matrix& matrix, spectrum::Team& team,
                       const spectrum::SolveOptions& options, bool whole) {
    if (team.comm().minimum(std::int64_t{own.status == SpectrumStatus::ok}) == 0) return;
    const auto start = std::chrono::steady_clock::now();
    guarded(own, team.comm(), kCompared, [&] {
      const AdapterParts parts = adapter_parts(matrix.tensor);
      const Matrix base = with_tensor(matrix, *parts.base);
      const spectrum::AdapterComparison a = measured(parts, matrix, base, team, options);
      const std::vector<double> ascending(a.sigma.rbegin(), a.sigma.rend());
      own.adapter.adapter_effective_rank = fit::adapter_effective_rank(ascending);
      own.adapter.adapter_frobenius = a.frobenius;
      own.adapter.adapter_spectral = a.spectral;
      own.adapter.adapter_alignment = a.alignment;
      WeightMeasures& m = own.weights;
      m.base_norm = a.base_sum_squares;
      m.tuned_norm = own.sum_squares;
      m.delta_frobenius = ratio_of_norms(a.change_sum_squares, m.base_norm);
      // The largest singular value of DoRA's change is not that of s B A, and is not computed.
      const double spectral = parts.rescaled ? kNan : a.spectral;
      if (whole) {
        take_comparison(own, compared(matrix, base, team, options), a.change_sum_squares, spectral);
      }
    });
    own.seconds += seconds_since(start);
  }

  /// Collective over the team.
  spectrum::AdapterComparison measured(const AdapterParts& parts, const Matrix& matrix,
                                       const Matrix& base, spectrum::Team& team,
                                       const spectrum::SolveOptions& options) {
    const Matrix left = factor_of(parts.product->parts[0]);
    const Matrix right = factor_of(parts.product->parts[1]);
    CheckpointSource left_source(*reader_, left);
    CheckpointSource right_source(*reader_, right);
    CheckpointSource base_source(*reader_, base);
    CheckpointSource tuned_source(*reader_, matrix);
    spectrum::AdaptedMatrix adapted{{&left, &left_source},
                                    {&right, &right_source},
                                    parts.product->factor,
                                    {&base, &base_source},
                                    {}};
    if (parts.rescaled) adapted.tuned = {&matrix, &tuned_source};
    return spectrum::compare_adapter(adapted, team, options, workspace_);
  }

  /// Collective over the team.
  spectrum::Comparison compared(const Matrix& tuned, const Matrix& base, spectrum::Team& team,
                                const spectrum::SolveOptions& options) {
    CheckpointSource tuned_source(*reader_, tuned);
    // The two are read at the same time, so each has its own open files.
    const auto base_reader = checkpoint::make_reader(order_->root, order_->files);
    CheckpointSource base_source(*base_reader, base);
    return spectrum::compare(tuned, tuned_source, base, base_source, team, options, workspace_);
  }

  /// Another tensor, seen as `matrix` sees its own.
  static Matrix with_tensor(const Matrix& matrix, const Tensor& tensor) {
    Matrix other = matrix;
    other.tensor = tensor;
    return other;
  }

  /// A factor of an adapter as a matrix.
  static Matrix factor_of(const Tensor& tensor) {
    Matrix matrix;
    matrix.tensor = tensor;
    matrix.rows = tensor.shape.at(0);
    matrix.cols = tensor.shape.at(1);
    matrix.views = {View{0, matrix.cols, 1}};
    return matrix;
  }

  /// @param squares   of the change, W - W_base
  /// @param spectral  its largest singular value
  static void take_comparison(Spectrum& own, const spectrum::Comparison& c, double squares,
                              double spectral) {
    WeightMeasures& m = own.weights;
    m.base_norm = c.base_sum_squares;
    m.tuned_norm = c.sum_squares;
    m.base_sv_max = c.base_sigma_max;
    m.tuned_sv_max = c.sigma_max;
    m.delta_frobenius = ratio_of_norms(squares, c.base_sum_squares);
    if (c.base_sum_squares > 0) m.delta_spectral = spectral / c.base_sigma_max;
    m.cka = c.cka;
    m.ww_cka = c.uncentred_root;
    m.num_top = c.num_vectors;
    m.top_overlap = c.overlap;
    m.top_angle = c.largest_angle;
    m.top_participation = c.participation;
    m.top_entropy = c.entropy;
    m.base_top_participation = c.base_participation;
    m.base_top_entropy = c.base_entropy;
    m.top_residual = c.residual;
    m.num_intruders = c.num_intruders;
  }

  /// Runs `body`, and turns the spectrum into a failed one if the matrix fails in it. Collective
  /// over the team.
  /// @param doing  what the failure is told with
  /// @return false if it failed
  template <class Body>
  static bool guarded(Spectrum& own, const mpi::Comm& team, const char* doing, Body&& body) {
    return mpi::guarded(team, body, [&](const std::exception& error) {
      fail(own, std::string(doing) + ": " + describe(error), static_cast<int>(blame_of(error)));
    });
  }

  /// Turns the spectrum into a failed one.
  static void fail(Spectrum& spectrum, const std::string& reason, int exit_code) {
    Spectrum failed;
    failed.method = spectrum.method;
    failed.team_size = spectrum.team_size;
    failed.seconds = spectrum.seconds;
    failed.reason = reason;
    failed.exit_code = exit_code;
    spectrum = std::move(failed);
  }

  /// True if the sums of squares agree, i.e. the same elements were read. The sums are compensated,
  /// so their order affects only the last bits.
  static bool keeps_sum(const Spectrum& own, const Spectrum& permuted, const Matrix& matrix) {
    const double bound = spectrum::sum_squares_bound(Precision::float64, matrix.rows, matrix.cols);
    return std::abs(permuted.sum_squares - own.sum_squares) <= bound * own.sum_squares;
  }

  const WorkOrder* order_;
  std::unique_ptr<checkpoint::ElementReader> reader_;
  spectrum::Workspace workspace_;
};

}  // namespace

void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams) {
  MatrixSolver solver(order);
  const auto team_of = [&](std::int64_t team) -> spectrum::Team& {
    return teams[static_cast<std::size_t>(team)];
  };
  follow_commands(control, {[&](std::int64_t item, std::int64_t team) {
                              return solver.solve(item, team_of(team));
                            },
                            [&](std::int64_t team) { return team_of(team).comm().rank() == 0; }});
}

}  // namespace wishart::job
