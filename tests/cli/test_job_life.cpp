/// @file
/// The life of a scan as a job of a batch system: how it is started, whom it leaves work to, when
/// it stops, and what its log says. Slurm is its variables and a squeue of our own.

#include <regex>

#include <catch2/catch.hpp>

#include "support/fake_slurm.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

void write_model(const std::filesystem::path& folder, int matrices = 3, std::int64_t rows = 40) {
  write_layers(folder, matrices, rows, 30);
}

/// A shell command: wishart with these variables of the environment.
std::string command(const std::string& variables, const std::vector<std::string>& words) {
  std::string text = "env " + variables + " " + quoted(program_path());
  for (const std::string& word : words) text += " " + quoted(word);
  return text;
}

Outcome run(const std::string& variables, const std::vector<std::string>& words) {
  return run_shell(command(variables, words));
}

std::vector<std::string> scan_words(const TempFolder& temp, const std::string& model = "m") {
  return {"scan",       model.empty() ? "" : (temp / model).string(),
          "--archive",  (temp / "archive").string(),
          "--progress", "none"};
}

std::vector<std::string> with(std::vector<std::string> words,
                              const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The lock of Slurm job 27, task 2 of array 25, untouched for `seconds`.
void write_lock(const TempFolder& temp, const std::string& id, int seconds) {
  const auto path = temp.write("archive/" + id + ".lock",
                               "wishart lock 2\nnode4\nboot x\n123\n456\n27\n"
                               "2026-01-31T12:00:00Z\ntoken\nalpha\n25\n2\n0\n");
  REQUIRE(
      run_shell("touch -d '" + std::to_string(seconds) + " seconds ago' " + quoted(path.string()))
          .exit_code == 0);
}

const std::string kOwner =
    "process 123 on node4, Slurm job 27 (task 2 of array 25), since 2026-01-31T12:00:00Z";

/// The variables of a task of an array.
std::string task(int number, int job) {
  return "SLURM_CLUSTER_NAME=alpha SLURM_JOB_ID=" + std::to_string(job) +
         " SLURM_ARRAY_JOB_ID=25 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_ID=" +
         std::to_string(number);
}

}  // namespace

TEST_CASE("copies that know nothing of each other do nothing, and the first says why",
          "[job_life]") {
  const TempFolder temp;
  write_model(temp / "m");
  const std::vector<std::vector<std::string>> all{
      scan_words(temp),
      {"check", (temp / "m").string(), "--base", (temp / "m").string()},
      {"synth", "tiny-llama", "--blocks", "1", "--out", (temp / "synth").string()}};
  for (const auto& words : all) {
    CAPTURE(words);
    const Outcome first = run("SLURM_JOB_ID=9 SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=0", words);
    CHECK(first.exit_code == 4);
    REQUIRE(first.messages().size() == 1);
    CHECK(first.messages()[0].find(
              "wishart: srun has started 8 copies of wishart (SLURM_STEP_NUM_TASKS=8), but each is "
              "alone, because this launcher does not know the MPI of this program, ") == 0);
    const Outcome third = run("SLURM_JOB_ID=9 SLURM_STEP_NUM_TASKS=8 SLURM_PROCID=3", words);
    CHECK(third.exit_code == 4);
    CHECK(third.err.empty());
    CHECK(third.out.empty());
  }
  CHECK_FALSE(std::filesystem::exists(temp / "archive"));
  CHECK_FALSE(std::filesystem::exists(temp / "synth"));
  CHECK(run("PMI_SIZE=2 PMI_RANK=0", scan_words(temp))
            .messages()
            .at(0)
            .find("wishart: mpiexec has started 2 copies of wishart (PMI_SIZE=2)") == 0);
}

TEST_CASE("a process of a batch script is alone, and ranks of mpirun are not", "[job_life]") {
  const TempFolder temp;
  write_model(temp / "m");
  CHECK(run("SLURM_JOB_ID=9 SLURM_NTASKS=8 SLURM_PROCID=0", scan_words(temp)).exit_code == 0);
  std::filesystem::remove_all(temp / "archive");
  std::string words;
  for (const std::string& word : scan_words(temp)) words += " " + quoted(word);
  // The variables of a step are left over from the daemons of mpirun.
  const Outcome ranks =
      run_shell("env SLURM_STEP_NUM_TASKS=3 SLURM_PROCID=1 " + quoted(in_source("tools/mpirun")) +
                " -np 2 " + quoted(program_path()) + words);
  INFO(ranks.err);
  CHECK(ranks.exit_code == 0);
}

TEST_CASE("a requeued job takes over its own lock", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "m");
  write_lock(temp, "m", 30);
  const std::string job = "SLURM_JOB_ID=27 SLURM_CLUSTER_NAME=alpha ";
  const Outcome same = run(job, scan_words(temp));
  CHECK(same.exit_code == 75);  // another process of the same run
  CHECK(same.messages() ==
        std::vector<std::string>{"wishart: m: another job is working on it: " + kOwner +
                                 "; skipped. Run again when that job has ended, or wait for it "
                                 "with --wait-for-lock"});
  const Outcome requeued = run(job + "SLURM_RESTART_COUNT=1", scan_words(temp));
  CHECK(requeued.exit_code == 0);
  CHECK(requeued.messages() ==
        std::vector<std::string>{"wishart: m: took over the lock of a job that no longer runs: " +
                                 kOwner});
}

TEST_CASE("the lock of a cancelled job is free at once", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "m");
  write_lock(temp, "m", 30);
  const std::string job = "SLURM_JOB_ID=31 SLURM_CLUSTER_NAME=alpha";
  slurm.squeue("echo '27 RUNNING'");
  CHECK(run(job, scan_words(temp)).exit_code == 75);
  slurm.squeue("echo '27 CANCELLED'");
  const Outcome again = run(job, scan_words(temp));
  CHECK(again.exit_code == 0);
  CHECK(again.messages() ==
        std::vector<std::string>{"wishart: m: took over the lock of a job that no longer runs: " +
                                 kOwner + ", CANCELLED as Slurm says"});
}

TEST_CASE("locks are waited for, by scan and by refit", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "run/step-1");
  write_model(temp / "run/step-2");
  write_lock(temp, "step-1", 5);
  const Outcome short_wait =
      run("SLURM_JOB_ID=31", with(scan_words(temp, "run"), {"--wait-for-lock", "0.2s"}));
  CHECK(short_wait.exit_code == 75);
  CHECK(std::filesystem::exists(temp / "archive/step-2.h5"));
  REQUIRE(short_wait.messages().size() == 2);
  CHECK(short_wait.messages()[0] == "wishart: step-1: waiting up to 0:00 for " + kOwner);
  CHECK(short_wait.messages()[1].find("wishart: step-1: another job is working on it: ") == 0);
  // Others are done first, so that the lock is free by then.
  const Outcome waited = run_shell(
      "{ sleep 1; rm " + quoted((temp / "archive/step-1.lock").string()) + "; } & " +
      command("SLURM_JOB_ID=31", with(scan_words(temp, "run"), {"--wait-for-lock", "1m"})));
  CHECK(waited.exit_code == 0);
  CHECK(std::filesystem::exists(temp / "archive/step-1.h5"));

  write_lock(temp, "step-1", 5);
  const Outcome refit =
      run("A=1", {"refit", (temp / "archive").string(), "--wait-for-lock", "0.2s"});
  CHECK(refit.exit_code == 75);
  REQUIRE(refit.messages().size() == 2);
  CHECK(refit.messages()[0] == "wishart: step-1: waiting up to 0:00 for " + kOwner);
}

TEST_CASE("a signal ends a wait", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "m");
  write_lock(temp, "m", 5);
  const std::string log = (temp / "log").string();
  const Outcome outcome = run_shell(
      command("A=1", with(scan_words(temp), {"--wait-for-lock", "2h"})) + " 2>" + quoted(log) +
      " & pid=$!; while ! grep -q waiting " + quoted(log) +
      " && kill -0 $pid; do sleep 0.02; done; kill -TERM $pid; wait $pid; echo code $?; cat " +
      quoted(log));
  CHECK(outcome.out.find("code 75") != std::string::npos);
  CHECK(outcome.out.find("stopped by SIGTERM while waiting for m, on which another job is working: "
                         "process 123 on node4") != std::string::npos);
}

TEST_CASE("what another task of the same array is working on is left to it", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "run/step-1");
  write_model(temp / "run/step-2");
  write_lock(temp, "step-1", 5);
  const Outcome of_array = run(task(3, 28), scan_words(temp, "run"));
  CHECK(of_array.exit_code == 0);
  CHECK(of_array.messages().empty());
  CHECK(of_array.out.find("step-1: left to another task of this array: " + kOwner + "\n") !=
        std::string::npos);
  CHECK(std::filesystem::exists(temp / "archive/step-2.h5"));
  CHECK(run("SLURM_JOB_ID=28 SLURM_CLUSTER_NAME=alpha", scan_words(temp, "run")).exit_code == 75);
}

TEST_CASE("a task past the end of the list has nothing to do", "[job_life]") {
  const TempFolder temp;
  const Outcome past = run(task(3, 28), scan_words(temp, ""));
  CHECK(past.exit_code == 0);
  CHECK(past.messages() ==
        std::vector<std::string>{"wishart: task 3 of array 25: no checkpoint is named, so nothing "
                                 "is left for this task"});
  for (const std::string& other : {task(0, 25), std::string("A=1")}) {
    const Outcome outcome = run(other, scan_words(temp, ""));
    CHECK(outcome.exit_code == 2);
    CHECK(outcome.messages() ==
          std::vector<std::string>{"wishart: wishart scan: expected a checkpoint, found an empty "
                                   "name"});
  }
  for (const std::vector<std::string>& words : {std::vector<std::string>{"inspect", ""},
                                                {"report", ""},
                                                {"scan", "m", "--archive", ""},
                                                {"scan", "m", "--archive", "a", "--base", ""},
                                                {"plan", "", "--ranks", "2"}}) {
    CAPTURE(words);
    const Outcome outcome = run("A=1", words);
    CHECK(outcome.exit_code == 2);
    REQUIRE(outcome.messages().size() == 1);
    CHECK(outcome.messages()[0].ends_with(": expected a path, found an empty name"));
  }
}

TEST_CASE("a closed terminal stops a scan, and loses nothing; nohup keeps it", "[job_life]") {
  const TempFolder temp;
  write_layers(temp / "m", 40, 600, 500);
  const auto hung_up = [&](const std::string& before) {
    const std::string journal = quoted((temp / "archive/m.journal").string());
    return run_shell(before + command("A=1", scan_words(temp)) + " & pid=$!; while [ ! -e " +
                     journal +
                     " ] && kill -0 $pid; do sleep 0.02; done; sleep 0.2; kill -HUP "
                     "$pid; wait $pid; echo code $?");
  };
  const Outcome stopped = hung_up("");
  INFO(stopped.err);
  CHECK(stopped.out.find("code 75") != std::string::npos);
  CHECK(stopped.err.find("wishart: stopped by SIGHUP: ") != std::string::npos);
  CHECK(std::filesystem::exists(temp / "archive/m.journal"));
  const Outcome kept = hung_up("nohup ");
  CHECK(kept.out.find("code 0") != std::string::npos);
  CHECK(kept.err.find("resuming from the journal") != std::string::npos);
}

TEST_CASE("a log that nobody reads any more does not end a scan", "[job_life]") {
  const TempFolder temp;
  write_model(temp / "m");
  std::vector<std::string> words = scan_words(temp);
  words.back() = "plain";
  (void)run_shell("{ " + command("A=1", words) + "; echo code $? >" +
                  quoted((temp / "code").string()) + "; } 2>&1 >/dev/null | true");
  CHECK(run_shell("cat " + quoted((temp / "code").string())).out == "code 0\n");
  CHECK(std::filesystem::exists(temp / "archive/m.h5"));
}

TEST_CASE("nothing is begun that cannot end before the job", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "m");
  const std::string now = "$(date +%s)";
  const Outcome until = run("A=1", with(scan_words(temp), {"--until", "3s"}));
  CHECK(until.exit_code == 75);
  REQUIRE(until.messages().size() == 1);
  CHECK(std::regex_match(
      until.messages()[0],
      std::regex("wishart: stopped before the end of the job at 20..-..-..T..:..:..Z, because even "
                 "the shortest matrix that is left, layers\\.[0-2]\\.weight takes about 0:00: 0 of "
                 "3 matrices of m are done and saved\\. Run the same command again to resume")));
  // As Slurm says, by its variable or when it is asked.
  CHECK(
      run("SLURM_JOB_ID=27 SLURM_JOB_END_TIME=$((" + now + " + 3))", scan_words(temp)).exit_code ==
      75);
  slurm.squeue("echo 27 $(($(date +%s) - 1000)) $(($(date +%s) + 3))");
  CHECK(run("-u SLURM_JOB_END_TIME SLURM_JOB_ID=27", scan_words(temp)).exit_code == 75);
  // No job of this length can do it.
  const Outcome never = run(
      "SLURM_JOB_ID=27 SLURM_JOB_START_TIME=" + now + " SLURM_JOB_END_TIME=$((" + now + " + 3))",
      scan_words(temp));
  CHECK(never.exit_code == 4);
  REQUIRE(never.messages().size() == 1);
  CHECK(std::regex_match(
      never.messages()[0],
      std::regex(
          "wishart: layers\\.[0-2]\\.weight takes about 0:00, which is too long for a job of "
          "this length: 0 of 3 matrices of m are done and saved\\. Submit it again with "
          "--time=2 or more, or with more ranks; with --until none it is begun all the "
          "same")));
  CHECK(run("SLURM_JOB_ID=27 SLURM_JOB_END_TIME=$((" + now + " + 3))",
            with(scan_words(temp), {"--until", "none"}))
            .exit_code == 0);
}

TEST_CASE("the log of a job tells who computes what, with what and until when", "[job_life]") {
  const TempFolder temp;
  const FakeSlurm slurm;
  write_model(temp / "m");
  std::vector<std::string> words = scan_words(temp);
  words.back() = "plain";
  const Outcome outcome =
      run("OPENBLAS_NUM_THREADS=1 SLURM_MEM_PER_NODE=2048 SLURM_JOB_ID=27 "
          "SLURM_JOB_END_TIME=$(($(date +%s) + 3000))",
          words);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  const std::string time = "20..-..-..T..:..:..Z ";
  CHECK(std::regex_search(
      outcome.err,
      std::regex("^" + time + "wishart [0-9.]+ \\([^)]+\\), Slurm job 27\n" + time +
                 "1 rank on 1 host.*\n" + time +
                 "memory: .* for the matrices of each rank, by Slurm's --mem\n" + time +
                 "the job ends at " + time.substr(0, time.size() - 1) + ", in (50:00|49:..)\n(" +
                 time + "this OpenBLAS does not know the processor .*\n)?" + time +
                 "m: .*/m into .*/archive, 3 "
                 "matrices, about 0:00 by the plan\n" +
                 time + "m: 3 of 3 matrices, 100% of the work, 0:0. elapsed\n$")));
  // A run that has nothing to do has nothing to log.
  CHECK(run("A=1", words).err.empty());
}

TEST_CASE("files are copied to the hosts' own disks, read there and removed", "[job_life]") {
  const TempFolder temp;
  write_model(temp / "run/step-1", 5);
  write_model(temp / "run/step-2", 5, 50);
  const std::filesystem::path disk = temp / "disk";
  std::filesystem::create_directory(disk);
  std::vector<std::string> words = scan_words(temp, "run");
  words.back() = "plain";
  const Outcome staged = run_wishart(with(words, {"--stage-dir", disk.string()}), 2);
  INFO(staged.err);
  CHECK(staged.exit_code == 0);
  CHECK(std::regex_search(
      staged.err, std::regex("Z step-1: [0-9.]+ KiB copied to " + disk.string() + " in 0:00\n")));
  CHECK(std::filesystem::is_empty(disk));
  std::vector<std::string> direct = scan_words(temp, "run");
  direct[3] = (temp / "direct").string();
  REQUIRE(run_wishart(direct, 2).exit_code == 0);
  for (const char* id : {"step-1", "step-2"}) {
    const auto spectra = [&](const char* archive) {
      return run_wishart({"export", (temp / archive).string(), "--checkpoint", id, "--table",
                          "spectrum", "--matrix", "layers.0.weight"})
          .out;
    };
    CHECK(spectra("archive") == spectra("direct"));
    CHECK_FALSE(spectra("archive").empty());
  }
}

TEST_CASE("a folder for copies that is not there or too small is refused", "[job_life]") {
  const TempFolder temp;
  write_model(temp / "m");
  const std::string none = (temp / "none").string();
  const Outcome outcome = run("A=1", with(scan_words(temp), {"--stage-dir", none}));
  CHECK(outcome.exit_code == 4);
  REQUIRE(outcome.messages().size() == 1);
  CHECK(outcome.messages()[0].find("wishart: --stage-dir: " + none + " on ") == 0);
  CHECK(outcome.messages()[0].ends_with(
      ": no folder can be created in it: No such file or directory. Name another folder, or leave "
      "out --stage-dir"));
  CHECK_FALSE(std::filesystem::exists(temp / "archive/m.lock"));
  // A sparse file of a tebibyte, which fits on few disks.
  std::filesystem::create_directory(temp / "disk");
  const std::string header =
      "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[524288,524288],"
      "\"data_offsets\":[0,1099511627776]}}";
  write_bytes(temp / "large/model.safetensors", safetensors_bytes(header, ""));
  std::filesystem::resize_file(temp / "large/model.safetensors",
                               8 + header.size() + (std::uintmax_t{1} << 40U));
  const Outcome full =
      run("A=1", with(scan_words(temp, "large"),
                      {"--stage-dir", (temp / "disk").string(), "--memory-per-rank", "100T"}));
  CHECK(full.exit_code == 4);
  CHECK(full.messages().back().find("the files of the checkpoint take 1.0 TiB, and ") !=
        std::string::npos);
  CHECK(std::filesystem::is_empty(temp / "disk"));
}

TEST_CASE("a matrix that needs more memory names what to ask Slurm for, and that is enough",
          "[job_life]") {
  const TempFolder temp;
  // 72 MB for its Gram matrix. It is not read.
  const std::string header =
      "{\"a.weight\":{\"dtype\":\"F32\",\"shape\":[3000,3000],\"data_offsets\":[0,36000000]}}";
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(header, ""));
  std::filesystem::resize_file(temp / "m/model.safetensors", 8 + header.size() + 36000000);
  const std::vector<std::string> words = with(scan_words(temp), {"--until", "1s"});
  const std::regex advice(
      "--memory-per-rank, or submit the job with (--mem|--mem-per-cpu)=(\\d+)M$");
  for (const bool by_cpu : {false, true}) {
    const auto job = [&](const std::string& mib) {
      return std::string("SLURM_JOB_ID=27 SLURM_CPUS_ON_NODE=2 ") +
             (by_cpu ? "SLURM_MEM_PER_CPU=" : "SLURM_MEM_PER_NODE=") + mib;
    };
    const Outcome small = run(job("50"), words);
    CHECK(small.exit_code == 4);
    REQUIRE(small.messages().size() == 1);
    CAPTURE(small.messages()[0]);
    std::smatch found;
    const std::string text = small.messages()[0];
    REQUIRE(std::regex_search(text, found, advice));
    CHECK(found[1] == (by_cpu ? "--mem-per-cpu" : "--mem"));
    CHECK(run(job(found[2]), words).exit_code == 75);  // planned, and not begun
  }
  const Outcome told = run("SLURM_JOB_ID=27", with(words, {"--memory-per-rank", "30M"}));
  CHECK(told.exit_code == 4);
  CHECK(told.messages().at(0).ends_with("Use more ranks, or raise --memory-per-rank"));
}
