/// @file
/// Archives that strangers made: what would lead out of the file, load code or take memory is
/// refused by name, before HDF5 acts on it. All files here are sound HDF5.

#include <array>
#include <functional>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/stat.h>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"

#include "edit_archive.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::ArchiveEditor;
using test::error_of;

namespace {

/// What reading says, behind the path, of an archive that `change` has changed.
std::string refusal_of(const std::function<void(hid_t file)>& change) {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(3));
  {
    const ArchiveEditor editor(path);
    change(editor.file());
  }
  const std::string text = error_of([&] { (void)read_archive(path); });
  const std::string prefix = "3: " + path.string() + ": ";
  CHECK(text.starts_with(prefix));
  CHECK(verify_file(path).standing == Standing::damaged);
  return text.substr(std::min(prefix.size(), text.size()));
}

/// Puts a dataset of eight doubles in the place of the singular values.
void put_sigma(hid_t file, hid_t creation, hsize_t extent = 8, bool write = true) {
  REQUIRE(H5Ldelete(file, "spectra/sigma", H5P_DEFAULT) >= 0);
  const hid_t space = H5Screate_simple(1, &extent, nullptr);
  const hid_t dataset =
      H5Dcreate2(file, "spectra/sigma", H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  REQUIRE(dataset >= 0);
  if (write) {
    const std::vector<double> values(extent);
    REQUIRE(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >=
            0);
  }
  H5Dclose(dataset);
  H5Sclose(space);
}

/// The refusal of singular values with this creation property list.
std::string refusal_of_sigma(const std::function<void(hid_t creation)>& set, hsize_t extent = 8,
                             bool write = true) {
  return refusal_of([&](hid_t file) {
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    set(creation);
    put_sigma(file, creation, extent, write);
    H5Pclose(creation);
  });
}

void set_chunk(hid_t creation, hsize_t chunk) { H5Pset_chunk(creation, 1, &chunk); }

/// A filter that changes nothing, which wishart does not use.
std::size_t same_bytes(unsigned /*flags*/, std::size_t /*count*/, const unsigned* /*values*/,
                       std::size_t bytes, std::size_t* /*size*/, void** /*buffer*/) {
  return bytes;
}

}  // namespace

TEST_CASE("no link out of the file is followed", "[archive][strangers]") {
  const test::TempFolder other;
  const std::filesystem::path secret = write_archive(other.path(), test::sample_record(3));
  const auto relinked = [&](const std::function<void(hid_t)>& link) {
    return refusal_of([&](hid_t file) {
      REQUIRE(H5Lmove(file, "layers", file, "real", H5P_DEFAULT, H5P_DEFAULT) >= 0);
      link(file);
    });
  };
  CHECK(relinked([](hid_t file) {
          H5Lcreate_soft("/real", file, "layers", H5P_DEFAULT, H5P_DEFAULT);
        }) ==
        "/layers: 'layers' is a soft link, expected an object of this file. It was not "
        "written by wishart");
  CHECK(relinked([&](hid_t file) {
          H5Lcreate_external(secret.c_str(), "/layers", file, "layers", H5P_DEFAULT, H5P_DEFAULT);
        }) ==
        "/layers: 'layers' is a link to another file, expected an object of this file. It "
        "was not written by wishart");
  // A group on the way.
  CHECK(refusal_of([&](hid_t file) {
          REQUIRE(H5Ldelete(file, "spectra", H5P_DEFAULT) >= 0);
          H5Lcreate_external(secret.c_str(), "/spectra", file, "spectra", H5P_DEFAULT, H5P_DEFAULT);
        }) ==
        "/spectra/sigma: 'spectra' is a link to another file, expected an object of this "
        "file. It was not written by wishart");
}

TEST_CASE("a packed archive holds its checkpoints itself", "[archive][strangers]") {
  const test::TempFolder folder;
  std::filesystem::create_directory(folder / "a");
  const std::filesystem::path secret = write_archive(folder / "a", test::sample_record(3));
  const std::filesystem::path packed = folder / "packed.h5";
  (void)pack_archive(folder / "a", packed);
  {
    const ArchiveEditor editor(packed);
    H5Lcreate_external(secret.c_str(), "/", editor.file(), "checkpoints/zz", H5P_DEFAULT,
                       H5P_DEFAULT);
  }
  CHECK(verify_file(packed).findings.front() ==
        packed.string() +
            ": 'zz' is a link to another file, expected an object of this file. It was not "
            "written by wishart");
}

TEST_CASE("elements in other files are refused, and so are views", "[archive][strangers]") {
  CHECK(refusal_of_sigma([](hid_t creation) { H5Pset_external(creation, "/etc/hostname", 0, 64); },
                         8, false) ==
        "/spectra/sigma: has its elements in 1 other files, expected them in this one. It was not "
        "written by wishart");
  CHECK(refusal_of_sigma(
            [](hid_t creation) {
              const hsize_t extent = 8;
              const hid_t space = H5Screate_simple(1, &extent, nullptr);
              H5Pset_virtual(creation, space, "/nonexistent.h5", "/x", space);
              H5Sclose(space);
            },
            8, false) ==
        "/spectra/sigma: is a view of datasets that may be in other files, expected its own "
        "elements. It was not written by wishart");
}

TEST_CASE("filters of others are not run", "[archive][strangers]") {
  constexpr H5Z_filter_t kOther = 300;
  const H5Z_class2_t filter{H5Z_CLASS_T_VERS, kOther, 1, 1, "same", nullptr, nullptr, same_bytes};
  REQUIRE(H5Zregister(&filter) >= 0);
  CHECK(refusal_of_sigma([](hid_t creation) {
          set_chunk(creation, 8);
          H5Pset_filter(creation, kOther, 0, 0, nullptr);
        }) ==
        "/spectra/sigma: has the filter 300, expected shuffle, deflate and Fletcher-32 only. "
        "It was not written by wishart");
  H5Zunregister(kOther);
  CHECK(refusal_of_sigma([](hid_t creation) {
          set_chunk(creation, 8);
          for (int i = 0; i < 4; ++i) H5Pset_deflate(creation, 1);
        }) == "/spectra/sigma: has 4 filters, expected at most 3. It was not written by wishart");
}

TEST_CASE("chunks are no larger and no more than the file explains", "[archive][strangers]") {
  CHECK(
      refusal_of_sigma([](hid_t creation) { set_chunk(creation, 1U << 24U); }, 1U << 24U, false) ==
      "/spectra/sigma: declares chunks of 16777216 elements of 8 bytes, expected at most 64.0 "
      "MiB");
  const std::string many =
      refusal_of_sigma([](hid_t creation) { set_chunk(creation, 1); }, 1U << 30U, false);
  CHECK(many.starts_with("/spectra/sigma: declares 1073741824 chunks, the whole file has "));
}

TEST_CASE("types are those of the machine, so that no rule of the file is applied",
          "[archive][strangers]") {
  CHECK(refusal_of([](hid_t file) {
          H5Adelete(file, "mode");
          const hid_t type = H5Tcopy(H5T_C_S1);
          H5Tset_size(type, H5T_VARIABLE);
          const hid_t space = H5Screate(H5S_SCALAR);
          const hid_t attribute = H5Acreate2(file, "mode", type, space, H5P_DEFAULT, H5P_DEFAULT);
          const char* text = "corrected";
          H5Awrite(attribute, type, &text);
          H5Aclose(attribute);
          H5Sclose(space);
          H5Tclose(type);
        }) ==
        "attribute mode: has the wrong type, expected one text of fixed length, found 1 "
        "times a text of variable length");
  CHECK(refusal_of([](hid_t file) {
          const hid_t type = H5Tcopy(H5T_IEEE_F64LE);
          H5Tset_fields(type, 63, 50, 13, 0, 50);
          const hsize_t extent = 8;
          REQUIRE(H5Ldelete(file, "spectra/sigma", H5P_DEFAULT) >= 0);
          const hid_t space = H5Screate_simple(1, &extent, nullptr);
          H5Dclose(H5Dcreate2(file, "spectra/sigma", type, space, H5P_DEFAULT, H5P_DEFAULT,
                              H5P_DEFAULT));
          H5Sclose(space);
          H5Tclose(type);
        }).starts_with("/spectra/sigma: "));
  CHECK(refusal_of([](hid_t file) {
          REQUIRE(H5Ldelete(file, "skipped", H5P_DEFAULT) >= 0);
          const hid_t list = H5Tvlen_create(H5T_NATIVE_INT);
          const hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(hvl_t));
          H5Tinsert(type, "added", 0, list);
          const hsize_t extent = 1;
          const hid_t space = H5Screate_simple(1, &extent, nullptr);
          const hid_t dataset =
              H5Dcreate2(file, "skipped", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
          const hvl_t empty{0, nullptr};
          REQUIRE(H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &empty) >= 0);
          H5Dclose(dataset);
          H5Sclose(space);
          H5Tclose(type);
          H5Tclose(list);
        }) ==
        "/skipped: column 0 is something else of 16 bytes, expected a number or a text of "
        "fixed length");
}

TEST_CASE("HDF5 data behind those of another program are refused", "[archive][strangers]") {
  const test::TempFolder folder;
  const std::filesystem::path path = write_archive(folder.path(), test::sample_record(3));
  const std::filesystem::path moved =
      folder.write("moved.h5", std::string(512, '#') + test::content_of(path));
  CHECK(error_of([&] { (void)read_archive(moved); }) ==
        "3: " + moved.string() +
            ": does not begin with HDF5 data, which come further on. It was not written by "
            "wishart");
}

TEST_CASE("an archive may be a link, the index of a folder may not", "[archive][strangers]") {
  const test::TempFolder folder;
  for (const char* name : {"a", "b"}) std::filesystem::create_directory(folder / name);
  const std::filesystem::path path = write_archive(folder / "a", test::sample_record(3));
  std::filesystem::create_symlink(path, folder / "b" / path.filename());
  CHECK(error_of([&] { (void)read_archive(folder / "b" / path.filename()); }) == "no error");
  (void)update_index(folder / "a", false);
  std::filesystem::create_symlink(folder / "a/index.h5", folder / "b/index.h5");
  const std::string text = error_of([&] { (void)read_index(folder / "b"); });
  CHECK(text == "3: " + (folder / "b/index.h5").string() +
                    ": is a link, expected the index itself. The next update replaces it");
  // It is replaced, not written through.
  const std::string before = test::content_of(folder / "a/index.h5");
  (void)update_index(folder / "b", false);
  CHECK_FALSE(std::filesystem::is_symlink(folder / "b/index.h5"));
  CHECK(test::content_of(folder / "a/index.h5") == before);
}

TEST_CASE("a link of the index that leads elsewhere is told", "[archive][strangers]") {
  const test::TempFolder folder;
  (void)write_archive(folder.path(), test::sample_record(3));
  (void)update_index(folder.path(), false);
  CHECK(verify_index(folder.path()).standing == Standing::whole);
  {
    const ArchiveEditor editor(folder / "index.h5");
    H5Lcreate_external("../elsewhere.h5", "/", editor.file(), "checkpoints/zz", H5P_DEFAULT,
                       H5P_DEFAULT);
  }
  const Verdict verdict = verify_index(folder.path());
  CHECK(verdict.standing == Standing::damaged);
  CHECK(verdict.findings.front() ==
        "/checkpoints/zz leads to '/' of '../elsewhere.h5', expected the root of zz.h5 in the "
        "same folder");
}

TEST_CASE("what is no file is not waited for", "[archive][strangers]") {
  const test::TempFolder folder;
  REQUIRE(::mkfifo((folder / "pipe.h5").c_str(), 0600) == 0);
  const std::string pipe = (folder / "pipe.h5").string();
  CHECK(error_of([&] { (void)read_archive(pipe); }) ==
        "3: " + pipe + ": expected a regular file, found something else");
  CHECK(list_checkpoints(folder.path()).empty());
}
