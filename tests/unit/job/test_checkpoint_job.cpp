/// @file
/// Rank 0's side of a scan, without ranks: ids, what is left to do, the archive at the end.

#include <chrono>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/fit/metrics.hpp"

#include "scan/archived/checkpoint_id.hpp"
#include "scan/work/checkpoint_job.hpp"
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

constexpr const char* kRemedy =
    "Give this one its own name with --id, or replace that one with --replace";

/// The message by which a scan is refused; it must blame the user.
std::string refusal_of(const std::filesystem::path& path, const ScanOptions& options) {
  try {
    (void)CheckpointJob(path, options, {});
  } catch (const Error& error) {
    return (error.blame() == Blame::usage ? "" : "not a usage error: ") + std::string(error.what());
  }
  return "no error";
}

/// A result for item `item` of the work order, as a worker would send it.
Result result_for(const CheckpointJob& job, std::int64_t item) {
  const Matrix matrix = job.work_order().matrices.at(static_cast<std::size_t>(item));
  Result result;
  result.item = item;
  result.spectrum.status = SpectrumStatus::ok;
  for (std::int64_t i = 0; i < matrix.num_values(); ++i) {
    const double sigma = 1 + static_cast<double>(i * i);
    result.spectrum.sigma.push_back(sigma);
    result.spectrum.sum_squares += sigma * sigma;  // small integers: exact
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
  CHECK_FALSE(job.work_order().nothing_to_do);
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
  CHECK(job.closing_text().find(
            "m: 2 matrices (2 fitted, 0 without a power-law tail, 0 without a fit), "
            "1 tensors skipped, in ") == 0);

  const CheckpointJob again(temp / "m", options, {});
  CHECK(again.work_order().nothing_to_do);
  CHECK(again.ending().done());
  CHECK(again.closing_text() == "m: already in " + file.string() + ", nothing to do\n");
  ScanOptions other = options;
  other.selection.min_evals = 14;
  CHECK(refusal_of(temp / "m", other) ==
        file.string() +
            ": holds another analysis of this checkpoint: min_evals 10 in the archive, 14 now. " +
            kRemedy);
  other.replace = true;
  const CheckpointJob replacing(temp / "m", other, {});
  CHECK_FALSE(replacing.work_order().nothing_to_do);
  REQUIRE(replacing.warnings().size() == 1);
  CHECK(replacing.warnings()[0] == "m: the analysis in " + file.string() +
                                       " is replaced: min_evals 10 in the archive, 14 now");
}

TEST_CASE("a base is part of the id", "[checkpoint_job]") {
  const TempFolder temp;
  ScanOptions options;
  const auto id = [&] { return checkpoint_id(temp / "checkpoint-600", options); };
  CHECK(id() == "checkpoint-600");
  options.selection.base = temp / "run/checkpoint-450/";
  CHECK(id() == "checkpoint-600-base-checkpoint-450");
  options.selection.base = temp / "a b.safetensors";
  CHECK(id() == "checkpoint-600-base-a_b");
  options.selection.base = temp / std::string(240, 'b');
  CHECK(id() == "checkpoint-600-base-" + std::string(90, 'b'));
  CHECK(checkpoint_id(temp / std::string(240, 'x'), options) ==
        std::string(104, 'x') + "-base-" + std::string(90, 'b'));
  options.selection.base.clear();
  options.selection.with_base = temp / "llama";
  CHECK(id() == "checkpoint-600-with-base-llama");
  options.id = "mine";
  CHECK(id() == "mine");
  // Other options are no part of it: they shape how spectra are computed, not what of.
  options = {};
  options.method = Method::qr;
  options.selection.layers = {"*mlp*"};
  CHECK(id() == "checkpoint-600");
}

TEST_CASE("another base of the same name, and files that have changed, are refused",
          "[checkpoint_job]") {
  const TempFolder temp;
  for (const char* name : {"m", "a/base", "b/base"}) {
    write_model(temp.path() / name / "model.safetensors");
  }
  ScanOptions options = options_for(temp);
  const auto archive_it = [&] {
    CheckpointJob job(temp / "m", options, {});
    job.take({result_for(job, 0)});
    job.take({result_for(job, 1)});
    return job.finish();
  };
  options.selection.base = temp / "a/base";
  const std::string file = archive_it().string();
  CHECK(file == (options.archive / "m-base-base.h5").string());
  const std::string head = file + ": holds another analysis of this checkpoint: ";
  const std::string to_a = "difference to " + (temp / "a/base").string();
  ScanOptions other = options;
  other.selection.base = temp / "b/base";
  CHECK(refusal_of(temp / "m", other) == head + to_a + " in the archive, difference to " +
                                             (temp / "b/base").string() + " now. " + kRemedy);
  other.selection.base.clear();
  other.id = "m-base-base";
  CHECK(refusal_of(temp / "m", other) ==
        head + to_a + " in the archive, whole weights now. " + kRemedy);
  const auto later = std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5);
  std::filesystem::last_write_time(temp / "a/base/model.safetensors", later);
  CHECK(refusal_of(temp / "m", options) ==
        head + "the files of its base have changed since then. " + kRemedy);
  options.selection.base.clear();
  const std::string plain = archive_it().string();
  std::filesystem::last_write_time(temp / "m/model.safetensors", later);
  CHECK(refusal_of(temp / "m", options) ==
        plain + ": holds another analysis of this checkpoint: its files have changed since then. " +
            kRemedy);
}

/// The result of an item, with two traps.
Result with_traps(const CheckpointJob& job, std::int64_t item, double q) {
  Result result = result_for(job, item);
  for (const std::int64_t index : {1, 2}) {
    TrapRow row;
    row.trap_index = index;
    row.trap_q = q;
    result.spectrum.traps.push_back(row);
  }
  return result;
}

/// Checks that an archive has the two traps of each of its two layers.
void check_traps(const std::filesystem::path& file, double first, double second) {
  const CheckpointRecord record = archive::read_archive(file);
  REQUIRE(record.traps.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    const LayerRow& layer = record.layers.at(i / 2);
    CHECK(record.traps[i].layer_id == layer.layer_id);
    CHECK(record.traps[i].key == layer.key);
    CHECK(record.traps[i].name == layer.name);
    CHECK(record.traps[i].trap_index == static_cast<std::int64_t>(i % 2 + 1));
    CHECK(record.traps[i].trap_q == (i < 2 ? first : second));
  }
}

TEST_CASE("more layers complete what is there, fewer leave it alone", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  ScanOptions only_a = options_for(temp);
  only_a.selection.layers = {"a.*"};
  ScanOptions all = only_a;
  all.selection.layers.clear();
  ScanOptions only_b = only_a;
  only_b.selection.layers = {"b.*"};
  CheckpointJob first(temp / "m", only_a, {});
  REQUIRE(first.work_order().matrices.size() == 1);
  first.take({with_traps(first, 0, 0.25)});
  const std::string file = first.finish().string();
  CHECK(archive::read_provenance(file).options == only_a.result_options_json());

  CheckpointJob second(temp / "m", only_b, {});
  CHECK_FALSE(second.work_order().nothing_to_do);
  REQUIRE(second.warnings().size() == 1);
  CHECK(second.warnings()[0] ==
        "m: 1 of 2 matrices are kept from " + file + ", the others are added");
  REQUIRE(second.work_order().matrices.size() == 1);
  CHECK(second.work_order().matrices[0].key == "b.weight");
  second.take({with_traps(second, 0, 0.75)});
  second.finish();
  check_traps(file, 0.25, 0.75);
  const CheckpointRecord record = archive::read_archive(file);
  REQUIRE(record.layers.size() == 2);
  CHECK(record.layers[0].key == "a.weight");
  CHECK(record.layers[1].key == "b.weight");
  CHECK(record.skipped.size() == 1);  // none is left out any more
  CHECK(record.provenance.options == all.result_options_json());
  for (const ScanOptions& options : {all, only_a, only_b}) {
    CHECK(CheckpointJob(temp / "m", options, {}).work_order().nothing_to_do);
  }
}

TEST_CASE("a file that is no archive of this program is not replaced", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  ScanOptions options = options_for(temp);
  const std::string file = temp.write("archive/m.h5", "mine").string();
  const std::string what = file + ": is not an HDF5 file, so not a wishart archive. ";
  CHECK(refusal_of(temp / "m", options) ==
        "not a usage error: " + what +
            "Choose another name with --id, or replace it with --replace");
  options.replace = true;
  const CheckpointJob job(temp / "m", options, {});
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] == what + "It is replaced");
}

TEST_CASE("a job goes on from its journal", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  const ScanOptions options = options_for(temp);
  std::string left;
  {
    CheckpointJob job(temp / "m", options, {});
    left = job.work_order().matrices.at(1).key;
    job.take({with_traps(job, 0, 0.5)});
    job.flush(true);
  }
  CheckpointJob job(temp / "m", options, {});
  CHECK(job.num_done() == 1);
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] == "m: resuming from the journal, 1 of 2 matrices are done");
  REQUIRE(job.work_order().matrices.size() == 1);
  CHECK(job.work_order().matrices[0].key == left);
  job.take({with_traps(job, 0, 0.5)});
  check_traps(job.finish(), 0.5, 0.5);
}

TEST_CASE("what a journal of other options holds is told and computed anew", "[checkpoint_job]") {
  const TempFolder temp;
  write_model(temp / "m/model.safetensors");
  ScanOptions options = options_for(temp);
  {
    CheckpointJob job(temp / "m", options, {});
    job.take({with_traps(job, 0, 0.5)});
    job.flush(true);
  }
  options.method = Method::svd;
  const CheckpointJob job(temp / "m", options, {});
  CHECK(job.num_done() == 0);
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] ==
        "m: a scan that was broken off had finished 1 matrix, with other options or another "
        "wishart, or of files that have changed since: they are computed anew");
}

TEST_CASE("entries of a journal that contradict their matrix are computed again",
          "[checkpoint_job]") {
  struct Fault {
    std::string text;
    void (*spoil)(Spectrum&);
  };
  const std::vector<Fault> faults{
      {"3 singular values, num_evals is ", [](Spectrum& s) { s.sigma.resize(3); }},
      {"0 singular values, num_evals is ", [](Spectrum& s) { s.sigma.clear(); }},
      {"600 singular values, num_evals is ", [](Spectrum& s) { s.sigma.resize(600, 1e6); }},
      {"singular value 1 is nan", [](Spectrum& s) { s.sigma[1] = kNan; }},
      {"singular value 1 is smaller than the one before",
       [](Spectrum& s) { std::swap(s.sigma[0], s.sigma[1]); }},
      {"the squared singular values add up to ", [](Spectrum& s) { s.sum_squares *= 2; }},
      {"the datasets of its views have different lengths",
       [](Spectrum& s) { s.view_rank_loss.push_back(0); }},
      {"its status is 200", [](Spectrum& s) { s.status = static_cast<SpectrumStatus>(200); }},
      {"trap 1: is not after the one before", [](Spectrum& s) { s.traps.assign(2, TrapRow()); }}};
  for (const Fault& fault : faults) {
    CAPTURE(fault.text);
    const TempFolder temp;
    write_model(temp / "m/model.safetensors");
    const ScanOptions options = options_for(temp);
    std::string key;
    {
      CheckpointJob job(temp / "m", options, {});
      key = job.work_order().matrices.at(0).key;
      Result bad = result_for(job, 0);
      fault.spoil(bad.spectrum);
      job.take({std::move(bad)});
      job.take({result_for(job, 1)});
      job.flush(true);
    }
    CheckpointJob job(temp / "m", options, {});
    REQUIRE(job.warnings().size() == 2);
    const std::string expected = "m: the journal contradicts 1 matrix, which is computed again: ";
    CHECK(job.warnings()[0].rfind(expected, 0) == 0);
    CHECK(job.warnings()[0].find(fault.text) != std::string::npos);
    CHECK(job.warnings()[1] == "m: resuming from the journal, 1 of 2 matrices are done");
    REQUIRE(job.work_order().matrices.size() == 1);
    CHECK(job.work_order().matrices[0].key == key);
    job.take({result_for(job, 0)});
    CHECK(archive::verify_file(job.finish()).standing == archive::Standing::whole);
  }
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
  CHECK_FALSE(again.work_order().nothing_to_do);
}

TEST_CASE("a checkpoint without matrices is said to have none", "[checkpoint_job]") {
  const TempFolder temp;
  std::filesystem::create_directories(temp / "m");
  write_bytes(temp / "m/model.safetensors",
              safetensors_bytes({{"n.weight", {16}, noise_values(16, 3)}}));
  CheckpointJob job(temp / "m", options_for(temp), {});
  REQUIRE(job.warnings().size() == 1);
  CHECK(job.warnings()[0] ==
        "m: no tensor of this checkpoint is a matrix to analyse; the archive will hold only the "
        "list of skipped tensors");
  CHECK(std::filesystem::exists(job.finish()));
  CHECK(job.ending().exit_code() == 3);
  CHECK(job.ending().reason() ==
        "m: none of its 1 tensors is a matrix that can be analysed: 1 one-dimensional. wishart "
        "inspect shows the reason for each");
}
