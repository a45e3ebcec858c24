/// @file
/// The archives of each schema version that are kept in tests/data, and the sample that h5py reads.
///
/// The kept file proves that later programs read what the first one wrote, so it is made once per
/// schema version and never again:
///     WISHART_WRITE_TO=tests/data build/tests/unit/archive/unit_archive "[.write-kept]"
/// writes archive-v<schema version>.h5.

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"

#include "sample_record.hpp"
#include "support/places.hpp"

using namespace wishart;
using namespace wishart::archive;

namespace {

std::filesystem::path target_folder() {
  const char* value = std::getenv("WISHART_WRITE_TO");  // NOLINT(concurrency-mt-unsafe)
  REQUIRE(value != nullptr);
  prepare_folder(value);
  return value;
}

/// As before version 3, whose sample names no base in its options.
void without_analysis(Provenance& provenance) {
  provenance.analysis = AnalysisKind::weights;
  provenance.base_path.clear();
  provenance.base_identity.clear();
}

/// The columns of fit version 5 as a reader leaves them that does not find them.
void without_shape(LayerRow& row) {
  row.effective_rank = row.participation_ratio = row.nuclear_norm = row.snr = kNan;
  row.rank_90 = row.rank_95 = row.rank_99 = -1;
  row.weights.num_intruders = -1;
  row.adapter = {};
  const LayerRow unset;
  row.products = unset.products;
  row.integer_bits = unset.integer_bits;
  row.integer_moduli = unset.integer_moduli;
  row.integer_panels = unset.integer_panels;
  row.float64_panels = unset.float64_panels;
  row.elements_apart = unset.elements_apart;
  row.weights.traps_left_out = -1;
}

}  // namespace

TEST_CASE("writes the sample that h5py reads", "[.write-sample]") {
  CHECK(write_archive(target_folder(), test::sample_record(5)).filename() == "sample.h5");
}

TEST_CASE("writes the archive that is kept for later programs", "[.write-kept]") {
  const std::string id = "archive-v" + std::to_string(kSchemaVersion);
  CHECK(write_archive(target_folder(), test::sample_record(5, id)).stem() == id);
}

TEST_CASE("an archive of schema version 1 is still read", "[archive]") {
  const CheckpointRecord read = read_archive(wishart::test::data_file("archive-v1.h5"));
  CheckpointRecord expected = test::sample_record(5, "archive-v1");
  without_analysis(expected.provenance);
  // The version knew neither, nor columns after `seconds`: they have their defaults.
  expected.provenance.fit_options.clear();
  expected.provenance.fit_version = 1;
  CHECK(test::difference(read.provenance, expected.provenance) == "");
  CHECK(std::isnan(read.layers[2].D_ks));
  CHECK(read.layers[2].num_spikes == -1);
  CHECK(read.layers[2].best_law.empty());
  REQUIRE(read.layers.size() == 5);
  CHECK(read.layers[0].longname == expected.layers[0].longname);
  CHECK(read.layers[2].layer_id == 2001);
  CHECK(read.layers[2].name == "name.2002");
  CHECK(read.layers[2].D == 2.0 + 0.1 * 3.0);
  CHECK(read.layers[2].has_esd == expected.layers[2].has_esd);
  CHECK(read.layers[3].has_esd == expected.layers[3].has_esd);
  CHECK(read.layers[2].weights.traps_left_out == -1);
  CHECK(read.traps.empty());
  REQUIRE(read.files.size() == 2);
  CHECK(read.files[1].size_bytes == 1002);
  REQUIRE(read.skipped.size() == 3);
  CHECK(read.skipped[2].tensor == "tensor.2001");
  REQUIRE(read.summary.size() == 4);
  CHECK(read.summary[3].group_by == "group_by.3001");
  REQUIRE(read.spectra.size() == 5);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(test::difference(read.spectra[i], expected.spectra[i]) == "");
}

TEST_CASE("an archive of schema version 2 is still read", "[archive]") {
  const CheckpointRecord read = read_archive(wishart::test::data_file("archive-v2.h5"));
  CheckpointRecord expected = test::sample_record(5, "archive-v2");
  without_analysis(expected.provenance);
  // Columns that came later have their defaults, the table of traps is not there.
  expected.traps.clear();
  for (LayerRow& row : expected.layers) {
    row.gof_p_half = kNan;
    without_shape(row);
  }
  CHECK(test::difference(read, expected) == "");
}

TEST_CASE("an archive of schema version 3 is still read", "[archive]") {
  const CheckpointRecord read = read_archive(wishart::test::data_file("archive-v3.h5"));
  CheckpointRecord expected = test::sample_record(5, "archive-v3");
  expected.traps.clear();
  for (LayerRow& row : expected.layers) without_shape(row);
  CHECK(is_whole(expected.provenance.analysis) == false);
  CHECK(test::difference(read, expected) == "");
}
