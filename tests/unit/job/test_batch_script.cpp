/// @file
/// The command and the script of a planned scan.

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>

#include "commands/batch_script.hpp"
#include "options/shell_word.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

PlannedJob job_of(int ranks, int per_node) {
  PlannedJob job;
  job.ranks = ranks;
  job.ranks_per_node = per_node;
  job.nodes = (ranks + per_node - 1) / per_node;
  job.asked_bytes = std::int64_t{2816} << 20U;
  job.time = {64, 960, 1};
  return job;
}

}  // namespace

TEST_CASE("the command asks for ranks, memory, time and signal, and hands on what was given",
          "[batch_script]") {
  const PlanOptions options =
      parse_plan(Words{"my runs/step-1", "--ranks", "70", "--threads-per-rank", "2", "--randomize",
                       "2", "--layers", "*mlp*", "--partition", "cpu", "--archive", "a$b"});
  CHECK(sbatch_line(options, job_of(70, 32)) ==
        "sbatch --nodes=3 --ntasks=70 --ntasks-per-node=32 --cpus-per-task=2 --mem-per-cpu=1408M "
        "--time=64 --signal=B:USR1@960 --partition=cpu slurm/scan.sbatch 'my runs/step-1' 'a$b' "
        "--threads-per-rank 2 --randomize 2 --layers '*mlp*'");
  CHECK(sbatch_line(parse_plan(Words{"m", "--ranks", "2", "--launcher", "mpirun", "--account", "me",
                                     "--qos", "fast"}),
                    job_of(2, 2)) ==
        "WISHART_LAUNCHER=mpirun sbatch --nodes=1 --ntasks=2 --ntasks-per-node=2 "
        "--cpus-per-task=1 --mem-per-cpu=2816M --time=64 --signal=B:USR1@960 --account=me "
        "--qos=fast slurm/scan.sbatch m ARCHIVE");
}

TEST_CASE("the script does what slurm/scan.sbatch does, with directives of its own",
          "[batch_script]") {
  const PlanOptions options = parse_plan(Words{"m 1", "--ranks", "4", "--archive", "out", "--setup",
                                               "module load openmpi", "--base", "b", "--sbatch"});
  const std::string here = std::filesystem::current_path().string();
  const std::string script = batch_script(options, job_of(4, 2), {"First.", "a\nb"});
  CHECK(script.starts_with(
      "#!/bin/bash\n"
      "# First.\n"
      "# a\\x0ab\n"
      "#SBATCH --job-name=wishart-scan\n"
      "#SBATCH --nodes=2\n"
      "#SBATCH --ntasks=4\n"
      "#SBATCH --ntasks-per-node=2\n"
      "#SBATCH --cpus-per-task=1\n"
      "#SBATCH --mem-per-cpu=2816M\n"
      "#SBATCH --time=64\n"
      "#SBATCH --signal=B:USR1@960\n"
      "#SBATCH --output=%x-%j.log\n"
      "#SBATCH --open-mode=append\n"
      "#SBATCH --requeue\n"
      "\n"
      "module load openmpi\n"
      "set -- " +
      shell_argument(here + "/m 1") + " " + here + "/out --base " + here + "/b \"$@\"\n"));
  CHECK(script.ends_with(body_of(scan_script())));
  // Slurm would read it as the script of a job, and bash as a script.
  const TempFolder temp;
  const auto file = temp.write("job.sbatch", script);
  CHECK(std::system(("bash -n '" + file.string() + "'").c_str()) == 0);
}

TEST_CASE("words given when the script is submitted reach the scan, and the last limit counts",
          "[batch_script]") {
  const PlanOptions options =
      parse_plan(Words{"m 1", "--ranks", "4", "--archive", "out", "--setup",
                       "srun() { echo \"$@\"; }", "--setup", "squeue() { false; }", "--sbatch"});
  PlannedJob job = job_of(4, 2);
  job.time.runs = 3;
  const TempFolder temp;
  const auto file = temp.write("job.sbatch", batch_script(options, job, {}));
  const auto out = temp / "out";
  const auto run = [&](const std::string& words) {
    const std::string line = "SLURM_JOB_ID=1 WISHART=/bin/true bash '" + file.string() + "' " +
                             words + " >'" + out.string() + "'";
    REQUIRE(std::system(line.c_str()) == 0);
    std::ifstream written(out);
    return std::string(std::istreambuf_iterator<char>(written), {});
  };
  const std::string here = std::filesystem::current_path().string();
  const std::string scan =
      "/bin/true scan " + here + "/m 1 --archive " + here + "/out --progress plain";
  CHECK(run("") == scan + " --wait-for-lock 1000h\n");
  CHECK(run("--requeue-limit 0 --randomize 1") == scan + " --randomize 1\n");
}

TEST_CASE("what a script does begins behind its directives", "[batch_script]") {
  CHECK(body_of("#!/bin/bash\n# c\n#SBATCH -a\n# d\n#SBATCH -b\n\nset -u\n#SBATCH -c\n") ==
        "\nset -u\n#SBATCH -c\n");
  CHECK_THROWS(body_of("#!/bin/bash\nset -u\n"));
  CHECK(body_of(scan_script()).find("\n#SBATCH") == std::string_view::npos);
}

TEST_CASE("bash reads an argument back as it was, byte by byte", "[batch_script]") {
  const TempFolder temp;
  for (const std::string word : {"a", "", "a b", "it's", "$x`y`", "a\nb\tc", "\x1b[31m", "\xff\xfe",
                                 "\xc3\xa4", "back\\slash\n'q'", "-x", "~", "*"}) {
    CAPTURE(word);
    const auto out = temp / "out";
    const auto script =
        temp.write("script", "printf %s " + shell_argument(word) + " >" + out.string() + "\n");
    REQUIRE(std::system(("bash '" + script.string() + "'").c_str()) == 0);
    std::ifstream file(out, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(file), {}) == word);
  }
}
