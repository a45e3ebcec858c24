/// @file
/// Full disks, archives that cannot be written, checkpoints that cannot be read, and two jobs on
/// one checkpoint.

#include <cstdlib>
#include <fstream>

#include <catch2/catch.hpp>
#include <sys/mount.h>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

void write_model(const std::filesystem::path& folder, int layers = 24) {
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < layers; ++i) {
    tensors.push_back({"layers." + std::to_string(i) + ".weight",
                       {300, 200},
                       noise_values(300 * 200, static_cast<std::uint64_t>(i))});
  }
  write_bytes(folder / "model.safetensors", safetensors_bytes(tensors));
}

/// A small file system in memory, for as long as the object lives; `made` is false where the
/// machine does not let us.
class SmallDisk {
public:
  SmallDisk(const std::filesystem::path& path, const char* size) : path_(path) {
    std::filesystem::create_directories(path);
    made = ::mount("tmpfs", path.c_str(), "tmpfs", 0, (std::string("size=") + size).c_str()) == 0;
    if (!made) WARN("no file system can be mounted here: not tested");
  }
  ~SmallDisk() {
    if (made) ::umount(path_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  void resize(const char* size) const {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT,
                    (std::string("size=") + size).c_str()) == 0);
  }
  void make_read_only() const {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0);
  }

  bool made = false;

private:
  std::filesystem::path path_;
};

std::string without_seconds(const std::string& archive) {
  const CsvTable table = parse_csv(run_wishart({"export", archive}).out);
  std::string text;
  for (const auto& row : table.rows) {
    for (const std::string& column : table.columns) {
      if (column.find("seconds") == std::string::npos) text += row.at(column) + ",";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("on a full disk what is finished stays finished, and room lets it go on", "[disk]") {
  const TempFolder temp;
  write_model(temp / "model");
  const std::string whole = (temp / "whole").string();
  REQUIRE(run_wishart({"scan", (temp / "model").string(), "--archive", whole}, 2).exit_code == 0);
  const SmallDisk disk(temp / "disk", "24k");
  if (!disk.made) return;
  const std::vector<std::string> scan{"scan",       (temp / "model").string(),
                                      "--archive",  (temp / "disk").string(),
                                      "--progress", "none"};
  const Outcome full = run_wishart(scan, 2);
  INFO(full.err);
  CHECK(full.exit_code == 4);
  REQUIRE(full.messages().size() >= 1);
  CHECK(full.messages().back().find("No space left on device") != std::string::npos);
  CHECK(full.messages().back().find("earlier results are kept") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(temp / "disk/model.h5"));
  CHECK(std::filesystem::exists(temp / "disk/model.journal"));
  disk.resize("4m");
  const Outcome rest = run_wishart(scan, 2);
  INFO(rest.err);
  CHECK(rest.exit_code == 0);
  CHECK(rest.err.find("resuming from the journal") != std::string::npos);
  CHECK(without_seconds((temp / "disk").string()) == without_seconds(whole));
}

TEST_CASE("an archive that cannot be written is refused before any work", "[disk]") {
  const TempFolder temp;
  write_model(temp / "model", 2);
  const SmallDisk disk(temp / "disk", "1m");
  if (!disk.made) return;
  disk.make_read_only();
  const Outcome outcome =
      run_wishart({"scan", (temp / "model").string(), "--archive", (temp / "disk").string()}, 2);
  CHECK(outcome.exit_code == 4);
  REQUIRE(outcome.messages().size() == 1);
  CHECK(outcome.messages()[0].find("files cannot be written in the archive folder: Read-only file "
                                   "system. Choose another archive folder") != std::string::npos);
}

TEST_CASE("an archive folder that vanishes ends the scan with its name", "[disk]") {
  const TempFolder temp;
  write_model(temp / "model", 60);
  const std::string archive = (temp / "archive").string();
  const Outcome outcome =
      run_shell("( for i in $(seq 200); do [ -e " + quoted(archive + "/model.journal") +
                " ] && break; sleep 0.01; done; rm -rf " + quoted(archive) + " ) & " +
                quoted(program_path()) + " scan " + quoted((temp / "model").string()) +
                " --archive " + quoted(archive) + " --progress none; code=$?; wait; exit $code");
  INFO(outcome.err);
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.err.find(archive) != std::string::npos);
}

TEST_CASE("read errors fail their matrices only, and the next scan does these again", "[disk]") {
  const TempFolder temp;
  write_model(temp / "model", 6);
  const std::string whole = (temp / "whole").string();
  REQUIRE(run_wishart({"scan", (temp / "model").string(), "--archive", whole}).exit_code == 0);
  const std::string archive = (temp / "archive").string();
  const std::string scan = quoted(program_path()) + " scan " + quoted((temp / "model").string()) +
                           " --archive " + quoted(archive) + " --progress none";
  const auto bytes = std::filesystem::file_size(temp / "model/model.safetensors");
  const Outcome broken = run_shell("LD_PRELOAD=" + quoted(WISHART_EIO) +
                                   " WISHART_EIO_PATH=model.safetensors WISHART_EIO_FROM=" +
                                   std::to_string(bytes - 3 * 300 * 200 * 4) + " " + scan);
  INFO(broken.err << broken.out);
  CHECK(broken.exit_code == 3);
  const CsvTable table = parse_csv(run_wishart({"export", archive}).out);
  REQUIRE(table.rows.size() == 6);
  int failed = 0;
  for (const auto& row : table.rows) {
    if (row.at("status") != "error") continue;
    ++failed;
    CHECK(row.at("reason").find("Input/output error") != std::string::npos);
  }
  CHECK(failed == 3);
  const Outcome mended = run_shell(scan);
  INFO(mended.err);
  CHECK(mended.exit_code == 0);
  CHECK(mended.err.find("3 of 6 matrices are kept") != std::string::npos);
  CHECK(without_seconds(archive) == without_seconds(whole));
}

TEST_CASE("of two jobs on one checkpoint the second says whose it is, and does the rest",
          "[lock]") {
  const TempFolder temp;
  write_model(temp / "run/step-1", 2);
  write_model(temp / "run/step-2", 2);
  const std::string archive = (temp / "archive").string();
  std::filesystem::create_directories(archive);
  // The lock of a job on another host that is alive: just made.
  std::ofstream(archive + "/step-1.lock")
      << "wishart lock 1\nnode4\nboot x\n123\n456\n789\n2026-01-31T12:00:00Z\ntoken\n";
  const Outcome second = run_wishart({"scan", (temp / "run").string(), "--archive", archive}, 2);
  CAPTURE(second.err, second.out);
  CHECK(second.exit_code == 75);
  CHECK(second.err.find(
            "step-1: another job is working on it: process 123 on node4, Slurm job 789, since "
            "2026-01-31T12:00:00Z; skipped. Run again when that job has ended") !=
        std::string::npos);
  CHECK(second.out.find("step-1: skipped, another job is working on it\n") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(archive + "/step-1.h5"));
  CHECK(std::filesystem::exists(archive + "/step-2.h5"));
  REQUIRE(run_shell("touch -d '2 minutes ago' " + quoted(archive + "/step-1.lock")).exit_code == 0);
  const Outcome third = run_wishart({"scan", (temp / "run").string(), "--archive", archive}, 2);
  CHECK(third.exit_code == 0);
  CHECK(third.err.find("step-1: took over the lock of a job that no longer runs: process 123") !=
        std::string::npos);
  CHECK(std::filesystem::exists(archive + "/step-1.h5"));
  CHECK(run_wishart({"index", archive}).out.find("2 checkpoints, 0 of them read") !=
        std::string::npos);
}
