/// @file
/// `wishart plan`: what it prints, tables over ranks, histories, scripts.

#include <fstream>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

void write_model(const std::filesystem::path& folder, std::uint64_t seed = 1) {
  write_bytes(folder / "model.safetensors",
              safetensors_bytes({{"a.weight", {40, 30}, noise_values(1200, seed)},
                                 {"b.weight", {40, 30}, noise_values(1200, seed + 1)},
                                 {"c.weight", {30, 20}, noise_values(600, seed + 2)}}));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

}  // namespace

TEST_CASE("a plan shows matrices, time, memory, products and a command", "[plan]") {
  const TempFolder temp;
  write_model(temp / "my model");
  const Outcome plan = run_wishart({"plan", (temp / "my model").string(), "--ranks", "4",
                                    "--ranks-per-node", "2", "--gflops", "10", "--read-rate", "2",
                                    "--products", "float64", "--randomize", "1"});
  REQUIRE(plan.exit_code == 0);
  CHECK(plan.err.empty());
  const std::string expected =
      "TEMP/my model: 3 matrices, 1.667e-07 Tflop, 11.7 KiB to read\n"
      "\n"
      "matrices    N x M  views  team  how                Tflop  s/matrix  memory/rank\n"
      "--------  -------  -----  ----  --------------  --------  --------  -----------\n"
      "       2  40 x 30      1     1  gram, 1 random  1.44e-07   0.00127     55.5 KiB\n"
      "       1  30 x 20      1     1  gram, 1 random  2.27e-08  0.000982     30.2 KiB\n"
      "\n"
      "4 ranks at 10 GFLOP/s: about 0:00, limited by largest matrix (a.weight)\n"
      "  matrices 0:00, 31 % idle; reading 0:00 at 2 GB/s; rank 0 0:00\n"
      "up to 55.5 KiB per rank for matrices, 22.6 KiB on rank 0 for results; the job asks for "
      "257 MiB per rank\n"
      "Products are formed in float64, as --products says.\n"
      "\n"
      "sbatch --nodes=2 --ntasks=4 --ntasks-per-node=2 --cpus-per-task=1 --mem-per-cpu=257M "
      "--time=8 --signal=B:USR1@120 slurm/scan.sbatch 'TEMP/my model' ARCHIVE --products "
      "float64 --randomize 1\n";
  CHECK(replaced(plan.out, temp.path().string(), "TEMP") == expected);
}

TEST_CASE("a list of ranks gives a table, where a shape stops scaling", "[plan]") {
  const Outcome plan =
      run_wishart({"plan", "--shape", "llama-3-405b", "--ranks", "16,64,...,16384", "--gflops",
                   "41", "--read-rate", "20", "--products", "float64"});
  INFO(plan.out + plan.err);
  REQUIRE(plan.exit_code == 0);
  CHECK(plan.out.starts_with("llama-3-405b: 884 matrices, "));
  CHECK(plan.out.find("\nranks ") != std::string::npos);
  const Outcome csv = run_wishart({"plan", "--shape", "llama-3-405b", "--ranks", "16,64,...,16384",
                                   "--gflops", "41", "--read-rate", "20", "--format", "csv"});
  const CsvTable table = parse_csv(csv.out);
  REQUIRE(table.rows.size() == 6);
  double before = 2;
  for (const auto& row : table.rows) {
    const double efficiency = number(row.at("efficiency"));
    CHECK(efficiency > 0);
    CHECK(efficiency <= before);
    before = efficiency;
  }
  CHECK(table.rows.front().at("limit") == "compute");
  CHECK(table.rows.back().at("limit") != "compute");
}

TEST_CASE("of a history, what the archive lacks is planned", "[plan]") {
  const TempFolder temp;
  for (std::uint64_t step = 1; step <= 3; ++step) {
    write_model(temp / ("run/step-" + std::to_string(step)), 10 * step);
  }
  const std::string run = (temp / "run").string();
  const std::string archive = (temp / "archive").string();
  const std::vector<std::string> words{"plan", run,         "--ranks", "2",        "--gflops",
                                       "10",   "--archive", archive,   "--format", "csv"};
  const CsvTable all = parse_csv(run_wishart(words).out);
  CHECK(all.rows.size() == 9);
  REQUIRE(run_wishart({"scan", (temp / "run/step-2").string(), "--archive", archive}).exit_code ==
          0);
  const CsvTable left = parse_csv(run_wishart(words).out);
  REQUIRE(left.rows.size() == 6);
  for (const auto& row : left.rows) CHECK(row.at("checkpoint") != "step-2");
  const Outcome text =
      run_wishart({"plan", run, "--ranks", "2", "--gflops", "10", "--archive", archive});
  CHECK(text.out.find("\ncheckpoint  matrices  time\n"
                      "----------  --------  ----\n"
                      "step-1             3  0:00\n"
                      "step-2      archived     -\n"
                      "step-3             3  0:00\n") != std::string::npos);
  REQUIRE(run_wishart({"scan", run, "--archive", archive}).exit_code == 0);
  const Outcome done = run_wishart({"plan", run, "--ranks", "2", "--archive", archive});
  CHECK(done.exit_code == 0);
  CHECK(done.out ==
        run + ": the archive " + archive + " holds all 3 checkpoints; there is nothing to scan\n");
  const Outcome refused =
      run_wishart({"plan", run, "--ranks", "2", "--archive", archive, "--sbatch"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.err == "wishart: --sbatch: " + done.out);
}

TEST_CASE("a script is written whole, and scans what it was planned for", "[plan]") {
  const TempFolder temp;
  write_model(temp / "it's a model");
  const std::string script = (temp / "job.sbatch").string();
  const Outcome plan =
      run_wishart({"plan", (temp / "it's a model").string(), "--ranks", "2", "--gflops", "10",
                   "--archive", (temp / "archive").string(), "--layers", "*.weight", "--setup",
                   "export HERE=yes", "--sbatch", "-o", script});
  INFO(plan.err);
  REQUIRE(plan.exit_code == 0);
  CHECK(plan.out.empty());
  CHECK(content_of(script).find("#SBATCH --signal=B:USR1@120\n") != std::string::npos);
  CHECK(run_shell("bash -n " + quoted(script)).exit_code == 0);
  // Without Slurm: srun is the program itself, as a script of that name.
  temp.write("bin/srun", "#!/bin/bash\n[ \"$HERE\" = yes ] || exit 9\nexec \"$@\"\n");
  const Outcome run = run_shell(
      "cd " + quoted(temp.path().string()) + " && chmod +x bin/srun && PATH=\"$PWD/bin:$PATH\" " +
      "WISHART=" + quoted(program_path()) + " SLURM_JOB_ID=1 bash job.sbatch");
  INFO(run.out + run.err);
  CHECK(run.exit_code == 0);
  CHECK(std::filesystem::exists(temp / "archive/it_s_a_model.h5"));
}

TEST_CASE("what does not fit is told before any job", "[plan]") {
  const std::vector<std::string> shape{"plan", "--shape", "llama-3-405b", "--gflops", "41"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = shape;
    words.insert(words.end(), more.begin(), more.end());
    return run_wishart(words);
  };
  const Outcome small = with({"--ranks", "2", "--memory-per-node", "2G"});
  CHECK(small.exit_code == 4);
  CHECK(small.err.find("(128256 x 16384): needs ") != std::string::npos);
  const Outcome table =
      with({"--ranks", "2,512", "--ranks-per-node", "1", "--memory-per-node", "2G"});
  CHECK(table.exit_code == 0);
  CHECK(table.out.find("memory") != std::string::npos);
  const Outcome brief = with({"--ranks", "4", "--longest-job", "10m"});
  CHECK(brief.exit_code == 4);
  CHECK(brief.err.find("a job of 10 minutes is too short: ") != std::string::npos);
  const Outcome unknown = run_wishart({"plan", "--shape", "lama-3-8b", "--ranks", "2"});
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.starts_with(
      "wishart: unknown shape 'lama-3-8b'. Did you mean 'llama-3-8b'? Known shapes: "));
}
