/// @file
/// Reading by position: it succeeds completely, or throws an error with the file, the offset and
/// what was found.

#include <array>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"

#include "support/temp_folder.hpp"

using namespace wishart;

TEST_CASE("any range of a file can be read", "[file]") {
  const test::TempFolder folder;
  const InputFile file(folder.write("a.bin", "0123456789"));
  std::array<char, 4> text{};
  file.read(3, std::as_writable_bytes(std::span(text)));
  CHECK(std::string(text.data(), 4) == "3456");
  CHECK(file.size_bytes() == 10);
  CHECK(file.mtime_ns() > 0);
}

TEST_CASE("a file that ends early is an input error with its numbers", "[file]") {
  const test::TempFolder folder;
  const auto path = folder.write("a.bin", "0123456789");
  const InputFile file(path);
  std::array<std::byte, 4> bytes{};
  CHECK_THROWS_WITH(file.read(8, bytes), path.string() +
                                             ": ends at byte 10, expected 4 bytes at offset 8. The "
                                             "file was truncated while it was being read");
}

TEST_CASE("missing files, folders and large texts are refused by name", "[file]") {
  const test::TempFolder folder;
  CHECK_THROWS_WITH(InputFile(folder / "none"),
                    (folder / "none").string() + ": cannot be opened: No such file or directory");
  CHECK_THROWS_WITH(InputFile(folder.path()),
                    folder.path().string() + ": expected a regular file, found something else");
  const auto path = folder.write("big.json", std::string(100, ' '));
  CHECK_THROWS_WITH(read_text_file(path, 99),
                    path.string() + ": has 100 bytes, expected at most 99");
  CHECK(read_text_file(path, 100).size() == 100);
}

TEST_CASE("causes are listed below the error", "[error]") {
  std::string text;
  try {
    try {
      throw Error(Blame::input, "inner");
    } catch (...) {
      std::throw_with_nested(Error(Blame::numerics, "outer"));
    }
  } catch (const std::exception& error) {
    text = describe(error);
    CHECK(blame_of(error) == Blame::numerics);
  }
  CHECK(text == "outer\n  because: inner");
  CHECK(blame_of(std::bad_alloc()) == Blame::resource);
  CHECK(blame_of(std::runtime_error("x")) == Blame::bug);
}
