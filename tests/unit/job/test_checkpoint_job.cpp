/// @file
/// Rank 0's side of a scan, without ranks: ids, what is left to do, the archive at the end.

#include <catch2/catch.hpp>

#include "wishart/fit/metrics.hpp"

#include "scan/checkpoint_job.hpp"
#include "support.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

void write_model(const std::filesystem::path& file) {
  std::filesystem::create_directories(file.parent_path());
  write_bytes(file, safetensors_bytes({{"a.weight", {20, 16}, noise_values(320, 1)},
                                       {"b.weight", {16, 12}, noise_values(192, 2)},
                                       {"n.weight", {16}, noise_values(16, 3)}}));
}

ScanOptions options_for(const TempFolder& temp) {
  ScanOptions options;
  options.archive = temp / "archive";
  std::filesystem::create_directories(options.archive);
  return options;
}

/// The id of a checkpoint that lies in a folder or file of this name.
std::string id_of(const std::string& name, const std::string& id = "") {
  const TempFolder temp;
  const bool file = name.ends_with(".safetensors");
  write_model(file ? temp / name : (temp / name) / "model.safetensors");
  ScanOptions options = options_for(temp);
  options.id = id;
  return CheckpointJob(temp / name, options, {}).id();
}

/// A result for item `item` of the work order, as a worker would send it.
Result result_for(const CheckpointJob& job, std::int64_t item) {
  const Matrix matrix = job.work_order().matrices.at(static_cast<std::size_t>(item));
  Result result;
  result.item = item;
  result.spectrum.status = SpectrumStatus::ok;
  for (std::int64_t i = 0; i < matrix.num_values(); ++i) {
    result.spectrum.sigma.push_back(1 + static_cast<double>(i * i));
  }
  result.spectrum.view_sigma_min = {1};
  result.spectrum.view_sigma_max = {result.spectrum.sigma.back()};
  result.spectrum.view_rank_loss = {0};
  result.row = fit::layer_row(matrix, result.spectrum, {});
  return result;
}

}  // namespace

TEST_CASE("an id is the checkpoint's name, made plain", "[checkpoint_job]") {
  CHECK(id_of("step-100") == "step-100");
  CHECK(id_of("llama.safetensors") == "llama");
  CHECK(id_of("a b&c") == "a_b_c");
  CHECK(id_of("größe") == "gr____e");  // a byte each
  CHECK(id_of("..hidden") == "hidden");
  CHECK(id_of("epoch=3-step=1+2_x.y") == "epoch=3-step=1+2_x.y");
  CHECK(id_of(std::string(240, 'x')) == std::string(200, 'x'));
  CHECK(id_of("step-100", "mine") == "mine");
}

TEST_CASE("a slash at the end of the path does not change the id", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "step-7/model.safetensors");
  const ScanOptions options = options_for(temp);
  CHECK(CheckpointJob(temp.path().string() + "/step-7/", options, {}).id() == "step-7");
  CHECK(CheckpointJob(temp.path().string() + "/step-7/../step-7/.", options, {}).id() == "step-7");
}

TEST_CASE("a new checkpoint has all its matrices to do, an archived one none", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  const ScanOptions options = options_for(temp);
  CheckpointJob job(temp / "m", options, {});
  CHECK_FALSE(job.already_archived());
  CHECK(job.num_matrices() == 2);
  CHECK(job.num_done() == 0);
  CHECK(job.warnings().empty());
  CHECK(job.work_order().matrices.size() == 2);
  CHECK(job.plan().items.size() == 2);
  job.take({result_for(job, 0)});
  job.take({result_for(job, 1)});
  CHECK(job.num_done() == 2);
  const auto file = job.finish();
  CHECK(file == options.archive / "m.h5");
  CHECK(std::filesystem::exists(file));
  CHECK(job.ending().done());
  CHECK(job.closing_text().find("m: 2 matrices (2 fitted, 0 without a power-law tail, 0 failed), "
                                "1 tensors skipped, in ") == 0);

  const CheckpointJob again(temp / "m", options, {});
  CHECK(again.already_archived());
  CHECK(again.work_order().nothing_to_do);
  CHECK(again.ending().done());
  CHECK(again.closing_text() == "m: already in " + file.string() + ", nothing to do\n");
  ScanOptions other = options;
  other.selection.min_evals = 14;
  CHECK_FALSE(CheckpointJob(temp / "m", other, {}).already_archived());
}

TEST_CASE("a job goes on from its journal", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  const ScanOptions options = options_for(temp);
  std::string left;
  {
    CheckpointJob job(temp / "m", options, {});
    left = job.work_order().matrices.at(1).key;
    job.take({result_for(job, 0)});
    job.flush(true);
  }
  CheckpointJob job(temp / "m", options, {});
  CHECK(job.num_done() == 1);
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] == "m: going on from the journal, 1 of 2 matrices are done");
  REQUIRE(job.work_order().matrices.size() == 1);
  CHECK(job.work_order().matrices[0].key == left);
  job.take({result_for(job, 0)});
  CHECK(std::filesystem::exists(job.finish()));
}

TEST_CASE("the ending is the gravest failure, with the file of its matrix", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  const ScanOptions options = options_for(temp);
  CheckpointJob job(temp / "m", options, {});
  Result nonfinite = result_for(job, 0);
  nonfinite.spectrum = {};
  nonfinite.spectrum.status = SpectrumStatus::nonfinite;
  nonfinite.spectrum.exit_code = 5;
  nonfinite.row.status = "nonfinite";
  nonfinite.row.exit_code = 5;
  job.take({std::move(nonfinite)});
  Result unread = result_for(job, 1);
  const std::string key = job.work_order().matrices.at(1).key;
  unread.spectrum = {};
  unread.spectrum.exit_code = 3;
  unread.row.status = "error";
  unread.row.exit_code = 3;
  unread.row.reason = "cut short";
  job.take({std::move(unread)});
  job.finish();
  CHECK(job.ending().exit_code() == 3);
  CHECK(job.ending().reason().rfind(
            "m: 2 of 2 matrices failed, first " + key + " in model.safetensors: cut short. ", 0) ==
        0);
  // What could not be read is tried again by the next run.
  CheckpointJob again(temp / "m", options, {});
  CHECK_FALSE(again.already_archived());
}

TEST_CASE("a checkpoint without matrices is said to have none", "[checkpoint_job]") {
  const TempFolder temp;
  std::filesystem::create_directories(temp / "m");
  write_bytes(temp / "m/model.safetensors",
              safetensors_bytes({{"n.weight", {16}, noise_values(16, 3)}}));
  CheckpointJob job(temp / "m", options_for(temp), {});
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] ==
        "m: no tensor of this checkpoint is a matrix to analyse; the archive will hold the list of "
        "skipped tensors only");
  CHECK(std::filesystem::exists(job.finish()));
}
