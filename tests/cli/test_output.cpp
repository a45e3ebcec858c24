/// @file
/// `--output FILE`: what goes to standard output without it, whole or not at all.

#include <fstream>

#include <catch2/catch.hpp>
#include <sys/mount.h>

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// A model, its archive of two checkpoints, and a folder for what is written.
class Scene {
public:
  Scene() {
    std::filesystem::create_directories(temp / "out");
    for (std::uint64_t step = 1; step <= 2; ++step) {
      write_bytes(temp / ("run/step-" + std::to_string(step)) / "model.safetensors",
                  safetensors_bytes({{"a.weight", {40, 30}, noise_values(1200, 1)},
                                     {"b.weight", {30, 20}, noise_values(600, 2 + step)}}));
    }
    temp.write("rules.cfg", "[alpha]\nmetric = alpha\nmax = 0.1\n");
    REQUIRE(run_wishart({"scan", model(), "--archive", archive()}).exit_code == 0);
  }

  [[nodiscard]] std::string model() const { return (temp / "run").string(); }
  [[nodiscard]] std::string archive() const { return (temp / "archive").string(); }
  [[nodiscard]] std::string out(const std::string& name) const {
    return (temp / "out" / name).string();
  }
  /// Names in the folder of what is written.
  [[nodiscard]] std::int64_t num_written() const {
    return std::distance(std::filesystem::directory_iterator(temp / "out"),
                         std::filesystem::directory_iterator());
  }

  TempFolder temp;
};

void check_refused(const Outcome& outcome, int code, const std::string& message) {
  CAPTURE(outcome.err, outcome.out);
  CHECK(outcome.exit_code == code);
  CHECK(outcome.err == "wishart: " + message + "\n");
}

}  // namespace

TEST_CASE("every command that writes a document writes it to a file", "[output]") {
  const Scene scene;
  const std::string archive = scene.archive();
  const std::string step = scene.model() + "/step-1";
  struct Case {
    std::vector<std::string> words;
    std::string format;
    std::string ending;
    int code = 0;
  };
  const std::vector<Case> cases{
      {{"report", archive}, "html", ".html"},
      {{"report", archive}, "text", ".txt"},
      {{"export", archive, "--checkpoint", "step-1"}, "csv", ".csv"},
      {{"export", archive, "--table", "history"}, "json", ".json"},
      {{"export", archive, "--checkpoint", "step-1", "--table", "spectrum", "--matrix", "a.weight"},
       "npy",
       ".npy"},
      {{"compare", archive, "step-1", "step-2"}, "md", ".md"},
      {{"compare", archive, "step-1", "step-2"}, "html", ".html"},
      {{"rank", archive}, "html", ".html"},
      {{"gate", archive, "--rules", (scene.temp / "rules.cfg").string(), "--checkpoint", "step-2"},
       "json",
       ".json",
       1},
      {{"rank", archive}, "csv", ".csv"},
      {{"inspect", step}, "csv", ".csv"},
      {{"plan", step, "--ranks", "4", "--gflops", "10"}, "json", ".json"},
      {{"verify", archive}, "json", ".json"}};
  std::int64_t written = 0;
  for (const Case& one : cases) {
    CAPTURE(one.words, one.ending);
    std::vector<std::string> plain = one.words;
    plain.insert(plain.end(), {"--format", one.format});
    const Outcome printed = run_wishart(plain);
    REQUIRE(printed.exit_code == one.code);
    const std::string file = scene.out(std::to_string(++written) + one.ending);
    std::vector<std::string> filed = one.words;
    filed.insert(filed.end(), {"-o", file});
    const Outcome outcome = run_wishart(filed);
    CAPTURE(outcome.err);
    CHECK(outcome.exit_code == one.code);
    CHECK(outcome.out.empty());
    CHECK_FALSE(printed.out.empty());
    CHECK(content_of(file) == printed.out);
    CHECK(scene.num_written() == written);
    // Standard output has the verdicts of a gate; without it a line says why the code is 1. A line
    // says what an order of models is worth, for which its table has no room.
    const bool explained = one.code != 0 || (one.words.front() == "rank" && one.format == "csv");
    CHECK(outcome.messages().size() == (explained ? 1U : 0U));
  }
}

TEST_CASE("a file is replaced by a whole one only, and links are followed", "[output]") {
  const Scene scene;
  const std::string file = scene.out("a.csv");
  write_bytes(file, "before");
  check_refused(run_wishart({"export", scene.archive(), "--checkpoint", "step-9", "-o", file}), 2,
                scene.archive() +
                    ": has no checkpoint 'step-9'. It has: step-1, step-2. Did you mean 'step-1'?");
  CHECK(content_of(file) == "before");
  const std::string link = scene.out("link.csv");
  std::filesystem::create_symlink("a.csv", link);
  const std::vector<std::string> words{"export", scene.archive(), "--checkpoint", "step-1"};
  const std::string expected = run_wishart(words).out;
  CHECK(run_wishart({words[0], words[1], words[2], words[3], "-o", link}).exit_code == 0);
  CHECK(std::filesystem::is_symlink(link));
  CHECK(content_of(file) == expected);
  CHECK(scene.num_written() == 2);
}

TEST_CASE("a target that cannot be a file is refused before any work", "[output]") {
  const Scene scene;
  const auto exported = [&](const std::string& file) {
    return run_wishart(
        {"export", scene.archive(), "--checkpoint", "step-1", "--format", "csv", "-o", file});
  };
  const std::string dangling = scene.out("dangling.csv");
  std::filesystem::create_symlink("nowhere.csv", dangling);
  check_refused(exported(dangling), 2, "--output " + dangling + ": is a broken link. Remove it");
  CHECK(std::filesystem::is_symlink(dangling));
  std::filesystem::remove(dangling);
  check_refused(exported(scene.out("")), 2,
                "--output " + scene.out("") + ": is a folder, expected a file. Name a file in it");
  std::filesystem::create_directories(scene.out("d.csv"));
  check_refused(
      exported(scene.out("d.csv")), 2,
      "--output " + scene.out("d.csv") + ": is a folder, expected a file. Name a file in it");
  check_refused(exported(scene.out("none/a.csv")), 2,
                "--output " + scene.out("none/a.csv") + ": the folder " + scene.out("none") +
                    " does not exist. Create it first");
  write_bytes(scene.out("file"), "x");
  check_refused(exported(scene.out("file/a.csv")), 2,
                "--output " + scene.out("file/a.csv") + ": the folder " + scene.out("file") +
                    " does not exist. Create it first");
  REQUIRE(run_shell("mkfifo " + quoted(scene.out("pipe"))).exit_code == 0);
  check_refused(exported(scene.out("pipe")), 2,
                "--output " + scene.out("pipe") +
                    ": is not a regular file, so it cannot be replaced. Leave out --output");
  CHECK(std::filesystem::is_fifo(scene.out("pipe")));
}

TEST_CASE("what fails while a file is written leaves what was there", "[output]") {
  const Scene scene;
  const std::string file = scene.out("a.csv");
  write_bytes(file, "before");
  const std::string command = quoted(program_path()) + " export " + quoted(scene.archive()) +
                              " --checkpoint step-1 -o " + quoted(file);
  const std::string preload = "LD_PRELOAD=" + quoted(WISHART_EIO) + " ";
  for (const char* call : {"fsync", "rename"}) {
    CAPTURE(call);
    check_refused(
        run_shell(preload + "WISHART_FAIL=" + call + " WISHART_FAIL_PATH=a.csv " + command), 4,
        file + ": cannot be written: Input/output error. What stood there before is unchanged");
    CHECK(content_of(file) == "before");
    CHECK(scene.num_written() == 1);
  }
  check_refused(run_shell(preload + "WISHART_SIGNAL_PATH=.a.csv.tmp- " + command), 75,
                "stopped by SIGTERM: " + file + " is unchanged. Run the same command again");
  CHECK(content_of(file) == "before");
  CHECK(scene.num_written() == 1);
  check_refused(run_shell("ulimit -f 1; " + command), 4,
                file + ": cannot be written: File too large. What stood there before is unchanged");
  CHECK(content_of(file) == "before");
  CHECK(scene.num_written() == 1);
  CHECK(run_shell(command).exit_code == 0);
  CHECK(scene.num_written() == 1);
}

TEST_CASE("on a full disk nothing is left", "[output]") {
  const Scene scene;
  const std::filesystem::path disk = scene.temp / "disk";
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=4k") != 0) {
    WARN("no file system can be mounted here: not tested");
    return;
  }
  const std::string file = (disk / "r.html").string();
  const Outcome outcome = run_wishart({"report", scene.archive(), "-o", file});
  const bool empty = std::filesystem::is_empty(disk);
  ::umount(disk.c_str());
  check_refused(outcome, 4,
                file +
                    ": cannot be written: No space left on device. What stood there before is "
                    "unchanged");
  CHECK(empty);
}
