/// @file
/// Archive folders: which checkpoints they hold, and how one is named.

#include <chrono>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/archive/archive.hpp"

#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;

TEST_CASE("ids are plain file names", "[archive]") {
  for (const char* id : {"a", "step-1000", "Llama-3.1_8B+lora=2", "x.h5", "indexes"}) {
    CAPTURE(id);
    CHECK(is_checkpoint_id(id));
  }
  CHECK(is_checkpoint_id(std::string(200, 'a')));
  for (const char* id : {"", ".", "..", ".a", "a/b", "a b", "a\\b", "a\n", "index", "é"}) {
    CAPTURE(id);
    CHECK_FALSE(is_checkpoint_id(id));
  }
  CHECK_FALSE(is_checkpoint_id(std::string_view("a\0b", 3)));
  CHECK_FALSE(is_checkpoint_id(std::string(201, 'a')));
}

TEST_CASE("checkpoints are listed in natural order, other files are not", "[archive]") {
  const test::TempFolder folder;
  for (const char* name :
       {"step-10.h5", "step-9.h5", "step-100.h5", "a.h5", "index.h5", "a.journal", ".a.h5.tmp-17",
        ".h5", "notes.txt", "b.h5.bak", "folder.h5/x"}) {
    folder.write(name, "");
  }
  CHECK(list_checkpoints(folder.path()) ==
        std::vector<std::string>{"a", "step-9", "step-10", "step-100"});
}

TEST_CASE("a checkpoint that a link no longer leads to is listed, so that it is missed",
          "[archive]") {
  const test::TempFolder folder;
  folder.write("a.h5", "");
  std::filesystem::create_symlink("nowhere.h5", folder / "b.h5");
  std::filesystem::create_symlink("a.h5", folder / "c.h5");
  std::filesystem::create_symlink("nowhere", folder / "notes.txt");
  CHECK(list_checkpoints(folder.path()) == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("a folder that is not there is named", "[archive]") {
  const test::TempFolder folder;
  CHECK(error_of([&] { (void)list_checkpoints(folder / "none"); }) ==
        "3: " + (folder / "none").string() +
            ": cannot be read as an archive folder: No such file or directory");
  // A job that has lost the folder that it made itself blames the machine, not its input.
  CHECK(error_of([&] { (void)list_checkpoints(folder / "none", Blame::resource); }).front() == '4');
}

TEST_CASE("a checkpoint is found by its id, or alone", "[archive]") {
  const test::TempFolder folder;
  CHECK(error_of([&] { (void)resolve_checkpoint(folder.path(), ""); }) ==
        "3: " + folder.path().string() + ": holds no archive. Run `wishart scan` into it first");
  const std::filesystem::path first = folder.write("step-9.h5", "");
  CHECK(resolve_checkpoint(folder.path(), "") == first);
  CHECK(resolve_checkpoint(folder.path(), "step-9") == first);
  CHECK(resolve_checkpoint(first, "") == first);
  CHECK(resolve_checkpoint(first, "step-9") == first);
  const std::filesystem::path second = folder.write("step-10.h5", "");
  CHECK(resolve_checkpoint(folder.path(), "step-10") == second);
  CHECK(error_of([&] { (void)resolve_checkpoint(folder.path(), "step-8"); }) ==
        "2: " + folder.path().string() +
            ": has no checkpoint 'step-8'. It has: step-9, step-10. Did you mean 'step-9'?");
  CHECK(error_of([&] { (void)resolve_checkpoint(folder.path(), "../zzzzzzzzzzzzz"); }) ==
        "2: " + folder.path().string() +
            ": has no checkpoint '../zzzzzzzzzzzzz'. It has: step-9, step-10");
  CHECK(error_of([&] { (void)resolve_checkpoint(first, "zzzzzzzzzzzzz"); }) ==
        "2: " + first.string() + ": has no checkpoint 'zzzzzzzzzzzzz'. It has: step-9");
}

TEST_CASE("a message lists twenty ids and counts the rest", "[archive]") {
  const test::TempFolder folder;
  for (int i = 0; i < 23; ++i) folder.write("s" + std::to_string(i) + ".h5", "");
  const std::string text = error_of([&] { (void)resolve_checkpoint(folder.path(), "zzzzzzzz"); });
  const std::string end = "s18, s19, and 3 more";
  CHECK(text.substr(text.size() - end.size()) == end);
}

TEST_CASE("a folder is made with its parents, and left without a trace of the probe", "[archive]") {
  const test::TempFolder folder;
  prepare_folder(folder / "a/b");
  prepare_folder(folder / "a/b");
  CHECK(std::filesystem::is_empty(folder / "a/b"));
}

TEST_CASE("probes that earlier runs could not remove are removed, and nothing else", "[archive]") {
  const test::TempFolder folder;
  const auto age = [](const std::filesystem::path& path, std::chrono::minutes minutes) {
    std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - minutes);
  };
  const std::chrono::minutes old{11};
  const std::filesystem::path probe = folder.write(".wishart-probe-12345", "");
  age(probe, old);
  const std::filesystem::path of_lock =
      folder.write(".step-1.lock.now-17.4294967295.0.3.99", "now");
  age(of_lock, old);
  // Of a run that is going on; not empty; other names; no file.
  std::vector<std::filesystem::path> kept{folder.write(".wishart-probe-2", "")};
  age(kept.front(), std::chrono::minutes(5));
  for (const char* name :
       {".wishart-probe-", ".wishart-probe-3x", ".wishart-probe-3.txt", "wishart-probe-3",
        ".wishart-probe-x3", ".lock.now-17", ".a.lock.now-x", "step-1.lock"}) {
    kept.push_back(folder.write(name, ""));
    age(kept.back(), old);
  }
  kept.push_back(folder.write(".wishart-probe-4", "somebody's text"));
  age(kept.back(), old);
  kept.push_back(folder / ".wishart-probe-5");
  std::filesystem::create_directory(kept.back());
  age(kept.back(), old);
  const std::filesystem::path link = folder / ".wishart-probe-6";
  std::filesystem::create_symlink("nowhere", link);

  prepare_folder(folder.path());
  CHECK_FALSE(std::filesystem::exists(probe));
  CHECK_FALSE(std::filesystem::exists(of_lock));
  for (const std::filesystem::path& path : kept) {
    CAPTURE(path);
    CHECK(std::filesystem::exists(path));
  }
  CHECK(std::filesystem::is_symlink(link));
}

TEST_CASE("a folder that cannot be made or written is refused", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path file = folder.write("file", "x");
  CHECK(
      error_of([&] { prepare_folder(file / "sub"); }) ==
      "4: " + (file / "sub").string() +
          ": the archive folder cannot be created: Not a directory. Choose another archive folder");
  CHECK(error_of([&] { prepare_folder(file); }) ==
        "2: " + file.string() + ": is a file, expected the folder of an archive");
  CHECK(
      error_of([&] { prepare_folder("/proc"); }) ==
      "4: /proc: files cannot be written in the archive folder: No such file or directory. Choose "
      "another archive folder");
}
