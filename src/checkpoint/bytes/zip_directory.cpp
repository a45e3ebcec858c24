#include "bytes/zip_directory.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "bytes/inflater.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kEndBytes = 22;
constexpr std::int64_t kLocatorBytes = 20;
constexpr std::int64_t kEnd64Bytes = 56;
constexpr std::int64_t kRecordBytes = 46;
constexpr std::int64_t kLocalBytes = 30;
constexpr std::int64_t kMaxComment = 65535;
constexpr std::uint32_t kNotHere = 0xFFFFFFFFU;  // the value is in a zip64 field

template <class T>
T number(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

/// A 64-bit field as an offset or a length; -1 if it is too large for one.
std::int64_t length(std::uint64_t value) {
  return value > static_cast<std::uint64_t>(INT64_MAX) ? -1 : static_cast<std::int64_t>(value);
}

}  // namespace

void ZipDirectory::fail(const std::string& what) const {
  throw Error(Blame::input, place_ + ": zip archive: " + what);
}

std::string ZipDirectory::bytes(std::int64_t offset, std::int64_t size) const {
  std::string result(static_cast<std::size_t>(size), '\0');
  file_->read(slice_.offset_bytes + offset, std::as_writable_bytes(std::span(result)));
  return result;
}

ZipDirectory::ZipDirectory(const InputFile& file, ByteRange slice, std::string place)
    : file_(&file), slice_(slice), place_(std::move(place)) {
  const End end = find_end();
  if (end.size < 0 || end.size > kMaxBytes || end.offset < 0 || end.offset > end.limit - end.size) {
    fail("its directory (" + std::to_string(end.size) + " bytes at byte " +
         std::to_string(end.offset) + ") is not inside the archive of " +
         std::to_string(slice_.size_bytes) + " bytes");
  }
  if (end.count < 0 || end.count > end.size / kRecordBytes) {
    fail("claims " + std::to_string(end.count) + " members in a directory of only " +
         std::to_string(end.size) + " bytes");
  }
  read_entries(end);
  check_overlaps(end.offset);
}

ZipDirectory::End ZipDirectory::find_end() const {
  const std::int64_t tail_bytes = std::min(slice_.size_bytes, kEndBytes + kMaxComment);
  const std::int64_t tail_offset = slice_.size_bytes - tail_bytes;
  const std::string tail = bytes(tail_offset, tail_bytes);
  constexpr std::string_view kSignature("PK\x05\x06", 4);
  // Take the last signature whose comment ends exactly at the end of the archive.
  for (std::size_t at = tail.rfind(kSignature); at != std::string::npos;
       at = at == 0 ? std::string::npos : tail.rfind(kSignature, at - 1)) {
    if (static_cast<std::int64_t>(at) + kEndBytes > tail_bytes) continue;
    if (at + static_cast<std::size_t>(kEndBytes) + number<std::uint16_t>(tail, at + 20) !=
        tail.size()) {
      continue;
    }
    End end;
    end.limit = tail_offset + static_cast<std::int64_t>(at);
    end.count = number<std::uint16_t>(tail, at + 10);
    end.size = number<std::uint32_t>(tail, at + 12);
    end.offset = number<std::uint32_t>(tail, at + 16);
    const bool zip64 = end.count == 0xFFFF || end.size == kNotHere || end.offset == kNotHere;
    if (zip64) return zip64_end(end.limit - kLocatorBytes);
    return end;
  }
  fail("it has no end record. The file is truncated: copy it again");
}

ZipDirectory::End ZipDirectory::zip64_end(std::int64_t locator_offset) const {
  if (locator_offset < 0) fail("it has no zip64 end record. The file is truncated: copy it again");
  const std::string locator = bytes(locator_offset, kLocatorBytes);
  const std::int64_t offset = length(number<std::uint64_t>(locator, 8));
  if (!locator.starts_with(std::string_view("PK\x06\x07", 4)) || offset < 0 ||
      offset > locator_offset - kEnd64Bytes) {
    fail("its zip64 end record is outside the archive");
  }
  const std::string record = bytes(offset, kEnd64Bytes);
  if (!record.starts_with(std::string_view("PK\x06\x06", 4))) {
    fail("expected a zip64 end record at byte " + std::to_string(offset));
  }
  return {length(number<std::uint64_t>(record, 32)), length(number<std::uint64_t>(record, 48)),
          length(number<std::uint64_t>(record, 40)), offset};
}

void ZipDirectory::read_entries(const End& end) {
  const std::string directory = bytes(end.offset, end.size);
  hash_ = hash_hex(directory);
  const std::string_view all(directory);
  std::size_t at = 0;
  for (std::int64_t i = 0; i < end.count; ++i) {
    const std::string_view rest = all.substr(at);
    if (std::ssize(rest) < kRecordBytes || !rest.starts_with(std::string_view("PK\x01\x02", 4))) {
      fail("member " + std::to_string(i) + " of " + std::to_string(end.count) +
           " is missing from its directory");
    }
    const std::size_t name_bytes = number<std::uint16_t>(rest, 28);
    const std::size_t extra_bytes = number<std::uint16_t>(rest, 30);
    const std::size_t whole = static_cast<std::size_t>(kRecordBytes) + name_bytes + extra_bytes +
                              number<std::uint16_t>(rest, 32);
    if (whole > rest.size())
      fail("member " + std::to_string(i) + " runs past the end of the directory");
    add_entry(rest, rest.substr(static_cast<std::size_t>(kRecordBytes), name_bytes),
              rest.substr(static_cast<std::size_t>(kRecordBytes) + name_bytes, extra_bytes));
    at += whole;
  }
}

void ZipDirectory::add_entry(std::string_view record, std::string_view name,
                             std::string_view extra) {
  std::uint64_t stored = number<std::uint32_t>(record, 20);
  std::uint64_t size = number<std::uint32_t>(record, 24);
  std::uint64_t offset = number<std::uint32_t>(record, 42);
  while (extra.size() >= 4) {
    const auto id = number<std::uint16_t>(extra, 0);
    const std::size_t bytes = number<std::uint16_t>(extra, 2);
    if (bytes > extra.size() - 4) break;
    std::string_view field = extra.substr(4, bytes);
    if (id == 1) {  // only the values whose 32-bit field is kNotHere, in this order
      for (std::uint64_t* value : {&size, &stored, &offset}) {
        if (*value != kNotHere || field.size() < 8) continue;
        *value = number<std::uint64_t>(field, 0);
        field.remove_prefix(8);
      }
    }
    extra.remove_prefix(4 + bytes);
  }
  ZipEntry entry;
  entry.name = name;
  entry.method = number<std::uint16_t>(record, 10);
  entry.stored_bytes = length(stored);
  entry.size_bytes = length(size);
  entry.header_offset = length(offset);
  if (entry.stored_bytes < 0 || entry.size_bytes < 0 || entry.header_offset < 0) {
    fail("member " + in_quotes(name, 100) + " has a length or an offset above 2^63");
  }
  if (!by_name_.emplace(entry.name, entries_.size()).second) {
    fail("two members are named " + in_quotes(name, 100));
  }
  entries_.push_back(std::move(entry));
}

void ZipDirectory::check_overlaps(std::int64_t directory_offset) const {
  std::vector<const ZipEntry*> order;
  for (const ZipEntry& entry : entries_) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const ZipEntry* a, const ZipEntry* b) {
    return a->header_offset < b->header_offset;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::int64_t next = i + 1 < order.size() ? order[i + 1]->header_offset : directory_offset;
    const auto body = checked_sum(order[i]->header_offset, kLocalBytes);
    const auto end = body ? checked_sum(*body, order[i]->stored_bytes) : std::nullopt;
    if (!end || *end > next) {
      fail("member " + in_quotes(order[i]->name, 100) + " of " +
           std::to_string(order[i]->stored_bytes) + " bytes at byte " +
           std::to_string(order[i]->header_offset) + " runs past byte " + std::to_string(next) +
           ", where the next entry begins");
    }
  }
}

const ZipEntry* ZipDirectory::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

ByteRange ZipDirectory::data(const ZipEntry& entry) const {
  if (entry.method != 0 || entry.stored_bytes != entry.size_bytes) {
    fail("member " + in_quotes(entry.name, 100) +
         " is compressed, expected it uncompressed. Save the file without compression");
  }
  return stored(entry);
}

bool ZipDirectory::is_deflated(const ZipEntry& entry) noexcept {
  constexpr int kDeflate = 8;
  return entry.method == kDeflate;
}

Deflated ZipDirectory::deflated(const ZipEntry& entry) const {
  if (entry.size_bytes / kMaxDeflateRatio > entry.stored_bytes) {
    fail("member " + in_quotes(entry.name, 100) + " claims " + std::to_string(entry.size_bytes) +
         " bytes, but its " + std::to_string(entry.stored_bytes) +
         " compressed bytes cannot hold that many");
  }
  const ByteRange range = stored(entry);
  return {range.offset_bytes, range.size_bytes, entry.size_bytes};
}

ByteRange ZipDirectory::stored(const ZipEntry& entry) const {
  const std::string header = bytes(entry.header_offset, kLocalBytes);
  if (!header.starts_with(std::string_view("PK\x03\x04", 4))) {
    fail("expected member " + in_quotes(entry.name, 100) + " at byte " +
         std::to_string(entry.header_offset));
  }
  const std::int64_t begin = entry.header_offset + kLocalBytes + number<std::uint16_t>(header, 26) +
                             number<std::uint16_t>(header, 28);
  if (begin > slice_.size_bytes - entry.stored_bytes) {
    fail("member " + in_quotes(entry.name, 100) + " runs past the end of the archive");
  }
  return {slice_.offset_bytes + begin, entry.stored_bytes};
}

std::string ZipDirectory::read(const ZipEntry& entry, std::int64_t max_bytes) const {
  const ByteRange range = data(entry);
  if (range.size_bytes > max_bytes) {
    fail("member " + in_quotes(entry.name, 100) + " has " + std::to_string(range.size_bytes) +
         " bytes, expected at most " + std::to_string(max_bytes));
  }
  return bytes(range.offset_bytes - slice_.offset_bytes, range.size_bytes);
}

}  // namespace wishart::checkpoint
