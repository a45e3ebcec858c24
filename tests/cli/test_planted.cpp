/// @file
/// A folder that others may write to: what stands there under wishart's names is not followed and
/// not waited for; new files have the permissions that the umask leaves.

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// A checkpoint of one small matrix, `m`.
std::string write_model(const TempFolder& temp) {
  write_layers(temp / "m", 1, 20, 16);
  return (temp / "m").string();
}

mode_t mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("what is planted in an archive folder is not followed or waited for", "[planted]") {
  const TempFolder temp;
  const std::string model = write_model(temp);
  const std::filesystem::path victim = temp.write("victim", "precious");
  const auto scan_with = [&](const std::string& name, bool fifo) {
    std::filesystem::remove_all(temp / "a");
    std::filesystem::create_directory(temp / "a");
    const std::filesystem::path planted = temp / "a" / name;
    if (fifo) {
      REQUIRE(::mkfifo(planted.c_str(), 0666) == 0);
    } else {
      std::filesystem::create_symlink(victim, planted);
    }
    const Outcome outcome = run_wishart(
        {"scan", model, "--archive", (temp / "a").string(), "--progress", "none"}, 0, 60);
    CHECK(content_of(victim) == "precious");
    INFO(outcome.err);
    CHECK(outcome.exit_code != 124);
    return outcome;
  };
  for (const bool fifo : {false, true}) {
    const Outcome lock = scan_with("m.lock", fifo);
    CHECK(lock.exit_code == 4);
    CHECK(lock.err.find("/a/m.lock: expected a lock, found something that is not a regular file. "
                        "Remove it") != std::string::npos);
    const Outcome journal = scan_with("m.journal", fifo);
    CHECK(journal.exit_code == 4);
    CHECK(journal.err.find("/a/m.journal: expected a journal, found something that is not a "
                           "regular file, or a file with another name too. Remove it") !=
          std::string::npos);
    // The index is replaced: a link by its name, not what it leads to. An archive may be a link;
    // what this one leads to is none.
    CHECK(scan_with("index.h5", fifo).exit_code == 0);
    CHECK(std::filesystem::symlink_status(temp / "a/index.h5").type() ==
          std::filesystem::file_type::regular);
    CHECK(scan_with("m.h5", fifo).exit_code == (fifo ? 0 : 3));
  }
}

TEST_CASE("files have the permissions that the umask leaves", "[planted]") {
  const TempFolder temp;
  const std::string model = write_model(temp);
  const std::string archive = quoted((temp / "a").string());
  const auto run = [&](const std::string& umask, const std::string& arguments) {
    const Outcome outcome =
        run_shell("umask " + umask + " && " + quoted(program_path()) + " " + arguments);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
  };
  run("027", "scan " + quoted(model) + " --archive " + archive + " --progress none");
  CHECK(mode_of(temp / "a") == 0750);
  for (const char* name : {"m.h5", "index.h5"}) CHECK(mode_of(temp / "a" / name) == 0640);
  run("002", "report " + archive + " -o " + quoted((temp / "r.html").string()));
  CHECK(mode_of(temp / "r.html") == 0664);
  // Permissions that somebody has set stay, but for those that only programs have.
  REQUIRE(::chmod((temp / "r.html").c_str(), 04600) == 0);
  run("002", "report " + archive + " -o " + quoted((temp / "r.html").string()));
  CHECK(mode_of(temp / "r.html") == 0600);
}
