/// @file
/// Compares the paths of the engine with each other and with LAPACK: every solver, precision and
/// distribution.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "mpi/matrices.hpp"
#include "support/mpi_main.hpp"

using namespace wishart;
using namespace wishart::spectrum;
using wishart::test::ElementFunction;
using wishart::test::FunctionSource;
using wishart::test::matrix_of;
using wishart::test::noise;
using wishart::test::world;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();

Spectrum on_all(const Matrix& matrix, const ElementFunction& element, const SolveOptions& options) {
  FunctionSource source(element);
  Team team(world());
  Workspace workspace;
  return compute_spectrum(matrix, source, team, options, workspace);
}

/// LAPACK's GESDD on each rank by itself. Collective over the world.
std::vector<double> reference_values(const Matrix& matrix, const ElementFunction& element) {
  FunctionSource source(element);
  const mpi::Comm self = world().split(world().rank(), 0);
  Team team(self);
  Workspace workspace;
  SolveOptions options;
  options.method = Method::svd;
  return compute_spectrum(matrix, source, team, options, workspace).sigma;
}

/// Checks every value against the bound that the method states: for gram the error of an eigenvalue
/// is at most floor^2, so that of sigma is floor^2 / (sigma + sigma'); for the others it is c eps
/// sigma_max. c = 8 sqrt(long side): rounding errors of that many operations, of random sign.
void check_within_bound(const Spectrum& spectrum, const std::vector<double>& reference,
                        std::int64_t long_side) {
  if (world().rank() != 0) return;
  REQUIRE(spectrum.sigma.size() == reference.size());
  CHECK(std::is_sorted(spectrum.sigma.begin(), spectrum.sigma.end()));
  const double largest = reference.back();
  const double absolute = 8 * std::sqrt(static_cast<double>(long_side)) * kEps * largest;
  const double floor = relative_floor(spectrum.method, spectrum.precision, long_side) * largest;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double a = spectrum.sigma[i];
    const double b = reference[i];
    const double bound = spectrum.method == Method::gram && a + b > 0
                             ? std::min(floor, floor * floor / (a + b))
                             : absolute;
    CAPTURE(i, a, b, bound);
    CHECK(std::abs(a - b) <= bound + absolute);
  }
}

struct Way {
  const char* name;
  Method method;
  Solver solver = Solver::automatic;
  bool distributed = false;
  Precision precision = Precision::float64;
};

const std::vector<Way> kWays{
    {"gram", Method::gram},
    {"gram, local", Method::gram, Solver::local},
    {"gram, ScaLAPACK", Method::gram, Solver::scalapack},
    {"gram, ELPA", Method::gram, Solver::elpa},
    {"gram, distributed", Method::gram, Solver::scalapack, true},
    {"gram, distributed, ELPA", Method::gram, Solver::elpa, true},
    {"gram, float32", Method::gram, Solver::automatic, false, Precision::float32},
    {"qr", Method::qr},
    {"svd", Method::svd},
};

SolveOptions options_of(const Way& way) {
  SolveOptions options;
  options.method = way.method;
  options.solver = way.solver;
  options.distributed = way.distributed;
  options.precision = way.precision;
  return options;
}

std::vector<double> geometric(std::int64_t count, double condition) {
  std::vector<double> sigma(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    sigma[static_cast<std::size_t>(i)] =
        std::pow(condition, -static_cast<double>(i) / static_cast<double>(count - 1));
  }
  return sigma;
}

}  // namespace

TEST_CASE("20 random shapes agree with GESDD in every way", "[engine]") {
  // Tall, wide, square, one column, M = 1, and M that is not a multiple of any block size.
  std::vector<std::pair<std::int64_t, std::int64_t>> shapes{
      {1, 1}, {1, 77}, {500, 1}, {2, 2}, {128, 128}, {193, 193}, {300, 7}};
  for (std::int64_t i = 0; shapes.size() < 20; ++i) {
    const auto extent = [&](std::int64_t j) {
      return 1 + static_cast<std::int64_t>(std::abs(noise(i, j)) * (i % 4 == 0 ? 420 : 170));
    };
    shapes.emplace_back(extent(1), extent(2));
  }
  int compared = 0;
  for (const auto& [rows, cols] : shapes) {
    const Matrix matrix = matrix_of(rows, cols);
    const std::vector<double> reference = reference_values(matrix, noise);
    for (const Way& way : kWays) {
      SolveOptions options = options_of(way);
      options.panel_bytes = 20000;  // several panels, so that one is read while another is used
      options.block = 16;
      const Spectrum spectrum = on_all(matrix, noise, options);
      CAPTURE(way.name, rows, cols, spectrum.reason);
      REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
      CHECK(spectrum.method == way.method);
      CHECK(spectrum.precision == way.precision);
      check_within_bound(spectrum, reference, matrix.long_side());
      ++compared;
    }
  }
  CHECK(compared == 20 * std::ssize(kWays));
}

TEST_CASE("graded spectra: gram within its floor, qr and svd within eps sigma_max", "[engine]") {
  const double condition = GENERATE(1e2, 1e6, 1e10, 1e14);
  const test::Dense dense = test::with_values(120, 60, geometric(60, condition));
  std::vector<double> exact = geometric(60, condition);
  std::reverse(exact.begin(), exact.end());
  for (const Way& way : kWays) {
    const Spectrum spectrum = on_all(matrix_of(120, 60), dense.elements(), options_of(way));
    CAPTURE(way.name, condition);
    REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
    check_within_bound(spectrum, exact, 120);
    // The number below the floor must agree with the values themselves.
    const auto below = std::count_if(exact.begin(), exact.end(),
                                     [&](double value) { return value <= spectrum.floor_sigma; });
    CHECK(std::abs(spectrum.num_below_floor - below) <= 1);
  }
}

TEST_CASE("Kahan's and Hilbert's matrices keep their bounds", "[engine]") {
  // Kahan 1966: diag(s^i) times a unit upper triangle of -c; s^2 + c^2 = 1.
  const ElementFunction kahan = [](std::int64_t row, std::int64_t col) {
    const double s = std::sin(1.2);
    if (col < row) return 0.0;
    return std::pow(s, static_cast<double>(row)) * (row == col ? 1.0 : -std::cos(1.2));
  };
  const ElementFunction hilbert = [](std::int64_t row, std::int64_t col) {
    return 1.0 / static_cast<double>(row + col + 1);
  };
  for (const ElementFunction& element : {kahan, hilbert}) {
    const Matrix matrix = matrix_of(90, 90);
    const std::vector<double> reference = reference_values(matrix, element);
    for (const Way& way : kWays) {
      const Spectrum spectrum = on_all(matrix, element, options_of(way));
      CAPTURE(way.name);
      REQUIRE_ALL(spectrum.status == SpectrumStatus::ok);
      check_within_bound(spectrum, reference, 90);
    }
  }
}

TEST_CASE("matrices scaled by 2^400 and 2^-400 keep every digit", "[engine]") {
  for (const Way& way : kWays) {
    if (way.precision == Precision::float32) continue;  // float32 ends at 2^128
    const Spectrum one = on_all(matrix_of(90, 70), noise, options_of(way));
    for (const int exponent : {400, -400}) {
      const Spectrum scaled = on_all(
          matrix_of(90, 70),
          [&](std::int64_t row, std::int64_t col) {
            return std::scalbn(noise(row, col), exponent);
          },
          options_of(way));
      CAPTURE(way.name, exponent, scaled.reason);
      REQUIRE_ALL(scaled.status == SpectrumStatus::ok);
      if (world().rank() != 0) continue;
      for (std::size_t i = 0; i < one.sigma.size(); ++i) {
        const double expected = std::scalbn(one.sigma[i], exponent);
        CHECK(std::abs(scaled.sigma[i] - expected) <=
              64 * kEps * std::scalbn(one.sigma.back(), exponent));
      }
    }
  }
}

TEST_CASE("ELPA's absolute thresholds do not reach small elements", "[engine]") {
  if (world().size() == 1 || !have_elpa()) return;
  SolveOptions options;
  options.solver = Solver::elpa;
  options.block = 16;  // so that every row and column of the grid has a block
  const Spectrum one = on_all(matrix_of(90, 70), noise, options);
  for (const int exponent : {-20, -24, -27, -60, 60}) {
    const Spectrum scaled = on_all(
        matrix_of(90, 70),
        [&](std::int64_t row, std::int64_t col) { return std::scalbn(noise(row, col), exponent); },
        options);
    CAPTURE(exponent, scaled.reason);
    REQUIRE_ALL(scaled.status == SpectrumStatus::ok);
    CHECK(scaled.solver == "elpa-2stage");
    if (world().rank() != 0) continue;
    for (std::size_t i = 0; i < one.sigma.size(); ++i) {
      CHECK(scaled.sigma[i] == std::scalbn(one.sigma[i], exponent));
    }
  }
}

TEST_CASE("arrays beyond 32-bit indices are refused if a library would overflow", "[engine]") {
  // 46341 is the first M whose square exceeds 2^31. The test uses a smaller limit instead.
  struct Case {
    Way way;
    std::int64_t limit;
    std::string what;
  };
  const std::int64_t p = world().size();
  std::vector<Case> cases{{{"qr", Method::qr}, 40 * 40 - 1, "a triangular factor has 1600"}};
  if (p == 1) cases.push_back({{"svd", Method::svd}, 60 * 40 - 1, "the matrix has 2400"});
  if (p > 1) {
    cases.push_back({{"svd", Method::svd}, 3, "a rank's share has "});
    cases.push_back(
        {{"gram", Method::gram, Solver::scalapack}, 3, "a rank's share of the Gram matrix has "});
  }
  for (const Case& c : cases) {
    SolveOptions options = options_of(c.way);
    options.index_limit = c.limit;
    const Spectrum refused = on_all(matrix_of(60, 40), noise, options);
    CAPTURE(c.way.name);
    CHECK(refused.status == SpectrumStatus::not_computed);
    CHECK(refused.exit_code == 4);
    CHECK(refused.reason.find(c.what) == 0);
    CHECK(refused.reason.find("more than the solver's 32-bit indices allow (" +
                              std::to_string(c.limit) + ")") != std::string::npos);
    options.index_limit = 60 * 40;
    CHECK(on_all(matrix_of(60, 40), noise, options).status == SpectrumStatus::ok);
  }
  // The Gram route of one rank has no such array.
  SolveOptions gram;
  gram.solver = Solver::local;
  gram.index_limit = 1;
  CHECK(on_all(matrix_of(60, 40), noise, gram).status == SpectrumStatus::ok);
}

TEST_CASE("with resolve, qr takes over if the Gram matrix leaves much unresolved", "[engine]") {
  const test::Dense graded = test::with_values(120, 60, geometric(60, 1e12));
  SolveOptions options;
  CHECK(on_all(matrix_of(120, 60), graded.elements(), options).method == Method::gram);
  options.resolve = true;
  const Spectrum resolved = on_all(matrix_of(120, 60), graded.elements(), options);
  CHECK(resolved.method == Method::qr);
  CHECK(resolved.num_below_floor == 0);
  CHECK(on_all(matrix_of(120, 60), noise, options).method == Method::gram);
}

TEST_CASE("a source that fails at any panel fails the matrix and leaves no thread behind",
          "[engine]") {
  for (const Method method : {Method::gram, Method::qr}) {
    for (const std::int64_t bad_row : {0, 100, 399}) {
      std::atomic<int> inside{0};
      const auto element = [&](std::int64_t row, std::int64_t col) -> double {
        // Two threads in one source would be a bug: a reader has open files and buffers.
        const int others = inside++;
        if (others != 0) throw Error(Blame::bug, "two threads read one source");
        --inside;
        if (row == bad_row) throw Error(Blame::input, "model.safetensors: ends early");
        return noise(row, col);
      };
      SolveOptions options;
      options.method = method;
      options.panel_bytes = 1;  // 256 rows per panel
      const Spectrum failed = on_all(matrix_of(400, 20), element, options);
      CAPTURE(bad_row);
      CHECK(failed.status == SpectrumStatus::not_computed);
      CHECK(failed.reason == "model.safetensors: ends early");
    }
  }
}

TEST_CASE("a workspace is reused: the second matrix of a size allocates nothing", "[engine]") {
  FunctionSource source(noise);
  Team team(world());
  Workspace workspace;
  for (const Method method : {Method::gram, Method::qr}) {
    SolveOptions options;
    options.method = method;
    const Matrix matrix = matrix_of(700, 600);
    (void)compute_spectrum(matrix, source, team, options, workspace);
    (void)compute_spectrum(matrix, source, team, options, workspace);
    const std::int64_t settled = workspace.capacity_bytes();
    const Spectrum first = compute_spectrum(matrix, source, team, options, workspace);
    (void)compute_spectrum(matrix_of(50, 40), source, team, options, workspace);
    const Spectrum again = compute_spectrum(matrix, source, team, options, workspace);
    CHECK(workspace.capacity_bytes() == settled);
    CHECK((first.sigma == again.sigma));  // the same plan, the same bits
  }
  workspace.reset();
  const std::span<double> a = workspace.take<double>(3);
  const std::span<float> b = workspace.take<float>(5);
  CHECK(reinterpret_cast<std::uintptr_t>(a.data()) % 64 == 0);
  CHECK(reinterpret_cast<std::byte*>(b.data()) >= reinterpret_cast<std::byte*>(a.data() + 3));
}
