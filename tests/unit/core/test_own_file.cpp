/// @file
/// Files under wishart's own names, where somebody may have put something else.

#include <cerrno>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "wishart/core/own_file.hpp"

#include "support/temp_folder.hpp"

using namespace wishart;

TEST_CASE("a file of our own is opened, made by the umask, or missing", "[own_file]") {
  const test::TempFolder folder;
  const std::filesystem::path path = folder.write("file", "text");
  CHECK(open_own_file(path, O_RDONLY).descriptor.get() >= 0);
  CHECK(open_own_file(folder / "none", O_RDONLY).code == ENOENT);
  const mode_t before = ::umask(0027);
  CHECK(open_own_file(folder / "new", O_RDWR | O_CREAT).descriptor.get() >= 0);
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat((folder / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640);
}

TEST_CASE("links, FIFOs and devices are not opened", "[own_file]") {
  const test::TempFolder folder;
  const std::filesystem::path victim = folder.write("victim", "precious");
  std::filesystem::create_symlink(victim, folder / "link");
  std::filesystem::create_symlink(folder / "none", folder / "dangling");
  std::filesystem::create_symlink("/dev/null", folder / "device");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  for (const char* name : {"link", "dangling", "device", "fifo"}) {
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR | O_CREAT | O_TRUNC}) {
      const OwnFile file = open_own_file(folder / name, flags);
      CHECK(file.planted);
      CHECK(file.descriptor.get() < 0);
      CHECK(file.code == 0);
    }
  }
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  CHECK(test::content_of(victim) == "precious");
}

TEST_CASE("a file with another name too is read, and not written", "[own_file]") {
  const test::TempFolder folder;
  const std::filesystem::path victim = folder.write("victim", "precious");
  std::filesystem::create_hard_link(victim, folder / "link");
  CHECK(open_own_file(folder / "link", O_RDONLY).descriptor.get() >= 0);
  CHECK(open_own_file(folder / "link", O_RDWR | O_TRUNC).planted);
  CHECK(test::content_of(victim) == "precious");
}
