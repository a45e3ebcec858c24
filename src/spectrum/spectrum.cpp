#include "wishart/spectrum/spectrum.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <string>
#include <string_view>

#include "wishart/core/error.hpp"
#include "wishart/core/loaded_function.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/mpi/together.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"
#include "integer/values.hpp"
#include "view_values.hpp"

namespace wishart::spectrum {
namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

double epsilon_of(Precision precision) noexcept {
  return precision == Precision::float64
             ? kEps
             : static_cast<double>(std::numeric_limits<float>::epsilon());
}

ViewValues view_values(const ViewTask& task, Team& team, const SolveOptions& options, Tally& tally,
                       Workspace& workspace) {
  const bool alone = team.comm().size() == 1;
  workspace.reset();
  switch (options.method) {
    case Method::qr:
      return qr_values(task, team, options, tally, workspace);
    case Method::svd:
      return alone ? local_svd_values(task, options, tally, workspace)
                   : team_svd_values(task, team, options, tally);
    case Method::gram:
      break;
  }
  return alone ? local_gram_values(task, options, tally, workspace)
               : team_gram_values(task, team, options, tally, workspace);
}

/// Adds how the products of a view were formed on this rank.
void add_products(ProductRecord& sum, const ProductRecord& view) {
  sum.products = view.products;
  sum.bits = view.bits;
  sum.bytes = view.bytes;
  sum.panels += view.panels;
  sum.float64_panels += view.float64_panels;
  sum.apart += view.apart;
}

/// The counts of all ranks of the team. Integers that no rank has used are not told.
void combine(ProductRecord& products, const mpi::Comm& team) {
  std::array<std::int64_t, 3> counts{products.panels, products.float64_panels, products.apart};
  if (team.size() > 1) team.sum(std::span<std::int64_t>(counts));
  products.panels = counts[0];
  products.float64_panels = counts[1];
  products.apart = counts[2];
  if (products.panels > 0) return;
  products.products = Products::float64;
  products.bits = 0;
  products.bytes = 0;
}

/// Records the data of a view and appends its values to the others.
void append_view(Spectrum& spectrum, const ViewValues& values, double relative, std::int64_t n) {
  if (values.sigma.empty()) return;
  const double largest = values.sigma.back();
  const double floor = largest * relative;
  const double rank_tolerance = largest * static_cast<double>(n) * kEps;
  const auto count_up_to = [&](double limit) {
    return std::upper_bound(values.sigma.begin(), values.sigma.end(), limit) - values.sigma.begin();
  };
  spectrum.view_sigma_min.push_back(values.sigma.front());
  spectrum.view_sigma_max.push_back(largest);
  spectrum.view_rank_loss.push_back(count_up_to(rank_tolerance));
  spectrum.floor_sigma = std::max(spectrum.floor_sigma, floor);
  spectrum.num_below_floor += count_up_to(floor);
  spectrum.sigma.insert(spectrum.sigma.end(), values.sigma.begin(), values.sigma.end());
  spectrum.solver = values.solver;
}

/// Checks the identity that every spectrum has to satisfy: sum sigma^2 = sum of squared elements.
void check_sum_of_squares(Spectrum& spectrum, const Matrix& matrix) {
  long double sum = 0;
  for (const double value : spectrum.sigma) sum += static_cast<long double>(value) * value;
  const double difference = std::abs(static_cast<double>(sum - spectrum.sum_squares));
  spectrum.sum_squares_error = difference == 0 ? 0 : difference / spectrum.sum_squares;
  const double bound = sum_squares_bound(spectrum.precision, matrix.rows, matrix.cols);
  // Written so that a NaN fails the check.
  if (!(spectrum.sum_squares_error <= bound)) {
    throw Error(Blame::numerics,
                printable(matrix.key) + ": the squared singular values add up to " +
                    rounded(static_cast<double>(sum), 17) + ", the squared elements to " +
                    rounded(spectrum.sum_squares, 17) + "; the relative difference " +
                    rounded(spectrum.sum_squares_error, 3) + " exceeds " + rounded(bound, 3));
  }
}

/// @returns false on every rank of the team if the matrix needs float64 products
bool fill_spectrum(Spectrum& spectrum, const Matrix& matrix, ElementSource& source, Team& team,
                   const SolveOptions& options, Workspace& workspace) {
  Tally tally;
  const double relative = relative_floor(options.method, spectrum.precision, matrix.long_side());
  bool finite = true;
  for (std::int64_t view = 0; view < matrix.num_views(); ++view) {
    tally.begin_view();
    const ViewValues values =
        view_values({&matrix, &source, view}, team, options, tally, workspace);
    if (values.needs_float64) return false;
    finite = finite && !values.sigma.empty();
    add_products(spectrum.products, values.products);
    append_view(spectrum, values, relative, matrix.long_side());
  }
  tally.combine(team.comm());
  combine(spectrum.products, team.comm());
  require(tally.num_elements() == matrix.num_views() * matrix.rows * matrix.cols,
          "the elements of a matrix were not all read exactly once");
  spectrum.sum_squares = tally.sum_squares();
  spectrum.num_nan = tally.num_nan();
  spectrum.num_inf = tally.num_inf();
  spectrum.hash = tally.hash().hex();
  if (!finite) {
    spectrum.status = SpectrumStatus::nonfinite;
    spectrum.reason = std::to_string(spectrum.num_nan) + " NaN and " +
                      std::to_string(spectrum.num_inf) + " infinite elements of " +
                      std::to_string(tally.num_elements());
    spectrum.exit_code = static_cast<int>(Blame::numerics);
    return true;
  }
  if (options.by_view) spectrum.sigma_by_view = spectrum.sigma;
  std::sort(spectrum.sigma.begin(), spectrum.sigma.end());
  check_sum_of_squares(spectrum, matrix);
  spectrum.status = SpectrumStatus::ok;
  return true;
}

/// Drops values that must not be used as results.
void drop_values(Spectrum& spectrum) {
  spectrum.sigma.clear();
  spectrum.sigma_by_view.clear();
  spectrum.view_sigma_min.clear();
  spectrum.view_sigma_max.clear();
  spectrum.view_rank_loss.clear();
  spectrum.floor_sigma = 0;
  spectrum.num_below_floor = 0;
}

/// Computes the spectrum with one method. Collective over the team.
Spectrum solved(const Matrix& matrix, ElementSource& source, Team& team,
                const SolveOptions& options, Workspace& workspace) {
  Spectrum spectrum;
  spectrum.method = options.method;
  if (options.method == Method::gram) spectrum.precision = options.precision;
  spectrum.team_size = team.comm().size();
  bool needs_float64 = false;
  mpi::guarded(
      team.comm(),
      [&] { needs_float64 = !fill_spectrum(spectrum, matrix, source, team, options, workspace); },
      [&](const std::exception& error) {
        spectrum.status = SpectrumStatus::not_computed;
        spectrum.reason = describe(error);
        spectrum.exit_code = static_cast<int>(blame_of(error));
      });
  if (needs_float64) {
    SolveOptions doubles = options;
    doubles.products = Products::float64;
    return solved(matrix, source, team, doubles, workspace);
  }
  if (spectrum.status != SpectrumStatus::ok) drop_values(spectrum);
  return spectrum;
}

bool leaves_unresolved(const Spectrum& spectrum) {
  return spectrum.status == SpectrumStatus::ok &&
         static_cast<double>(spectrum.num_below_floor) >
             kResolveShare * static_cast<double>(spectrum.sigma.size());
}

/// True if OpenBLAS has chosen kernels for x86-64 with AVX2 and no more: those for Zen or Haswell.
bool blas_has_avx2_only() noexcept {
  auto* name = loaded_function<const char*()>("openblas_get_corename");
  if (name == nullptr) return false;
  const std::string_view kernels = name();
  return kernels == "Zen" || kernels == "Haswell" || kernels == "ZEN" || kernels == "HASWELL";
}

}  // namespace

const ProcessGrid& Team::grid() {
  if (!grid_) grid_ = std::make_unique<ProcessGrid>(*comm_);
  return *grid_;
}

Spectrum compute_spectrum(const Matrix& matrix, ElementSource& source, Team& team,
                          const SolveOptions& options, Workspace& workspace) {
  const auto start = std::chrono::steady_clock::now();
  Spectrum spectrum = solved(matrix, source, team, options, workspace);
  // Every rank of the team sees the same values and makes the same decision.
  if (options.resolve && options.method == Method::gram && leaves_unresolved(spectrum)) {
    SolveOptions again = options;
    again.method = Method::qr;
    spectrum = solved(matrix, source, team, again, workspace);
  }
  if (team.comm().rank() != 0) {
    spectrum.sigma.clear();
    spectrum.sigma_by_view.clear();
  }
  spectrum.seconds = seconds_since(start);
  return spectrum;
}

double relative_floor(Method method, Precision precision, std::int64_t long_side) noexcept {
  const auto n = static_cast<double>(long_side);
  const double eps = epsilon_of(precision);
  return method == Method::gram ? std::sqrt(8 * std::sqrt(n) * eps) : n * kEps;
}

double sum_squares_bound(Precision precision, std::int64_t rows, std::int64_t cols) noexcept {
  return 64 * std::sqrt(static_cast<double>(rows + cols)) * epsilon_of(precision);
}

std::int64_t paying_bytes() noexcept {
  // As measured (docs/performance.md, "Integer products"): eight residues beside DSYRK with kernels
  // for AVX2, five values beside those for AVX-512.
  if (blas_threads() > 1) return 0;
  switch (byte_unit()) {
    case ByteUnit::tiles:
      return kMostModuli;
    case ByteUnit::vectors:
      return blas_has_avx2_only() ? kMostModuli : kValues;
    case ByteUnit::none:
      break;
  }
  return 0;
}

bool set_blas_threads(int threads) noexcept {
  bool known = false;
  const auto set = [&]<class Count>(const char* name, Count count) {
    auto* function = loaded_function<void(Count)>(name);
    if (function == nullptr) return false;
    function(count);
    return true;
  };
  // OpenMP first: it speaks for every library that uses it, and each library's own call follows.
  known = set("omp_set_num_threads", threads) || known;
  known = set("openblas_set_num_threads", threads) || known;
  known = set("bli_thread_set_num_threads", std::int64_t{threads}) || known;
  known = set("MKL_Set_Num_Threads", threads) || known;
  return known;
}

std::int64_t blas_threads() noexcept {
  if (auto* of_openblas = loaded_function<int()>("openblas_get_num_threads")) return of_openblas();
  if (auto* of_mkl = loaded_function<int()>("MKL_Get_Max_Threads")) return of_mkl();
  // BLIS says -1 as long as nobody has set a number.
  if (auto* of_blis = loaded_function<std::int64_t()>("bli_thread_get_num_threads")) {
    return std::max<std::int64_t>(of_blis(), 0);
  }
  return 0;
}

void eigenvalues_to_sigma(std::vector<double>& values) {
  for (double& value : values) value = std::sqrt(std::max(value, 0.0));
}

int workspace_length(double value, std::int64_t least, const char* routine) {
  const double stepped = std::ceil(std::nextafter(value, std::numeric_limits<double>::infinity()));
  const std::string what = std::string("workspace of ") + routine;
  if (!(stepped < 9.0e15))
    throw Error(Blame::resource, what + ": the requested size is not a number");
  return narrow<int>(std::max(static_cast<std::int64_t>(stepped), least), what.c_str());
}

void check_index(std::int64_t elements, const SolveOptions& options, const char* what) {
  if (elements <= options.index_limit) return;
  throw Error(Blame::resource, std::string(what) + " has " + std::to_string(elements) +
                                   " elements, more than the solver's 32-bit indices allow (" +
                                   std::to_string(options.index_limit) +
                                   "). Use more ranks for this matrix, or --method gram");
}

void check_info(int info, const char* routine) {
  if (info == 0) return;
  const std::string text = std::string(routine) + " returned info = " + std::to_string(info);
  if (info < 0) throw Error(Blame::bug, text + ": an invalid argument. This is a bug in wishart");
  throw Error(Blame::numerics, text + ": it did not converge");
}

}  // namespace wishart::spectrum
