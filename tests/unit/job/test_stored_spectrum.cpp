/// @file
/// What the archive keeps of a spectrum is enough to make its row again.

#include <catch2/catch.hpp>

#include "wishart/core/pack.hpp"
#include "wishart/fit/metrics.hpp"

#include "samples.hpp"
#include "scan/archived/stored_spectrum.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

Matrix matrix_of(std::int64_t rows, std::int64_t cols) {
  Matrix matrix;
  matrix.key = "a.weight";
  matrix.tensor.name = "a.weight";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = {{0, cols, 1}};
  return matrix;
}

}  // namespace

TEST_CASE("the row of a spectrum that comes from the archive is the one archived", "[job]") {
  const Matrix matrix = matrix_of(40, 30);
  int compared = 0;
  for (const bool weightwatcher : {false, true}) {
    for (const Method method : {Method::gram, Method::qr, Method::svd}) {
      for (Spectrum spectrum : {good_spectrum(matrix), nonfinite_spectrum(),
                                failed_spectrum(Blame::numerics, "it did not converge"),
                                failed_spectrum(Blame::resource, "out of memory")}) {
        spectrum.method = method;
        const fit::FitOptions options{weightwatcher, 1e-6};
        const LayerRow row = fit::layer_row(matrix, spectrum, options);
        CHECK(row.exit_code == spectrum.exit_code);
        CHECK(is_lasting(row) == is_lasting(spectrum));
        const bool ok = spectrum.status == SpectrumStatus::ok;
        const Spectrum original = spectrum;
        Spectrum back = restored(row, stored(std::move(spectrum)), {});
        CHECK(packed(fit::layer_row(matrix, back, options)) == packed(row));
        if (ok) CHECK(packed(back) == packed(original));
        ++compared;
      }
    }
  }
  CHECK(compared == 24);
}

TEST_CASE("the traps of a layer come back from the table of all", "[job]") {
  const Matrix matrix = matrix_of(40, 30);
  const LayerRow row = fit::layer_row(matrix, good_spectrum(matrix), {});
  std::vector<TrapRow> all;
  for (const std::int64_t layer : {0, 2, 3}) {
    LayerRow named = row;
    named.layer_id = layer;
    named.key = "layer " + std::to_string(layer);
    std::vector<TrapRow> two(2);
    two[0].trap_q = 0.5;
    two[1].trap_index = layer;
    for (TrapRow& trap : trap_rows_of(named, two)) {
      CHECK(trap.key == named.key);
      CHECK(trap.name == row.name);
      all.push_back(trap);
    }
  }
  for (const std::int64_t layer : {0, 1, 2, 3, 4}) {
    LayerRow asked = row;
    asked.layer_id = layer;
    Spectrum spectrum = good_spectrum(matrix);
    const Spectrum back = restored(asked, stored(std::move(spectrum)), all);
    CAPTURE(layer);
    const bool there = layer != 1 && layer != 4;
    REQUIRE(back.traps.size() == (there ? 2 : 0));
    if (!there) continue;
    CHECK(back.traps[0].trap_q == 0.5);
    CHECK(back.traps[1].trap_index == layer);
    CHECK(back.traps[1].key == "layer " + std::to_string(layer));
  }
}

TEST_CASE("what fails for want of something is not lasting, what fails for its numbers is",
          "[job]") {
  CHECK(is_lasting(nonfinite_spectrum()));
  CHECK(is_lasting(failed_spectrum(Blame::numerics, "it did not converge")));
  CHECK_FALSE(is_lasting(failed_spectrum(Blame::resource, "out of memory")));
  CHECK_FALSE(is_lasting(failed_spectrum(Blame::input, "cut short")));
  CHECK_FALSE(is_lasting(
      failed_spectrum(Blame::bug, "the elements of a matrix were not all read exactly once")));
}
