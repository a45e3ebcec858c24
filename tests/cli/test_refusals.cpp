/// @file
/// Bad input, bad arguments, bad surroundings: one clear message, the right exit code, no hang.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

const std::vector<TensorToWrite> kGood{{"a.weight", {20, 16}, noise_values(320, 1)},
                                       {"b.weight", {16, 12}, noise_values(192, 2)}};

/// Scans `path` on `ranks` ranks; the run must end with `exit_code` and exactly one message that
/// contains each of `parts`.
void check_refused(const TempFolder& temp, const std::filesystem::path& path, int exit_code,
                   const std::vector<std::string>& parts, std::vector<std::string> more = {},
                   int ranks = 3) {
  std::vector<std::string> arguments{
      "scan", path.string(), "--archive", (temp / "archive").string(), "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = run_wishart(arguments, ranks, 60);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  REQUIRE(outcome.messages().size() == 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(outcome.messages()[0].find(part) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("a truncated file is refused with both sizes", "[refusal]") {
  const TempFolder temp;
  const std::string bytes = safetensors_bytes(kGood);
  write_bytes(temp / "m/model.safetensors", bytes.substr(0, bytes.size() - 100));
  check_refused(
      temp, temp / "m", 3,
      {"model.safetensors: the tensors of the header take 2048 bytes, the file has 1948"});
}

TEST_CASE("a header length that lies is refused", "[refusal]") {
  const TempFolder temp;
  std::string bytes = safetensors_bytes(kGood);
  bytes[4] = '\x7f';
  write_bytes(temp / "m/model.safetensors", bytes);
  check_refused(temp, temp / "m", 3, {"model.safetensors", "header"});
}

TEST_CASE("overlapping tensors are refused by name", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors",
              safetensors_bytes(R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
                                R"("b":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}})",
                                std::string(24, '\0')));
  check_refused(temp, temp / "m", 3, {"model.safetensors", "b"});
}

TEST_CASE("a missing shard is refused by name", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model-00001-of-00002.safetensors", safetensors_bytes({kGood[0]}));
  write_bytes(temp / "m/model.safetensors.index.json",
              R"({"weight_map": {"a.weight": "model-00001-of-00002.safetensors",)"
              R"( "b.weight": "model-00002-of-00002.safetensors"}})");
  check_refused(temp, temp / "m", 3, {"model-00002-of-00002.safetensors"});
}

TEST_CASE("an unknown dtype is refused by tensor and name", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors",
              safetensors_bytes(R"({"odd":{"dtype":"F7","shape":[2,2],"data_offsets":[0,16]}})",
                                std::string(16, '\0')));
  check_refused(temp, temp / "m", 3, {"model.safetensors", "odd", "F7"});
}

TEST_CASE("names from strangers reach the terminal escaped", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors",
              safetensors_bytes(
                  "{\"x\\u001b[31m\":{\"dtype\":\"F7\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                  std::string(4, '\0')));
  check_refused(temp, temp / "m", 3, {"\\x1b[31m"});
}

TEST_CASE("a path that is not there, or has no checkpoint, is refused", "[refusal]") {
  const TempFolder temp;
  check_refused(temp, temp / "none", 3, {"none"});
  CHECK_FALSE(std::filesystem::exists(temp / "archive"));
  std::filesystem::create_directories(temp / "empty");
  check_refused(temp, temp / "empty", 3, {"empty"});
}

TEST_CASE("a folder that cannot be read is refused", "[refusal]") {
  const TempFolder temp;
  // A loop of links cannot be read by anyone, root included.
  std::filesystem::create_symlink(temp / "loop", temp / "loop");
  check_refused(temp, temp / "loop", 3, {"loop"});
}

TEST_CASE("an archive folder that cannot be written is refused before any work", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(kGood));
  write_bytes(temp / "file", "not a folder");
  const Outcome outcome = run_wishart({"scan", (temp / "m").string(), "--archive",
                                       (temp / "file/archive").string(), "--progress", "none"},
                                      2, 60);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 4);
  REQUIRE(outcome.messages().size() == 1);
  CHECK(outcome.messages()[0].find("file/archive") != std::string::npos);
}

TEST_CASE("arguments are refused with the nearest that exists", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(kGood));
  check_refused(temp, temp / "m", 2, {"unknown key '--min-eval'. Did you mean 'min-evals'?"},
                {"--min-eval", "3"});
  check_refused(temp, temp / "m", 2, {"--team-size 8: this job has 3 ranks"}, {"--team-size", "8"});
  check_refused(temp, temp / "m", 2, {"--method: expected one of auto, gram, qr, svd, found 'qr2'"},
                {"--method", "qr2"});
  check_refused(temp, temp / "m", 4, {"a.weight (20 x 16): needs", "the limit is 100 B"},
                {"--memory-per-rank", "100"});
  check_refused(temp, temp / "m", 2, {"nothing.*"}, {"--layers", "nothing.*"});
}

TEST_CASE("keys of a job file are refused by file and name", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(kGood));
  const auto job = temp.write("job.cfg", "# a comment\nmin-evals = 4\narchiv = x\n");
  check_refused(temp, temp / "m", 2, {"job.cfg: unknown key 'archiv'. Did you mean 'archive'?"},
                {"--job", job.string()});
}

TEST_CASE("7 ranks do a checkpoint of two matrices", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(kGood));
  const std::string archive = (temp / "archive").string();
  const Outcome outcome = run_wishart(
      {"scan", (temp / "m").string(), "--archive", archive, "--progress", "none"}, 7, 60);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(parse_csv(run_wishart({"export", archive}).out).rows.size() == 2);
}

TEST_CASE("a name that no archive file can have is refused before anything is read", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "index/model.safetensors", "not read");
  write_bytes(temp / "m/model.safetensors", safetensors_bytes(kGood));
  check_refused(temp, temp / "index", 2,
                {"wishart: " + (temp / "index").string() +
                 ": its name gives it the id 'index', which is reserved for the archive's own "
                 "file. Scan it with another name: --id NAME"});
  for (const std::string id : {"x/y", "index", ".hidden", "a b", "\x1b[31m", "../x"}) {
    CAPTURE(id);
    const std::string shown = id[0] == '\x1b' ? "\\x1b[31m" : id;
    check_refused(temp, temp / "none", 2,
                  {"wishart: --id: expected up to 200 letters, digits and ._+=-, no dot at the "
                   "beginning, and not 'index'; found '" +
                   shown + "'"},
                  {"--id", id});
  }
  check_refused(temp, temp / "m", 2, {"not 'index'; found '" + std::string(201, 'x') + "'"},
                {"--id", std::string(201, 'x')});
  CHECK_FALSE(std::filesystem::exists(temp / "archive/index.h5"));
  write_bytes(temp / "index/model.safetensors", safetensors_bytes(kGood));
  CHECK(run_wishart({"scan", (temp / "index").string(), "--archive", (temp / "archive").string(),
                     "--id", "step-1"})
            .exit_code == 0);
}

TEST_CASE("two files of one folder under one id do not replace each other", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "m/a.safetensors", safetensors_bytes(kGood));
  write_bytes(temp / "m/b.safetensors", safetensors_bytes({kGood[1]}));
  const std::string archive = (temp / "archive").string();
  const std::string a = (temp / "m/a.safetensors").string();
  const std::string b = (temp / "m/b.safetensors").string();
  REQUIRE(run_wishart({"scan", a, "--archive", archive, "--id", "m"}).exit_code == 0);
  check_refused(temp, b, 2,
                {"m.h5: holds another checkpoint, " + a + ", but " + b +
                 " has the same name. Choose another with --id"},
                {"--id", "m"});
  CHECK(parse_csv(run_wishart({"export", archive}).out).rows.size() == 2);
  CHECK(run_wishart({"report", archive, "--wide"}).out.find(a) != std::string::npos);
  // The same file, changed, replaces what was there only if that is wanted, however its path is
  // written.
  write_bytes(temp / "m/a.safetensors", safetensors_bytes({kGood[1]}));
  const std::string again = (temp / "m/../m/./a.safetensors").string();
  check_refused(
      temp, again, 2,
      {"m.h5: holds another analysis of this checkpoint: ", "replace that one with --replace"},
      {"--id", "m"});
  CHECK(parse_csv(run_wishart({"export", archive}).out).rows.size() == 2);
  CHECK(run_wishart({"scan", again, "--archive", archive, "--id", "m", "--replace"}).exit_code ==
        0);
  CHECK(parse_csv(run_wishart({"export", archive}).out).rows.size() == 1);
}

TEST_CASE("a history goes on after a checkpoint whose name is reserved", "[refusal]") {
  const TempFolder temp;
  for (const char* name : {"index", "step-1"}) {
    write_bytes(temp / "history" / name / "model.safetensors", safetensors_bytes(kGood));
  }
  // On one rank: work is done here, and more ranks than the machine has cores would be told.
  check_refused(temp, temp / "history", 2, {"history/index: its name gives it the id 'index'"}, {},
                1);
  CHECK(std::filesystem::exists(temp / "archive/step-1.h5"));
}

TEST_CASE("another checkpoint of the same name does not replace the first", "[refusal]") {
  const TempFolder temp;
  write_bytes(temp / "x/m/model.safetensors", safetensors_bytes(kGood));
  write_bytes(temp / "y/m/model.safetensors", safetensors_bytes({kGood[1]}));
  const std::string archive = (temp / "archive").string();
  CHECK(run_wishart({"scan", (temp / "x/m").string(), "--archive", archive}).exit_code == 0);
  check_refused(temp, temp / "y/m", 2, {"m.h5: holds another checkpoint", "--id"});
  CHECK(run_wishart({"scan", (temp / "y/m").string(), "--archive", archive, "--id", "other"})
            .exit_code == 0);
}
