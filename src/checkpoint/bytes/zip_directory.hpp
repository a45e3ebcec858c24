#pragma once

/// @file
/// The directory of a zip archive: where its members are. The archive may be a slice of a larger
/// file.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// A range of bytes of a file.
struct ByteRange {
  std::int64_t offset_bytes = 0;
  std::int64_t size_bytes = 0;
};

struct ZipEntry {
  std::string name;
  std::int64_t header_offset = 0;  ///< of the local header, from the start of the file
  std::int64_t stored_bytes = 0;   ///< as stored in the archive
  std::int64_t size_bytes = 0;     ///< after decompression
  int method = 0;                  ///< 0: uncompressed
};

/// Reads a directory (PKWARE, APPNOTE.TXT 6.3; zip64 too) and trusts none of its numbers: it checks
/// that members are inside the slice, before the directory, that they do not overlap, and that
/// names are unique.
class ZipDirectory {
public:
  /// A directory larger than this is refused.
  static constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;

  /// @throws Error with Blame::input that begins with `place`
  ZipDirectory(const InputFile& file, ByteRange slice, std::string place);

  [[nodiscard]] const std::vector<ZipEntry>& entries() const noexcept { return entries_; }
  /// The member with this name, or nullptr.
  [[nodiscard]] const ZipEntry* find(const std::string& name) const;
  /// Where the bytes of a member are in the file.
  /// @throws Error if it is compressed
  [[nodiscard]] ByteRange data(const ZipEntry& entry) const;
  /// True if the bytes of a member are compressed by deflate.
  [[nodiscard]] static bool is_deflated(const ZipEntry& entry) noexcept;
  /// Where the compressed bytes of such a member are in the file.
  /// @throws Error if they cannot hold the declared size
  [[nodiscard]] Deflated deflated(const ZipEntry& entry) const;
  /// The bytes of a member of at most `max_bytes`.
  [[nodiscard]] std::string read(const ZipEntry& entry, std::int64_t max_bytes) const;
  /// XXH3-128 of the directory, which contains the checksums of all members.
  [[nodiscard]] const std::string& hash() const noexcept { return hash_; }

private:
  struct End {
    std::int64_t count = 0;
    std::int64_t offset = 0;
    std::int64_t size = 0;
    std::int64_t limit = 0;  // the end record is here; the directory must end before it
  };
  [[nodiscard]] End find_end() const;
  [[nodiscard]] End zip64_end(std::int64_t locator_offset) const;
  void read_entries(const End& end);
  void add_entry(std::string_view record, std::string_view name, std::string_view extra);
  void check_overlaps(std::int64_t directory_offset) const;
  [[nodiscard]] ByteRange stored(const ZipEntry& entry) const;
  [[nodiscard]] std::string bytes(std::int64_t offset, std::int64_t size) const;
  [[noreturn]] void fail(const std::string& what) const;

  const InputFile* file_;
  ByteRange slice_;
  std::string place_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::string hash_;
};

}  // namespace wishart::checkpoint
