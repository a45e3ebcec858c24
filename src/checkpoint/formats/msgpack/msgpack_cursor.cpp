#include "formats/msgpack/msgpack_cursor.hpp"

#include "wishart/core/narrow.hpp"

namespace wishart::checkpoint {

using Kind = MsgpackItem::Kind;

namespace {

MsgpackItem integer(std::int64_t value) {
  MsgpackItem item;
  item.kind = Kind::integer;
  item.value = value;
  return item;
}

/// A number beyond the largest integer is nothing that files of Flax need.
MsgpackItem unsigned_integer(std::uint64_t value) {
  return value <= static_cast<std::uint64_t>(INT64_MAX) ? integer(static_cast<std::int64_t>(value))
                                                        : MsgpackItem{};
}

}  // namespace

void MsgpackCursor::need(std::uint64_t bytes) const {
  if (bytes <= static_cast<std::uint64_t>(end_ - at_)) return;
  bytes_.fail("a value before byte " + std::to_string(at_) + " needs " + std::to_string(bytes) +
              " more bytes, there are only " + std::to_string(end_ - at_) +
              ". The file is damaged or truncated: copy it again");
}

/// A big-endian number.
std::uint64_t MsgpackCursor::number(int bytes) {
  need(static_cast<std::uint64_t>(bytes));
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = (value << 8U) | bytes_.byte(at_++);
  return value;
}

MsgpackItem MsgpackCursor::content(Kind kind, std::uint64_t size_bytes) {
  need(size_bytes);
  MsgpackItem item;
  item.kind = kind;
  item.content = {at_, static_cast<std::int64_t>(size_bytes)};
  at_ += item.content.size_bytes;
  return item;
}

MsgpackItem MsgpackCursor::group(Kind kind, std::uint64_t count) {
  need(kind == Kind::map ? 2 * count : count);  // a value has at least one byte
  MsgpackItem item;
  item.kind = kind;
  item.count = static_cast<std::int64_t>(count);
  return item;
}

MsgpackItem MsgpackCursor::extension(std::uint64_t size_bytes) {
  const auto type = static_cast<std::int64_t>(number(1));
  MsgpackItem item = content(Kind::extension, size_bytes);
  item.value = type < 128 ? type : type - 256;
  return item;
}

MsgpackItem MsgpackCursor::next() {
  const std::int64_t begin = at_;
  const std::uint64_t head = number(1);
  if (head < 0x80) return integer(static_cast<std::int64_t>(head));
  if (head < 0x90) return group(Kind::map, head & 0xFU);
  if (head < 0xA0) return group(Kind::list, head & 0xFU);
  if (head < 0xC0) return content(Kind::text, head & 0x1FU);
  if (head >= 0xE0) return integer(static_cast<std::int64_t>(head) - 256);
  switch (head) {
    case 0xC0:  // nil, false, true
    case 0xC2:
    case 0xC3:
      return {};
    case 0xC4:  // bytes, by the size of their length
    case 0xC5:
    case 0xC6:
      return content(Kind::bytes, number(1 << (head - 0xC4)));
    case 0xC7:  // extensions
    case 0xC8:
    case 0xC9:
      return extension(number(1 << (head - 0xC7)));
    case 0xCA:  // floats
    case 0xCB:
      static_cast<void>(number(4 << (head - 0xCA)));
      return {};
    case 0xCC:  // unsigned integers
    case 0xCD:
    case 0xCE:
    case 0xCF:
      return unsigned_integer(number(1 << (head - 0xCC)));
    case 0xD0:  // signed integers
      return integer(static_cast<std::int8_t>(number(1)));
    case 0xD1:
      return integer(static_cast<std::int16_t>(number(2)));
    case 0xD2:
      return integer(static_cast<std::int32_t>(number(4)));
    case 0xD3:
      return integer(static_cast<std::int64_t>(number(8)));
    case 0xD4:  // extensions of 1, 2, 4, 8, 16 bytes
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
      return extension(std::uint64_t{1} << (head - 0xD4));
    case 0xD9:  // texts
    case 0xDA:
    case 0xDB:
      return content(Kind::text, number(1 << (head - 0xD9)));
    case 0xDC:
    case 0xDD:
      return group(Kind::list, number(2 << (head - 0xDC)));
    case 0xDE:
    case 0xDF:
      return group(Kind::map, number(2 << (head - 0xDE)));
    default:
      bytes_.fail("expected a MessagePack value at byte " + std::to_string(begin) +
                  ", found the byte 193, which begins none. It is not a file of Flax, or damaged");
  }
}

}  // namespace wishart::checkpoint
