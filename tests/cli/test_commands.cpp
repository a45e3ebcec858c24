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
  for (const char* command : {"scan", "inspect", "plan", "refit", "report", "export", "plot",
                              "compare", "rank", "gate", "verify", "index", "merge", "synth"}) {
    CHECK(help.out.find(std::string("\n  ") + command) != std::string::npos);
    const Outcome one = run_wishart({command, "--help"});
    CHECK(one.exit_code == 0);
    CHECK(one.out.find(std::string("Usage: wishart ") + command) == 0);
    CHECK(run_wishart({command, "-h"}).out == one.out);
    CHECK(run_wishart({command, "-h"}).exit_code == 0);
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
  CHECK(run_wishart({"quux"}).err == "wishart: unknown command 'quux'. See wishart --help\n");
  const Outcome missing = run_wishart({"report"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.messages().size() == 1);
}

TEST_CASE("an unknown key is shown as typed, and near keys are named", "[cli]") {
  const auto refusal = [](const char* key) { return run_wishart({"report", "x", key}).err; };
  const std::string end = " See wishart report --help\n";
  CHECK(refusal("--zzzzzzzz") == "wishart: wishart report: unknown key '--zzzzzzzz'." + end);
  CHECK(refusal("--forma") ==
        "wishart: wishart report: unknown key '--forma'. Did you mean 'format'?" + end);
  CHECK(refusal("--zzzzzzzz=3") == "wishart: wishart report: unknown key '--zzzzzzzz'." + end);
  CHECK(refusal("--forma=csv") ==
        "wishart: wishart report: unknown key '--forma'. Did you mean 'format'?" + end);
  CHECK(refusal("-x") == "wishart: wishart report: unknown key '-x'." + end);
  const TempFolder temp;
  const auto job = temp.write("job.cfg", "zzzzzzzz = x\n");
  CHECK(run_wishart({"report", "x", "--job", job.string()}).err ==
        "wishart: " + job.string() + ": unknown key 'zzzzzzzz'." + end);
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

TEST_CASE("inspect lists the checkpoints of a history, and what an archive lacks of them",
          "[cli]") {
  const TempFolder temp;
  for (const char* step : {"checkpoint-10", "checkpoint-9", "checkpoint-11", "checkpoint-12"}) {
    write_bytes(temp / "run" / step / "model.safetensors",
                safetensors_bytes({{"a.weight", {40, 30}, noise_values(1200, 1)}}));
    temp.write(std::string("run/") + step + "/trainer_state.json", "{}");
  }
  const std::string run = (temp / "run").string();
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", run + "/checkpoint-9", "--archive", archive}).exit_code == 0);
  std::filesystem::remove(temp / "run/checkpoint-12/trainer_state.json");
  std::filesystem::resize_file(temp / "run/checkpoint-11/model.safetensors", 1000);
  temp.write("archive/checkpoint-10.journal", "begun");
  const Outcome text = run_wishart({"inspect", run, "--archive", archive});
  INFO(text.err);
  CHECK(text.exit_code == 0);
  CHECK(text.out.find(run + ": 4 checkpoints, 1 archived, 1 new, 1 unfinished, 1 unreadable\n") ==
        0);
  const CsvTable table =
      parse_csv(run_wishart({"inspect", run, "--archive", archive, "--format", "csv"}).out);
  REQUIRE(table.rows.size() == 4);
  const auto row = [&](std::size_t i) {
    return table.rows[i].at("checkpoint") + " " + table.rows[i].at("state");
  };
  CHECK(row(0) == "checkpoint-9 archived");
  CHECK(row(1) == "checkpoint-10 new");
  CHECK(table.rows[1].at("detail") == "a scan of it has begun");
  CHECK(table.rows[1].at("path") == run + "/checkpoint-10");
  CHECK(row(2) == "checkpoint-11 unreadable");
  CHECK(table.rows[2].at("detail").find("model.safetensors") != std::string::npos);
  CHECK(row(3) == "checkpoint-12 unfinished");
  CHECK(table.rows[3].at("detail") == "no trainer_state.json, which is written last");
  // Without an archive, and of a single checkpoint with one.
  CHECK(run_wishart({"inspect", run}).out.find("4 checkpoints, 2 complete, 1 unfinished") !=
        std::string::npos);
  const CsvTable one = parse_csv(
      run_wishart({"inspect", run + "/checkpoint-9", "--archive", archive, "--format", "csv"}).out);
  CHECK(one.rows.at(0).at("state") == "archived");
  // Files that have been rewritten since, and an archive file that cannot be read.
  write_bytes(temp / "run/checkpoint-9/model.safetensors",
              safetensors_bytes({{"a.weight", {40, 20}, noise_values(800, 1)}}));
  const Outcome changed = run_wishart({"inspect", run, "--archive", archive});
  CHECK(changed.out.find(run + ": 4 checkpoints, 1 new, 1 changed, 1 unfinished, 1 unreadable\n") ==
        0);
  CHECK(changed.out.find("its files have changed since then") != std::string::npos);
  std::filesystem::resize_file(temp / "archive/checkpoint-9.h5", 0);
  const CsvTable cut =
      parse_csv(run_wishart({"inspect", run, "--archive", archive, "--format", "csv"}).out);
  CHECK(cut.rows.at(0).at("state") == "incomplete");
  CHECK(cut.rows.at(0).at("detail").find("checkpoint-9.h5: is not an HDF5 file") !=
        std::string::npos);
}

TEST_CASE("an archive is reported and exported in every format", "[cli]") {
  const TempFolder temp;
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", small_model(temp).string(), "--archive", archive}).exit_code == 0);
  for (const char* format : {"text", "md", "json"}) {
    const Outcome report = run_wishart({"report", archive, "--wide", "--format", format});
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

TEST_CASE("the report cuts each name of a skipped tensor by itself", "[cli]") {
  const TempFolder temp;
  const std::string middle(60, 'x');
  std::vector<TensorToWrite> tensors{{"a.weight", {20, 16}, noise_values(320, 1)}};
  for (int i = 0; i < 4; ++i) {
    tensors.push_back({"b" + std::to_string(i) + middle + "e.bias", {4}, noise_values(4, 2)});
  }
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(tensors));
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", (temp / "m").string(), "--archive", archive}).exit_code == 0);
  // 44 characters each: 14, the ellipsis, 29.
  std::string expected;
  for (int i = 0; i < 3; ++i) {
    expected += "b" + std::to_string(i) + std::string(12, 'x') + "\xE2\x80\xA6" +
                std::string(23, 'x') + "e.bias, ";
  }
  for (const char* format : {"text", "md"}) {
    const Outcome report = run_wishart({"report", archive, "--wide", "--format", format});
    CAPTURE(format, report.out);
    CHECK(report.out.find(expected + "...") != std::string::npos);
  }
}

TEST_CASE("the archive says with what and on what it was computed", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const Outcome version = run_wishart({"--version"});
  for (const char* name : {"MPI ", "BLAS ", "; LAPACK ", "; ScaLAPACK ", "; HDF5 ", "; Boost "}) {
    CAPTURE(name, version.out);
    CHECK(version.out.find(name) != std::string::npos);
  }
  if (version.out.find("OpenBLAS") == std::string::npos) return;  // others do not tell threads
  for (const auto& [setting, told] :
       {std::pair("-u OPENBLAS_NUM_THREADS", "1 rank on 1 host, 1 thread each"),
        std::pair("OPENBLAS_NUM_THREADS=2", "1 rank on 1 host, 2 threads each")}) {
    const std::string archive = quoted((temp / setting).string());
    const Outcome report =
        run_shell("env -u OMP_NUM_THREADS " + std::string(setting) + " " + quoted(program_path()) +
                  " scan " + quoted(model) + " --archive " + archive + " >/dev/null && " +
                  quoted(program_path()) + " report --wide " + archive);
    CAPTURE(setting, report.out, report.err);
    CHECK(report.out.find(std::string(", ") + told + ", ") != std::string::npos);
  }
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

TEST_CASE("progress is told as plain lines, JSON or not at all", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const Outcome plain = run_wishart({"scan", model, "--archive", (temp / "a").string()});
  CHECK(plain.err.find("small: 2 of 2 matrices, 100% of the work") != std::string::npos);
  const Outcome json =
      run_wishart({"scan", model, "--archive", (temp / "b").string(), "--progress", "json"});
  CHECK(json.err.find("{\"schema\": \"wishart/progress/1\", \"checkpoint\": \"small\", \"done\": "
                      "2, \"total\": 2, \"share\": 1") != std::string::npos);
  const Outcome none =
      run_wishart({"scan", model, "--archive", (temp / "c").string(), "--progress", "none"});
  CHECK(none.err.empty());
}

TEST_CASE("one process looks for no networks, unless it is told to", "[cli]") {
  const TempFolder temp;
  const std::string model = small_model(temp).string();
  const auto components = [&](const std::string& settings) {
    return run_shell("env -u OMPI_MCA_pml -u OMPI_MCA_btl " + settings +
                     " OMPI_MCA_btl_base_verbose=10 " + quoted(program_path()) + " scan " +
                     quoted(model) + " --replace --progress none --archive " +
                     quoted((temp / "archive").string()));
  };
  const Outcome alone = components("");
  CHECK(alone.exit_code == 0);
  if (alone.err.find("found loaded component self") == std::string::npos) return;  // not Open MPI
  CHECK(alone.err.find("found loaded component tcp") == std::string::npos);
  const Outcome told = components("OMPI_MCA_btl=self,tcp");
  CHECK(told.exit_code == 0);
  CHECK(told.err.find("found loaded component tcp") != std::string::npos);
}
