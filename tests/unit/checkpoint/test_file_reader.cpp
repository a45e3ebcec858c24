/// @file
/// Reading elements: values, bounds, open files, changed files.

#include <filesystem>
#include <random>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "wishart/checkpoint/catalogue.hpp"

#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::bytes_of;
using wishart::test::error_of;
using wishart::test::safetensors_bytes;
using wishart::test::TempFolder;

namespace {

std::vector<double> read(ElementReader& reader, const Tensor& tensor, std::int64_t first,
                         std::int64_t count) {
  std::vector<double> out(static_cast<std::size_t>(count));
  reader.read_elements(tensor, first, out);
  return out;
}

/// A checkpoint of one file with the F32 tensor 0, 1, 2, ... of `count` elements, after one byte.
Catalogue counting(const TempFolder& folder, std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  folder.write("model.safetensors",
               safetensors_bytes({{"a", "U8", {1}, "x"},
                                  {"b",
                                   "F32",
                                   {static_cast<std::int64_t>(count)},
                                   bytes_of(std::span<const float>(values))}}));
  return open_checkpoint(folder.path());
}

/// Of this process.
std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    count += entry.is_symlink() ? 1U : 0U;
  }
  return count;
}

std::string hundred_files(const TempFolder& folder) {
  for (int i = 0; i < 100; ++i) {
    const double value = i;
    folder.write("f" + std::to_string(i) + ".safetensors",
                 safetensors_bytes({{"t" + std::to_string(i),
                                     "F64",
                                     {1, 1},
                                     bytes_of(std::span<const double>(&value, 1))}}));
  }
  return folder.path().string();
}

}  // namespace

TEST_CASE("elements are read from any position, over many chunks", "[checkpoint][reader]") {
  const TempFolder folder;
  const auto count = static_cast<std::int64_t>(kReadBytes / 4 * 2 + 17);
  const Catalogue catalogue = counting(folder, static_cast<std::size_t>(count));
  const auto reader = make_reader(catalogue.root, catalogue.files);
  const Tensor& tensor = catalogue.tensors.back();
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    const auto first = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count));
    const auto length =
        round == 0
            ? count - first
            : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(count - first + 1));
    const std::vector<double> values = read(*reader, tensor, first, length);
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      wrong += values[static_cast<std::size_t>(i)] == static_cast<double>(first + i) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("float64 is read as it is", "[checkpoint][reader]") {
  const TempFolder folder;
  const std::vector<double> values{1.0 / 3, -0.0, 5e-324, 1e308};
  folder.write(
      "model.safetensors",
      safetensors_bytes({{"a", "F64", {2, 2}, bytes_of(std::span<const double>(values))}}));
  const Catalogue catalogue = open_checkpoint(folder.path());
  FileReader reader(catalogue.root, catalogue.files);
  CHECK(read(reader, catalogue.tensors[0], 0, 4) == values);
  CHECK(read(reader, catalogue.tensors[0], 3, 1) == std::vector<double>{1e308});
}

TEST_CASE("few files are open at a time", "[checkpoint][reader]") {
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(hundred_files(folder));
  REQUIRE(catalogue.files.size() == 100);
  const std::size_t limit = GENERATE(1U, 3U, 64U);
  const std::size_t before = open_descriptors();
  FileReader reader(catalogue.root, catalogue.files, limit);
  CHECK(open_descriptors() == before);
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 100; ++i) {
      CHECK(read(reader, catalogue.tensors[i], 0, 1).front() == static_cast<double>(i));
      CHECK(open_descriptors() - before <= limit);
    }
  }
  CHECK(open_descriptors() - before == limit);
}

TEST_CASE("the file that was used last stays open", "[checkpoint][reader]") {
  const TempFolder folder;
  const Catalogue catalogue = open_checkpoint(hundred_files(folder));
  FileReader reader(catalogue.root, catalogue.files, 2);
  for (const std::size_t i : {0U, 1U, 0U, 2U})
    static_cast<void>(read(reader, catalogue.tensors[i], 0, 1));
  // File 1 is closed, 0 and 2 are open, so only 1 needs its file again.
  for (const char* name : {"f0.safetensors", "f1.safetensors", "f2.safetensors"}) {
    std::filesystem::remove(folder / name);
  }
  CHECK(read(reader, catalogue.tensors[0], 0, 1).front() == 0);
  CHECK(read(reader, catalogue.tensors[2], 0, 1).front() == 2);
  CHECK(error_of([&] { static_cast<void>(read(reader, catalogue.tensors[1], 0, 1)); }) ==
        (folder / "f1.safetensors").string() + ": cannot be opened: No such file or directory");
}

TEST_CASE("a file that changed is refused", "[checkpoint][reader]") {
  const TempFolder folder;
  Catalogue catalogue = counting(folder, 4);
  SourceFile& file = catalogue.files.front();
  const std::string path = (folder / file.name).string();
  const auto message = [&](const SourceFile& expected) {
    FileReader reader(catalogue.root, {expected});
    return error_of([&] { static_cast<void>(read(reader, catalogue.tensors.back(), 0, 1)); });
  };
  struct timespec times[2] = {{0, UTIME_OMIT}, {1'700'000'000, 5}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
  const std::string size = std::to_string(file.size_bytes);
  file.mtime_ns = 1'700'000'000'000'000'005;
  CHECK(message(file) == "nothing was thrown");
  SourceFile older = file;
  older.mtime_ns = 1'600'000'000'123'456'789;
  CHECK(message(older) == path + ": changed while it was being read: expected " + size +
                              " bytes of 2020-09-13 12:26:40.123456789 UTC, found " + size +
                              " bytes of 2023-11-14 22:13:20.000000005 UTC. Run again when no "
                              "other program is writing to it");
  SourceFile longer = file;
  longer.size_bytes += 1;
  CHECK(message(longer).find("expected " + std::to_string(longer.size_bytes) +
                             " bytes of 2023-11-14 22:13:20.000000005 UTC, found " + size) !=
        std::string::npos);
}

TEST_CASE("a file that is truncated while it is open is an input error", "[checkpoint][reader]") {
  const TempFolder folder;
  const Catalogue catalogue = counting(folder, 1000);
  FileReader reader(catalogue.root, catalogue.files);
  static_cast<void>(read(reader, catalogue.tensors.back(), 0, 1));
  const std::int64_t offset = catalogue.tensors.back().offset_bytes;
  std::filesystem::resize_file(folder / "model.safetensors",
                               static_cast<std::uintmax_t>(offset + 8));
  CHECK(error_of([&] { static_cast<void>(read(reader, catalogue.tensors.back(), 0, 1000)); }) ==
        (folder / "model.safetensors").string() + ": ends at byte " + std::to_string(offset + 8) +
            ", expected 4000 bytes at offset " + std::to_string(offset) +
            ". The file was truncated while it was being read");
}

TEST_CASE("elements outside a tensor are never read", "[checkpoint][reader]") {
  const TempFolder folder;
  const Catalogue catalogue = counting(folder, 4);
  FileReader reader(catalogue.root, catalogue.files);
  const Tensor good = catalogue.tensors.back();
  const auto refused = [&](const Tensor& tensor, std::int64_t first, std::int64_t count) {
    return error_of([&] { static_cast<void>(read(reader, tensor, first, count)); }, Blame::bug);
  };
  const std::string outside =
      "elements outside the tensor were requested. This is a bug in wishart";
  CHECK(refused(good, 0, 5) == outside);
  CHECK(refused(good, 4, 1) == outside);
  CHECK(refused(good, -1, 1) == outside);
  CHECK(refused(good, INT64_MAX, 1) == outside);
  CHECK(refused(good, 4, 0) == "nothing was thrown");
  Tensor bad = good;
  bad.file = 1;
  CHECK(refused(bad, 0, 1) ==
        "a tensor refers to a file that is not in the checkpoint. This is a bug in wishart");
  bad = good;
  bad.offset_bytes += 1;
  CHECK(refused(bad, 0, 1) == "a tensor extends beyond its file. This is a bug in wishart");
  bad = good;
  bad.num_elements += 1;
  CHECK(refused(bad, 0, 1) ==
        "a tensor's size in bytes does not match its elements. This is a bug in wishart");
  bad = good;
  bad.dtype = Dtype::i64;
  CHECK(refused(bad, 0, 1) ==
        "only floating-point tensors can be read as numbers. This is a bug in wishart");
}
