/// @file
/// An archive is there as a whole or not at all, whatever goes wrong while it is written.

#include <catch2/catch.hpp>
#include <unistd.h>

#include "wishart/archive/archive.hpp"

#include "file_size_limit.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;
using test::sample_record;

namespace {

std::int64_t entries_of(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder),
                       std::filesystem::directory_iterator());
}

}  // namespace

TEST_CASE("nothing but the archive is left in the folder", "[archive]") {
  const test::TempFolder folder;
  CHECK(write_archive(folder.path(), sample_record(3)) == folder / "sample.h5");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("an archive replaces the one before", "[archive]") {
  const test::TempFolder folder;
  write_archive(folder.path(), sample_record(3));
  write_archive(folder.path(), sample_record(4));
  CHECK(read_archive(folder / "sample.h5").layers.size() == 4);
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("on a full disk the old archive stays and the temporary file goes", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), sample_record(3));
  CheckpointRecord large = sample_record(3);
  for (std::size_t i = 0; i < 200'000; ++i) {
    large.spectra[0].sigma.push_back(1.0 / static_cast<double>(i + 3));  // deflates badly
  }
  for (const ::rlim_t limit : {0U, 100U, 5'000U, 20'000U, 100'000U, 300'000U}) {
    CAPTURE(limit);
    std::string text;
    {
      const test::FileSizeLimit full(limit);
      text = error_of([&] { write_archive(folder.path(), large); });
    }
    CHECK(text.rfind("4: " + path.string() + ": ", 0) == 0);
    const std::string end =
        "cannot be written: File too large. What stood there before is unchanged";
    CHECK(text.substr(text.size() - std::min(text.size(), end.size())) == end);
    CHECK(entries_of(folder.path()) == 1);
    CHECK(test::difference(read_archive(path), sample_record(3)) == "");
  }
  write_archive(folder.path(), large);  // HDF5 has not kept anything of the failures
  CHECK(test::difference(read_archive(path), large) == "");
}

TEST_CASE("a folder that is not there, or is a file, is refused", "[archive]") {
  const test::TempFolder folder;
  const std::filesystem::path file = folder.write("file", "x");
  CHECK(error_of([&] { write_archive(file, sample_record(1)); }) ==
        "4: " + (file / "sample.h5").string() +
            ": cannot be written: Not a directory. What stood there before is unchanged");
  CHECK(error_of([&] { write_archive(folder / "none", sample_record(1)); }) ==
        "4: " + (folder / "none/sample.h5").string() +
            ": cannot be written: No such file or directory. What stood there before is unchanged");
}

TEST_CASE("a target that cannot be replaced is refused", "[archive]") {
  const test::TempFolder folder;
  folder.write("sample.h5/occupied", "x");
  CHECK(error_of([&] { write_archive(folder.path(), sample_record(1)); }) ==
        "4: " + (folder / "sample.h5").string() +
            ": cannot be written: Is a directory. What stood there before is unchanged");
  CHECK(entries_of(folder.path()) == 1);
}

TEST_CASE("a temporary file that a killed process left is in nobody's way", "[archive]") {
  const test::TempFolder folder;
  const std::string own = ".sample.h5.tmp-" + std::to_string(::getpid());
  folder.write(own, "half an archive");
  folder.write(".sample.h5.tmp-1", "half an archive");
  CHECK(list_checkpoints(folder.path()).empty());
  write_archive(folder.path(), sample_record(1));
  CHECK(list_checkpoints(folder.path()) == std::vector<std::string>{"sample"});
  // It may be that of a process of another host or container.
  CHECK(std::filesystem::exists(folder / own));
}
