/// @file
/// Help, versions, inspect, export, job files: what a user types first.

#include <cstring>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

std::filesystem::path small_model(const TempFolder& temp) {
  write_bytes(
      temp / "small/model.safetensors",
      safetensors_bytes({{"model.embed_tokens.weight", {64, 32}, noise_values(2048, 1)},
                         {"model.layers.0.mlp.up_proj.weight", {48, 32}, noise_values(1536, 2)},
                         {"model.norm.weight", {32}, noise_values(32, 3)}}));
  return temp / "small";
}

}  // namespace

TEST_CASE("every command has help and the program a version", "[cli]") {
  const Outcome help = run_wishart({"--help"});
  CHECK(help.exit_code == 0);
  for (const char* command : {"scan", "inspect", "refit", "report", "export"}) {
    CHECK(help.out.find(std::string("\n  ") + command) != std::string::npos);
    const Outcome one = run_wishart({command, "--help"});
    CHECK(one.exit_code == 0);
    CHECK(one.out.find(std::string("Usage: wishart ") + command) == 0);
    CHECK(run_wishart({command, "--version"}).out.find("wishart 0.") == 0);
  }
  CHECK(run_wishart({"--version"}).out.find("wishart 0.") == 0);
}

TEST_CASE("a missing or unknown command is a usage error", "[cli]") {
  CHECK(run_wishart({}).exit_code == 2);
  const Outcome unknown = run_wishart({"scann"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err ==
        "wishart: unknown command 'scann'. Did you mean 'scan'? See wishart --help\n");
  const Outcome missing = run_wishart({"report"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.messages().size() == 1);
}

TEST_CASE("inspect lists matrices and skipped tensors in three formats", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const Outcome text = run_wishart({"inspect", model});
  INFO(text.err);
  CHECK(text.exit_code == 0);
  CHECK(text.out.find("2 matrices") != std::string::npos);
  CHECK(text.out.find("mlp.up") != std::string::npos);
  CHECK(text.out.find("one-dimensional") != std::string::npos);
  CHECK(parse_csv(run_wishart({"inspect", model, "--format", "csv"}).out).rows.size() == 2);
  const Outcome json = run_wishart({"inspect", model, "--format", "json"});
  const auto file = temp.write("inspect.json", json.out);
  CHECK(run_shell("/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); "
                  "assert len(d[\"matrices\"])==2 and len(d[\"skipped\"])==1' " +
                  quoted(file.string()))
            .exit_code == 0);
}

TEST_CASE("an archive is reported and exported in every format", "[cli]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", small_model(temp).string(), "--archive", archive}).exit_code == 0);
  for (const char* format : {"text", "md", "json"}) {
    const Outcome report = run_wishart({"report", archive, "--format", format});
    INFO(report.err);
    CHECK(report.exit_code == 0);
    CHECK(report.out.find("mlp.up") != std::string::npos);
  }
  for (const char* table : {"layers", "summary", "skipped"}) {
    for (const char* format : {"csv", "json"}) {
      const Outcome out = run_wishart({"export", archive, "--table", table, "--format", format});
      CHECK(out.exit_code == 0);
      CHECK_FALSE(out.out.empty());
    }
  }
  const Outcome npy = run_wishart({"export", archive, "--table", "spectrum", "--matrix",
                                   "model.layers.0.mlp.up_proj.weight", "--format", "npy"});
  REQUIRE(npy.exit_code == 0);
  const auto file = temp.write("sigma.npy", npy.out);
  CHECK(run_shell("/usr/bin/python3 -c 'import numpy,sys; s=numpy.load(sys.argv[1]); "
                  "assert s.shape==(32,) and (numpy.diff(s)>=0).all()' " +
                  quoted(file.string()))
            .exit_code == 0);
  const Outcome wrong = run_wishart(
      {"export", archive, "--table", "spectrum", "--matrix", "model.layers.0.mlp.up_proj.weigth"});
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err.find("model.layers.0.mlp.up_proj.weight") != std::string::npos);
}

TEST_CASE("options come from flags first, then from the job file", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const auto job = temp.write("job.cfg", "# nightly\narchive = " + (temp / "from-file").string() +
                                             "\nlayers = *mlp*\nprogress = none\n");
  REQUIRE(run_wishart({"scan", model, "--job", job.string()}).exit_code == 0);
  CHECK(parse_csv(run_wishart({"export", (temp / "from-file").string()}).out).rows.size() == 1);
  REQUIRE(run_wishart(
              {"scan", model, "--job", job.string(), "--archive", (temp / "from-flag").string()})
              .exit_code == 0);
  CHECK(std::filesystem::exists(temp / "from-flag/small.h5"));
}

TEST_CASE("the shipped job files run", "[cli]") {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(WISHART_SOURCE "/jobs")) {
    if (entry.path().extension() != ".cfg") continue;
    const TempFolder temp;
    const Outcome scan = run_wishart({"scan", small_model(temp).string(), "--job",
                                      entry.path().string(), "--archive", (temp / "a").string()},
                                     2);
    CAPTURE(entry.path().string());
    INFO(scan.err);
    CHECK(scan.exit_code == 0);
    ++files;
  }
  CHECK(files >= 3);
}

TEST_CASE("progress is told as plain lines, JSON or not at all", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const Outcome plain = run_wishart({"scan", model, "--archive", (temp / "a").string()});
  CHECK(plain.err.find("small: 2 of 2 matrices, 100% of the work") != std::string::npos);
  const Outcome json =
      run_wishart({"scan", model, "--archive", (temp / "b").string(), "--progress", "json"});
  CHECK(json.err.find("{\"checkpoint\": \"small\", \"done\": 2, \"total\": 2, \"share\": 1") !=
        std::string::npos);
  const Outcome none =
      run_wishart({"scan", model, "--archive", (temp / "c").string(), "--progress", "none"});
  CHECK(none.err.empty());
}
