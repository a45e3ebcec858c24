/// @file
/// The job files that are shipped: each is run by the command that its name begins with.

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// Commands run in this folder, where the relative names of job files lead.
class WorkingFolder {
public:
  explicit WorkingFolder(const std::filesystem::path& folder)
      : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(folder);
  }
  ~WorkingFolder() {
    std::error_code ignored;
    std::filesystem::current_path(before_, ignored);
  }
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;

private:
  std::filesystem::path before_;
};

/// A run of two checkpoints, its archive, and scores.
void write_run(const TempFolder& temp) {
  const WorkingFolder inside(temp.path());
  for (const int step : {100, 200}) {
    const auto seed = static_cast<std::uint64_t>(step);
    write_bytes(temp / ("run/checkpoint-" + std::to_string(step)) / "model.safetensors",
                safetensors_bytes(
                    {{"model.embed_tokens.weight", {64, 32}, noise_values(2048, 1)},
                     {"model.layers.0.mlp.up_proj.weight", {48, 32}, noise_values(1536, seed)},
                     {"model.norm.weight", {32}, noise_values(32, 3)}}));
  }
  temp.write("scores.csv", "model,score,accuracy\ncheckpoint-100,1,60\ncheckpoint-200,2,70\n");
  REQUIRE(run_wishart({"scan", "run", "--archive", "archive", "--progress", "none"}).exit_code ==
          0);
}

/// The words of each command that has job files, or of one file. A gate's file holds its rules.
const std::map<std::string, std::vector<std::string>>& commands() {
  static const std::map<std::string, std::vector<std::string>> words{
      {"scan", {"run", "--archive", "new", "--job"}},
      {"plan", {"run/checkpoint-100", "--job"}},
      {"refit", {"archive", "--job"}},
      {"report", {"archive", "--job"}},
      {"export", {"archive", "--job"}},
      {"compare", {"archive", "checkpoint-100", "checkpoint-200", "--job"}},
      {"gate",
       {"archive", "--base", "checkpoint-100", "--checkpoint", "checkpoint-100", "--rules"}},
      // A step of a run, which changes weights.
      {"gate-pretraining", {"archive", "--checkpoint", "checkpoint-200", "--rules"}},
      {"rank", {"archive", "--job"}},
      {"verify", {"archive", "--job"}},
      {"index", {"archive", "--job"}},
      {"merge", {"archive", "--job"}}};
  return words;
}

/// The command of a job file: what its name has before the first hyphen.
std::string command_of(const std::filesystem::path& file) {
  return wishart::split(file.filename().string(), '-').front();
}

/// Runs a job file by its command in a copy of `run`.
Outcome run_job(const std::filesystem::path& file, const TempFolder& run) {
  const std::string command = command_of(file);
  const TempFolder temp;
  const WorkingFolder inside(temp.path());
  std::filesystem::copy(run.path(), temp.path(), std::filesystem::copy_options::recursive);
  std::vector<std::string> arguments{command};
  const auto own = commands().find(file.stem().string());
  const auto words = own != commands().end() ? own : commands().find(command);
  for (const std::string& word : words->second) arguments.push_back(word);
  arguments.push_back(file.string());
  return run_wishart(arguments, command == "scan" ? 2 : 0);
}

std::vector<std::filesystem::path> job_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(in_source("jobs"))) {
    files.push_back(entry.path());
  }
  return files;
}

/// The file with its commented options, `#key = value`, taken in. Prose has a space behind the #.
std::string with_all_options(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  std::string all;
  std::set<std::string> given;
  const std::vector<std::string> lines = wishart::split(text.str(), '\n');
  const auto key = [](const std::string& line) { return line.substr(0, line.find(' ')); };
  for (const std::string& line : lines) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') given.insert(key(line.substr(1)));
  }
  for (const std::string& line : lines) {
    const bool commented = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    // A key stands once: the commented value takes the place of the other.
    if (!commented && given.count(key(line)) > 0) continue;
    all += (commented ? line.substr(1) : line) + "\n";
  }
  return given.empty() ? "" : all;
}

}  // namespace

TEST_CASE("every shipped job file is run by its command", "[jobs]") {
  const TempFolder run;
  write_run(run);
  std::set<std::string> seen;
  for (const std::filesystem::path& file : job_files()) {
    CAPTURE(file.string());
    REQUIRE(file.extension() == ".cfg");
    // A file of a command that is not in the table needs a line there.
    REQUIRE(commands().count(command_of(file)) == 1);
    seen.insert(command_of(file));
    if (commands().count(file.stem().string()) > 0) seen.insert(file.stem().string());
    const Outcome outcome = run_job(file, run);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.messages().empty());
    CHECK_FALSE(outcome.out.empty());
  }
  CHECK(seen.size() == commands().size());
}

TEST_CASE("the options that job files have in comments are options too", "[jobs]") {
  const TempFolder run;
  write_run(run);
  int files = 0;
  for (const std::filesystem::path& file : job_files()) {
    const std::string all = with_all_options(file);
    if (all.empty() || command_of(file) == "gate") continue;
    const TempFolder temp;
    CAPTURE(all);
    const Outcome outcome = run_job(temp.write(file.filename().string(), all), run);
    INFO(outcome.out << outcome.err);
    CHECK(outcome.exit_code == 0);
    ++files;
  }
  CHECK(files >= 6);
}
