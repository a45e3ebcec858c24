#pragma once

/// @file
/// Reads MessagePack values one after the other, and trusts none of their lengths.

#include <cstdint>
#include <string>
#include <string_view>

#include "bytes/wire_reader.hpp"

namespace wishart::checkpoint {

/// One value, or the beginning of a list or map whose elements follow it.
struct MsgpackItem {
  enum class Kind : std::uint8_t {
    other,     ///< nil, booleans, floats, integers above 2^63
    integer,   ///< `value`
    text,      ///< `content`
    bytes,     ///< `content`
    list,      ///< `count` values follow
    map,       ///< `count` pairs of values follow
    extension  ///< of type `value`, with `content`
  };
  Kind kind = Kind::other;
  std::int64_t value = 0;
  std::int64_t count = 0;
  ByteRange content;  ///< its bytes in the file; they are not read
};

/// A position in a range of bytes that holds whole values. Layout: MessagePack specification,
/// "Formats".
class MsgpackCursor {
public:
  MsgpackCursor(WireBytes& bytes, ByteRange range)
      : bytes_(bytes), at_(range.offset_bytes), end_(range.offset_bytes + range.size_bytes) {}

  /// The next value. A text, bytes or an extension is passed over.
  /// @throws Error with Blame::input if it does not fit into the range
  [[nodiscard]] MsgpackItem next();
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  [[nodiscard]] std::int64_t position() const noexcept { return at_; }

private:
  [[nodiscard]] std::uint64_t number(int bytes);
  MsgpackItem content(MsgpackItem::Kind kind, std::uint64_t size_bytes);
  MsgpackItem group(MsgpackItem::Kind kind, std::uint64_t count);
  MsgpackItem extension(std::uint64_t size_bytes);
  void need(std::uint64_t bytes) const;

  WireBytes& bytes_;
  std::int64_t at_;
  std::int64_t end_;
};

}  // namespace wishart::checkpoint
