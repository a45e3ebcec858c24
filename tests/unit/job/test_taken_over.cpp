/// @file
/// Which matrices of a checkpoint are computed, given what the archive and the journal hold.

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/fit/metrics.hpp"

#include "samples.hpp"
#include "scan/archived/earlier_checkpoint.hpp"
#include "scan/work/checkpoint_job.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

using Keys = std::vector<std::string>;

/// A model of four matrices, and what a scan of it would do.
struct Scene {
  TempFolder temp;
  ScanOptions options;

  Scene() {
    std::vector<TensorToWrite> tensors;
    for (const char* name : {"a", "b", "c", "d"}) {
      tensors.push_back({name, {20, 16}, std::vector<float>(320, 1)});
    }
    write_bytes(temp / "m/model.safetensors", safetensors_bytes(tensors));
    options.archive = temp / "archive";
    archive::prepare_folder(options.archive);
  }

  [[nodiscard]] std::filesystem::path file() const { return temp / "archive/m.h5"; }
  [[nodiscard]] CheckpointJob job() const { return {temp / "m", options, Layout{}}; }
  [[nodiscard]] Keys todo() const {
    CheckpointJob fresh = job();
    Keys keys;
    for (const Matrix& matrix : fresh.work_order().matrices) keys.push_back(matrix.key);
    std::sort(keys.begin(), keys.end());
    return keys;
  }
};

Result result_of(std::int64_t item, const Matrix& matrix, Spectrum&& spectrum) {
  Result result;
  result.item = item;
  result.row = fit::layer_row(matrix, spectrum, fit::FitOptions{});
  result.spectrum = std::move(spectrum);
  return result;
}

/// Gives `job` what `spectra` says for its matrices, else a good spectrum; at most `most` of them.
void compute(CheckpointJob& job, std::map<std::string, Spectrum> spectra, int most = 100) {
  const WorkOrder order = job.work_order();
  for (std::size_t i = 0; i < order.matrices.size() && most > 0; ++i, --most) {
    const Matrix& matrix = order.matrices[i];
    const auto found = spectra.find(matrix.key);
    job.take({result_of(static_cast<std::int64_t>(i), matrix,
                        found == spectra.end() ? good_spectrum(matrix) : Spectrum(found->second))});
  }
}

/// What the first night leaves: `a` is good, `b` has NaN, `c` did not converge, `d` found no
/// memory.
void first_night(const Scene& scene) {
  CheckpointJob job = scene.job();
  compute(job, {{"b", nonfinite_spectrum()},
                {"c", failed_spectrum(Blame::numerics, "it did not converge")},
                {"d", failed_spectrum(Blame::resource, "out of memory")}});
  job.finish();
  CHECK(job.ending().exit_code() == 4);
}

/// Changes what is archived.
template <class Change>
void edit(const Scene& scene, Change change) {
  CheckpointRecord record = archive::read_archive(scene.file());
  change(record);
  archive::write_archive(scene.options.archive, record);
}

}  // namespace

TEST_CASE("only matrices that failed for want of something are computed again", "[job]") {
  const Scene scene;
  CHECK(scene.todo() == Keys{"a", "b", "c", "d"});
  first_night(scene);
  const CheckpointRecord first = archive::read_archive(scene.file());

  CHECK(scene.todo() == Keys{"d"});
  CheckpointJob second = scene.job();
  CHECK_FALSE(second.work_order().nothing_to_do);
  CHECK(second.warnings() == Keys{"m: 3 of 4 matrices are kept from " + scene.file().string() +
                                  ", the others had failed and are computed again"});
  compute(second, {});
  second.finish();
  CHECK(second.ending().exit_code() == 5);

  const CheckpointRecord record = archive::read_archive(scene.file());
  CHECK(record.provenance.restarts == 1);
  CHECK(record.provenance.seconds >= first.provenance.seconds);
  REQUIRE(record.layers.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) {
    LayerRow row = record.layers[i];
    LayerRow before = first.layers[i];
    CHECK(packed(row) == packed(before));
    CHECK(record.spectra[i].sigma == first.spectra[i].sigma);
    CHECK(record.spectra[i].view_sigma_max == first.spectra[i].view_sigma_max);
  }
  CHECK(record.layers[3].status != "error");
  CHECK(record.spectra[3].sigma.size() == 16);

  const CheckpointJob third = scene.job();
  CHECK(third.work_order().nothing_to_do);
  CHECK(third.ending().exit_code() == 5);
  CHECK(third.closing_text() == "m: already in " + scene.file().string() + ", nothing to do\n");
}

TEST_CASE("what fails again stays failed, and is tried a third time", "[job]") {
  const Scene scene;
  first_night(scene);
  CheckpointJob second = scene.job();
  compute(second, {{"d", failed_spectrum(Blame::input, "cut short")}});
  second.finish();
  CHECK(second.ending().exit_code() == 3);
  CHECK(scene.todo() == Keys{"d"});
}

TEST_CASE("a run that computes the failed ones again can be stopped and goes on", "[job]") {
  const Scene scene;
  {
    CheckpointJob job = scene.job();
    compute(job, {{"b", failed_spectrum(Blame::resource, "out of memory")},
                  {"d", failed_spectrum(Blame::resource, "out of memory")}});
    job.finish();
  }
  CHECK(scene.todo() == Keys{"b", "d"});
  {
    CheckpointJob job = scene.job();
    compute(job, {}, 1);
    job.flush(true);
  }
  CHECK(scene.todo().size() == 1);
  CheckpointJob job = scene.job();
  CHECK(job.warnings().back() == "m: resuming from the journal, 3 of 4 matrices are done");
  compute(job, {});
  job.finish();
  CHECK(scene.job().work_order().nothing_to_do);
  CHECK(archive::read_archive(scene.file()).provenance.restarts == 2);
}

TEST_CASE("all is computed again by another program, with other options or for other weights",
          "[job]") {
  const Keys all{"a", "b", "c", "d"};
  Scene scene;
  first_night(scene);
  const CheckpointRecord record = archive::read_archive(scene.file());
  edit(scene, [](CheckpointRecord& r) { r.provenance.program_commit = "another"; });
  CHECK(scene.todo() == all);
  edit(scene, [&](CheckpointRecord& r) {
    r.provenance = record.provenance;
    r.provenance.program_version = "0.0.0";
  });
  CHECK(scene.todo() == all);
  edit(scene, [&](CheckpointRecord& r) { r.provenance = record.provenance; });
  CHECK(scene.todo() == Keys{"d"});
  scene.options.selection.min_evals = 5;
  scene.options.replace = true;
  CHECK(scene.todo() == all);
  scene.options.selection.min_evals = SelectionArguments{}.min_evals;
  scene.options.replace = false;
  edit(scene, [](CheckpointRecord& r) { r.provenance.checkpoint_identity = "other weights"; });
  CHECK(scene.todo() == all);
}

TEST_CASE("an archive without exit codes: what failed is tried again", "[job]") {
  const Scene scene;
  first_night(scene);
  edit(scene, [](CheckpointRecord& r) {
    for (LayerRow& row : r.layers) row.exit_code = 0;
  });
  CHECK(scene.todo() == Keys{"c", "d"});
  edit(scene, [](CheckpointRecord& r) {
    r.layers.resize(2);
    r.spectra.resize(2);
  });
  CHECK(scene.job().work_order().nothing_to_do);
  CHECK(scene.job().ending().exit_code() == 5);  // by the status `nonfinite`
}

TEST_CASE("an archive folder that vanishes during the run is named at the end", "[job]") {
  const Scene scene;
  CheckpointJob job = scene.job();
  compute(job, {});
  std::filesystem::remove_all(scene.options.archive);
  try {
    job.finish();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::resource);
    CHECK(error.what() == scene.options.archive.string() +
                              ": the archive folder is gone, and the journal with it. Run the same "
                              "command again");
  }
}

TEST_CASE("the checkpoint before in a history serves without a list of the archive", "[job]") {
  const Scene scene;
  {
    CheckpointJob job = scene.job();
    compute(job, {});
    job.finish();
  }
  CheckpointRecord record = archive::read_archive(scene.file());
  const std::string base_identity = record.provenance.checkpoint_identity;
  for (const char* id : {"step_1", "step_2"}) {
    record.provenance.checkpoint_id = record.provenance.checkpoint_identity = id;
    record.provenance.checkpoint_path = (scene.temp / "run" / id).string();
    archive::write_archive(scene.options.archive, record);
  }
  Provenance own = record.provenance;
  own.checkpoint_id = "step_3";
  own.checkpoint_path = (scene.temp / "run/step_3").string();
  const auto chosen = [&](const std::string& before) {
    const auto earlier = find_earlier(scene.options.archive, own, before);
    return earlier ? earlier->provenance().checkpoint_id : "none";
  };
  CHECK(chosen("") == "step_2");
  CHECK(chosen("step_1") == "step_1");
  CHECK(chosen("step_0") == "step_2");  // it is not there
  // Of an adapter on its base, the base comes first.
  own.analysis = AnalysisKind::adapter_on_base;
  own.base_path = (scene.temp / "m").string();
  own.base_identity = base_identity;
  CHECK(chosen("step_1") == "m");
}

TEST_CASE("a matrix that is taken over keeps its own names and place", "[job]") {
  const Scene scene;
  {
    CheckpointJob job = scene.job();
    compute(job, {});
    job.finish();
  }
  const CheckpointRecord own = archive::read_archive(scene.file());
  edit(scene, [](CheckpointRecord& record) {
    LayerRow& row = record.layers.front();
    row.aliases = "head.weight";
    row.role = "head";
    row.stack = "model";
    row.block = 4;
    row.expert = 5;
    row.fit_seconds = 100;
    record.layers[1].adapter.adapter_rank = 8;  // what is said of it is not true without
  });
  std::filesystem::copy(scene.temp / "m", scene.temp / "n");
  CheckpointJob job(scene.temp / "n", scene.options, Layout{});
  const WorkOrder order = job.work_order();
  REQUIRE(order.matrices.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(order.matrices[i].key);
    const bool known = order.matrices[i].key != "b";
    CHECK(order.known_hashes[i].empty() != known);
    const auto item = static_cast<std::int64_t>(i);
    if (!known) {
      job.take({result_of(item, order.matrices[i], good_spectrum(order.matrices[i]))});
      continue;
    }
    Result unchanged;
    unchanged.item = item;
    unchanged.unchanged = true;
    unchanged.spectrum.seconds = 0.5;
    job.take({std::move(unchanged)});
  }
  job.finish();
  const CheckpointRecord record = archive::read_archive(scene.temp / "archive/n.h5");
  for (std::size_t i = 0; i < 4; ++i) {
    LayerRow row = record.layers[i];
    LayerRow expected = own.layers[i];
    CHECK(row.same_as == (row.key == "b" ? "" : "m"));
    expected.same_as = row.same_as;
    expected.seconds = row.seconds;
    expected.fit_seconds = row.fit_seconds;
    expected.predicted_seconds = row.predicted_seconds;
    CHECK(packed(row) == packed(expected));
  }
  CHECK(std::isnan(record.layers[0].fit_seconds));
}
