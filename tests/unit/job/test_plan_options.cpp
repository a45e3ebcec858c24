/// @file
/// The options of a plan: numbers of ranks, clusters, and what is handed on to the scan.

#include <catch2/catch.hpp>

#include "options/given_options.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

PlanOptions plan(Words words) {
  words.insert(words.begin(), "model");
  return parse_plan(words);
}

std::vector<int> ranks(const std::string& text) { return plan({"--ranks", text}).ranks; }

}  // namespace

TEST_CASE("numbers of ranks are listed, or go on as they began", "[plan_options]") {
  CHECK(ranks("128") == std::vector<int>{128});
  CHECK(ranks("1,3,100") == std::vector<int>{1, 3, 100});
  CHECK(ranks("1,2,4,...,32") == std::vector<int>{1, 2, 4, 8, 16, 32});
  CHECK(ranks("1,2,...,20") == std::vector<int>{1, 2, 4, 8, 16, 20});
  CHECK(ranks("48,96,...,384") == std::vector<int>{48, 96, 192, 384});
  CHECK(ranks("32,48,...,96") == std::vector<int>{32, 48, 64, 80, 96});
  CHECK(ranks("1,2,4,...,16384").size() == 15);
}

TEST_CASE("other numbers of ranks are refused", "[plan_options]") {
  for (const char* text : {"0", "-1", "x", "", "1,", "1.5", "2000000"}) {
    CAPTURE(text);
    CHECK_THROWS_WITH(ranks(text),
                      "--ranks: expected a number from 1 to 1048576, or a list such as "
                      "1,2,4,...,1024, found '" +
                          std::string(text) + "'");
  }
  CHECK_THROWS_WITH(ranks("4,2"), "--ranks: expected ascending numbers, found '4,2'");
  CHECK_THROWS_WITH(ranks("1,2,...,2"), "--ranks: expected ascending numbers, found '1,2,...,2'");
  for (const char* text : {"1,...,8", "1,2,..."}) {
    CHECK_THROWS_WITH(ranks(text),
                      "--ranks: the dots need two numbers before them and one behind, found '" +
                          std::string(text) + "'");
  }
  CHECK_THROWS_WITH(plan({}),
                    "wishart plan: missing --ranks, or --nodes and --cores-per-node, "
                    "which give them. See wishart plan --help");
}

TEST_CASE("a cluster gives the number of ranks, and comes from a file too", "[plan_options]") {
  CHECK(plan({"--nodes", "4", "--cores-per-node", "32"}).ranks == std::vector<int>{128});
  CHECK(plan({"--nodes", "4", "--cores-per-node", "32", "--threads-per-rank", "4"}).ranks ==
        std::vector<int>{32});
  CHECK(plan({"--nodes", "4", "--ranks-per-node", "20"}).ranks == std::vector<int>{80});
  const TempFolder temp;
  const std::string file = temp.write("site.cfg",
                                      "nodes = 8\ncores-per-node = 64\nmemory-per-node = 240G\n"
                                      "longest-job = 24h\npartition = cpu\naccount = me\n"
                                      "setup = module load openmpi\nsetup = module load hdf5\n")
                               .string();
  const PlanOptions options = plan({"--cluster", file, "--nodes", "2"});
  CHECK(options.ranks == std::vector<int>{128});
  CHECK(options.cluster.memory_per_node_bytes == std::int64_t{240} << 30U);
  CHECK(options.cluster.longest_job_seconds == 86400);
  CHECK(options.cluster.partition == "cpu");
  CHECK(options.cluster.account == "me");
  CHECK(options.cluster.launcher == "srun");
  CHECK(options.cluster.setup ==
        std::vector<std::string>{"module load openmpi", "module load hdf5"});
  const std::string wrong = temp.write("wrong.cfg", "randomize = 2\n").string();
  CHECK_THROWS_WITH(plan({"--cluster", wrong}),
                    wrong + ": unknown key 'randomize'. See wishart plan --help");
  CHECK_THROWS_WITH(plan({"--cluster", "/none", "--ranks", "1"}),
                    Catch::StartsWith("--cluster: /none: "));
  CHECK_THROWS_WITH(plan({"--ranks", "1", "--partition", "a b"}),
                    "--partition: expected letters, digits and _-.,+@:/, found 'a b'");
  CHECK_THROWS_WITH(plan({"--ranks", "1", "--longest-job", "10"}),
                    "--longest-job: expected at least a minute, found '10'");
  CHECK_THROWS_WITH(plan({"--ranks", "1", "--longest-job", "soon"}),
                    "--longest-job: expected a time such as 45m, 2h or 1:30:00, found 'soon'");
}

TEST_CASE("every option of a scan that was set is handed on, by flag and by file",
          "[plan_options]") {
  const TempFolder temp;
  const std::string file =
      temp.write("job.cfg", "randomize = 2\nmethod = qr\nprogress = none\n").string();
  const PlanOptions options =
      plan({"--ranks", "2",         "--job",    file,    "--method",         "svd",     "--base",
            "my base", "--no-pool", "--layers", "*mlp*", "--layers=-*gate*", "--farms", "1.5",
            "--seed",  "7",         "--id",     "my-id", "--time-limit",     "2h"});
  CHECK(given_words(options.given, false) ==
        " --id my-id --time-limit 2h --method svd --randomize 2 --farms 1.5 --no-pool "
        "--layers '*mlp*' --layers='-*gate*' --base 'my base' --seed 7");
  const std::string here = std::filesystem::current_path().string();
  CHECK(given_words(plan({"--ranks", "2", "--base", "b"}).given, true) == " --base " + here + "/b");
  CHECK(given_words(plan({"--ranks", "2"}).given, true).empty());
}

TEST_CASE("a script needs an archive, a checkpoint and one number of ranks", "[plan_options]") {
  const Words good{"--ranks", "2", "--archive", "out", "--sbatch"};
  CHECK(plan(good).sbatch);
  CHECK_THROWS_WITH(plan({"--ranks", "2", "--sbatch"}),
                    "--sbatch: needs an archive. Add --archive DIR");
  CHECK_THROWS_WITH(plan({"--ranks", "2,4", "--archive", "out", "--sbatch"}),
                    "--sbatch: needs one number of ranks, not a list");
  CHECK_THROWS_WITH(
      parse_plan(Words{"--shape", "tiny-llama", "--ranks", "2", "--archive", "out", "--sbatch"}),
      "--sbatch: needs a checkpoint, not only a shape");
  CHECK_THROWS_WITH(plan({"--ranks", "2", "--archive", "out", "--sbatch", "--format", "json"}),
                    "--sbatch: writes a script. Leave out --format");
  CHECK(parse_plan(Words{"m", "--ranks", "2", "--archive", "out", "--sbatch", "-o", "job.sbatch"})
            .output == "job.sbatch");
}

TEST_CASE("a plan is of a checkpoint or of a shape", "[plan_options]") {
  CHECK(parse_plan(Words{"--shape", "tiny-llama", "--ranks", "2"}).shape == "tiny-llama");
  CHECK_THROWS_WITH(parse_plan(Words{"--ranks", "2"}),
                    "wishart plan: missing PATH. See wishart plan --help");
  CHECK_THROWS_WITH(plan({"--shape", "tiny-llama", "--ranks", "2"}),
                    "--shape: takes the place of a checkpoint. Leave out one of them");
}
