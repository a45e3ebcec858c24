#pragma once

/// @file
/// HDF5 files whose bytes were changed, with the checksums of the headers put right again.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

/// Of libhdf5, which exports it: Bob Jenkins's lookup3 as HDF5 stores it.
extern "C" std::uint32_t H5_checksum_lookup3(const void* key, std::size_t length,
                                             std::uint32_t initial);

namespace wishart::test {

/// Sets the checksum of superblocks (version 2 and 3), of object headers (version 2) and of the
/// headers of fixed arrays and of version 2 B-trees, wherever their signatures are (HDF5 file
/// format, II.A, III.C, IV.A.1.b).
class Checksums {
public:
  explicit Checksums(std::vector<std::uint8_t>& bytes) : bytes_(bytes) {}

  void mend_superblock() const {
    constexpr std::size_t kSuperblock = 44;
    if (bytes_.size() >= kSuperblock + 4 && bytes_[8] >= 2) set(0, kSuperblock);
  }
  void mend() const {
    mend_superblock();
    for (std::size_t at = 0; at + 8 < bytes_.size(); ++at) {
      if (is("OHDR", at)) set(at, header_bytes(at));
      if (is("FAHD", at)) set(at, 24);
      if (is("BTHD", at)) set(at, 34);
    }
  }

private:
  [[nodiscard]] bool is(const char* name, std::size_t at) const {
    // Nearly always the first byte tells, and a call of memcmp is traced by the fuzzer.
    return bytes_[at] == static_cast<std::uint8_t>(*name) &&
           std::memcmp(bytes_.data() + at, name, 4) == 0;
  }
  /// The bytes before the checksum of an object header.
  [[nodiscard]] std::size_t header_bytes(std::size_t at) const {
    const unsigned flags = bytes_[at + 5];
    std::size_t place = at + 6 + ((flags & 0x20U) != 0 ? 16 : 0) + ((flags & 0x10U) != 0 ? 4 : 0);
    const std::size_t width = std::size_t{1} << (flags & 3U);
    std::uint64_t chunk = 0;
    if (place + width > bytes_.size()) return bytes_.size();
    std::memcpy(&chunk, bytes_.data() + place, width);
    place += width;
    return chunk > bytes_.size() ? bytes_.size() : place - at + chunk;
  }
  void set(std::size_t at, std::size_t length) const {
    if (length > bytes_.size() || at + length + 4 > bytes_.size()) return;
    const std::uint32_t sum = H5_checksum_lookup3(bytes_.data() + at, length, 0);
    std::memcpy(bytes_.data() + at + length, &sum, sizeof(sum));
  }

  std::vector<std::uint8_t>& bytes_;
};

}  // namespace wishart::test
