/// @file
/// A file that is written whole or not at all.

#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>
#include <sys/stat.h>

#include "wishart/core/error.hpp"
#include "wishart/core/whole_file.hpp"

#include "support/temp_folder.hpp"

using namespace wishart;

namespace {

void add(WholeFile& file, const std::string& text) { file.write(std::as_bytes(std::span(text))); }

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::int64_t entries_of(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("a file takes its name when it is finished, in parts of any size", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.write("a.csv", "before");
  {
    WholeFile file(path);
    add(file, "one ");
    CHECK(text_of(path) == "before");
    CHECK(entries_of(folder.path()) == 2);
    add(file, "");
    add(file, "two");
    file.finish(GENERATE(WholeFile::Flush::later, WholeFile::Flush::to_disk));
  }
  CHECK(text_of(path) == "one two");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("two writers of one file do not meet, though their process ids are the same",
          "[whole_file]") {
  // As processes of two containers on a shared disk; here both are this one.
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "a.csv";
  WholeFile first(path);
  add(first, "first");
  {
    WholeFile second(path);
    add(second, "second");
    CHECK(entries_of(folder.path()) == 2);
    second.finish();
  }
  CHECK(text_of(path) == "second");
  first.finish();
  CHECK(text_of(path) == "first");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("a file that is not finished leaves nothing, and what was there", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.write("a.csv", "before");
  {
    WholeFile file(path);
    add(file, "half");
  }
  CHECK(text_of(path) == "before");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("a file keeps the permissions of the one that it replaces", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.write("a.csv", "before");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  WholeFile file(path);
  add(file, "after");
  file.finish();
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0600);
}

TEST_CASE("a long name is no obstacle, a missing folder is", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / std::string(255, 'x');
  WholeFile file(path);
  file.finish();
  CHECK(std::filesystem::exists(path));
  CHECK_THROWS_WITH(WholeFile(folder / "none/a"),
                    (folder / "none/a").string() +
                        ": cannot be written: No such file or directory. What stood there before "
                        "is unchanged");
}

TEST_CASE("everyone can be let read a file, whatever the umask", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder / "metrics";
  const mode_t before = ::umask(077);
  {
    WholeFile file(path);
    file.let_everyone_read();
    add(file, "text");
    file.finish();
  }
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0644U);
}

TEST_CASE("what is asked before a file takes its name can keep the one before", "[whole_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.write("a", "before");
  WholeFile file(path);
  add(file, "after");
  CHECK_THROWS_WITH(file.finish(WholeFile::Flush::to_disk,
                                [&] {
                                  CHECK(entries_of(folder.path()) == 2);
                                  throw Error(Blame::resource, "lost");
                                }),
                    "lost");
  CHECK(text_of(path) == "before");
  CHECK(entries_of(folder.path()) == 1);
}
