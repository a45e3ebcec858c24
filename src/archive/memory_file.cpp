#include "memory_file.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace wishart::archive {

/// The memory of the file. HDF5 releases it to us when the file is closed. A copy made before that,
/// by H5Fget_file_image, has a wrong checksum in its superblock (HDF5 1.10.8).
struct MemoryFile::Image {
  void* memory = nullptr;
  std::size_t allocated = 0;

  Image() = default;
  ~Image() { std::free(memory); }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;

  static void* grow(void* memory, std::size_t size, H5FD_file_image_op_t /*op*/, void* self) {
    void* grown = std::realloc(memory, size);
    if (grown != nullptr) static_cast<Image*>(self)->allocated = size;
    return grown;
  }
  static herr_t release(void* memory, H5FD_file_image_op_t /*op*/, void* self) {
    static_cast<Image*>(self)->memory = memory;
    return 0;
  }
  static void* same(void* self) { return self; }
  static herr_t keep(void* /*self*/) { return 0; }
};

namespace {

/// The memory of a file grows by this much at a time. HDF5 sets each piece to zero, used or not, so
/// this is about the size of a usual archive.
constexpr std::size_t kGrowthBytes = std::size_t{1} << 20U;

/// More than the number of root attributes, so that all stay in the object header, which has a
/// checksum.
constexpr unsigned kCompactAttributes = 256;

/// Offset of the file size in a superblock of version 2 or 3 (HDF5 file format, II.A).
constexpr std::size_t kEndOfFileOffset = 28;

}  // namespace

MemoryFile::MemoryFile(const Place& place, const std::filesystem::path& path)
    : image_(std::make_unique<Image>()) {
  const Handle creation = place.own(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  place.check(H5Pset_obj_track_times(creation.get(), false));
  place.check(H5Pset_attr_phase_change(creation.get(), kCompactAttributes, 0));
  const Handle access = place.own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  place.check(H5Pset_fapl_core(access.get(), kGrowthBytes, false));
  H5FD_file_image_callbacks_t callbacks{nullptr,     nullptr,     Image::grow, Image::release,
                                        Image::same, Image::keep, image_.get()};
  place.check(H5Pset_file_image_callbacks(access.get(), &callbacks));
  // The 1.10 format has checksums on all metadata too. Not `latest`, so that a newer library writes
  // the same file.
  place.check(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110));
  place.check_memory();
  file_ = place.own(H5Fcreate(path.c_str(), H5F_ACC_EXCL, creation.get(), access.get()), H5Fclose);
}

MemoryFile::~MemoryFile() = default;

std::span<const std::byte> MemoryFile::close(const Place& place) {
  if (!file_.close()) place.fail();
  const auto* bytes = static_cast<const std::byte*>(image_->memory);
  require(bytes != nullptr && image_->allocated >= kEndOfFileOffset + sizeof(std::uint64_t),
          "HDF5 did not hand over the memory of a closed file");
  std::uint64_t size = 0;
  std::memcpy(&size, bytes + kEndOfFileOffset, sizeof(size));
  require(size <= image_->allocated, "HDF5 handed over less memory than the file needs");
  return {bytes, static_cast<std::size_t>(size)};
}

}  // namespace wishart::archive
