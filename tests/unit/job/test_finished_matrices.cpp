/// @file
/// Results in the order of the matrices, whatever the order in which they come.

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"

#include "scan/work/finished_matrices.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

void keep(FinishedMatrices& finished, std::int64_t index, const std::string& name, double sigma) {
  Spectrum spectrum;
  spectrum.sigma = {sigma};
  spectrum.traps.resize(2);
  LayerRow row;
  row.key = name;
  finished.keep(index, std::move(spectrum), std::move(row));
}

}  // namespace

TEST_CASE("results are in the order of the matrices, a later one in place of an earlier one",
          "[finished]") {
  FinishedMatrices finished(2);
  keep(finished, 1, "b", 2);
  CHECK(finished.contains(1));
  CHECK_FALSE(finished.contains(0));
  CHECK(finished.size() == 1);
  CheckpointRecord record;
  CHECK_THROWS_AS(finished.move_to(record), Error);
  keep(finished, 1, "b", 3);
  keep(finished, 0, "a", 1);
  CHECK(finished.size() == 2);
  finished.move_to(record);
  REQUIRE(record.layers.size() == 2);
  CHECK(record.layers[0].key == "a");
  CHECK(record.layers[1].layer_id == 1);
  CHECK(record.spectra[1].sigma == std::vector<double>{3});
  REQUIRE(record.traps.size() == 4);
  CHECK(record.traps[1].key == "a");
  CHECK(record.traps[2].layer_id == 1);
  CHECK(finished.size() == 0);
}
