#include "bytes/wire_reader.hpp"

#include <algorithm>
#include <span>

#include "wishart/core/error.hpp"

// Layout: Protocol Buffers, "Encoding".

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kPieceBytes = std::int64_t{64} << 10U;

}  // namespace

WireBytes::WireBytes(const InputFile& file, std::string place)
    : file_(file), place_(std::move(place)), size_bytes_(file.size_bytes()) {}

void WireBytes::fail(const std::string& what) const {
  throw Error(Blame::input, place_ + ": " + what);
}

unsigned char WireBytes::byte(std::int64_t offset_bytes) {
  if (offset_bytes < piece_begin_ || offset_bytes >= piece_begin_ + std::ssize(piece_)) {
    piece_begin_ = offset_bytes;
    piece_.resize(static_cast<std::size_t>(std::min(kPieceBytes, size_bytes_ - offset_bytes)));
    file_.read(offset_bytes, std::as_writable_bytes(std::span(piece_)));
  }
  return static_cast<unsigned char>(piece_[static_cast<std::size_t>(offset_bytes - piece_begin_)]);
}

std::string WireBytes::text(ByteRange range, std::int64_t max_bytes, std::string_view what) {
  if (range.size_bytes > max_bytes) {
    fail(std::string(what) + " at byte " + std::to_string(range.offset_bytes) + " has " +
         std::to_string(range.size_bytes) + " bytes, expected at most " +
         std::to_string(max_bytes));
  }
  std::string text(static_cast<std::size_t>(range.size_bytes), '\0');
  for (std::int64_t i = 0; i < range.size_bytes; ++i) {
    text[static_cast<std::size_t>(i)] = static_cast<char>(byte(range.offset_bytes + i));
  }
  return text;
}

WireMessage::WireMessage(WireBytes& bytes, ByteRange range)
    : bytes_(bytes), at_(range.offset_bytes), end_(range.offset_bytes + range.size_bytes) {}

std::uint64_t WireMessage::varint() {
  constexpr unsigned kMostBits = 63;  // ten bytes, but only one bit of the last
  const std::int64_t begin = at_;
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift <= kMostBits; shift += 7) {
    if (at_ == end_) {
      bytes_.fail(
          "a number at byte " + std::to_string(begin) +
          " runs past the end of its message. The file is damaged or truncated: copy it again");
    }
    const unsigned char byte = bytes_.byte(at_++);
    const std::uint64_t bits = byte & 0x7FU;
    if (shift == kMostBits && bits > 1) break;
    value |= bits << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  bytes_.fail("the number at byte " + std::to_string(begin) + " has more than 64 bits");
}

bool WireMessage::next(WireField& field) {
  if (at_ == end_) return false;
  const std::int64_t begin = at_;
  const std::uint64_t tag = varint();
  field.number = tag >> 3U;
  field.kind = static_cast<WireField::Kind>(tag & 7U);
  std::uint64_t length = 0;
  switch (field.kind) {
    case WireField::Kind::varint:
      field.value = varint();
      return true;
    case WireField::Kind::fixed64:
      length = 8;
      break;
    case WireField::Kind::fixed32:
      length = 4;
      break;
    case WireField::Kind::bytes:
      length = varint();
      break;
    default:
      bytes_.fail("expected a field at byte " + std::to_string(begin) + ", found wire type " +
                  std::to_string(tag & 7U) + ", which is not supported");
  }
  if (length > static_cast<std::uint64_t>(end_ - at_)) {
    bytes_.fail("a field at byte " + std::to_string(begin) + " needs " + std::to_string(length) +
                " bytes, its message has only " + std::to_string(end_ - at_) +
                " more. The file is damaged or truncated: copy it again");
  }
  field.range = {at_, static_cast<std::int64_t>(length)};
  at_ += field.range.size_bytes;
  return true;
}

}  // namespace wishart::checkpoint
