#pragma once

/// @file
/// Reads messages in the wire format of Protocol Buffers field by field, in place.

#include <cstdint>
#include <string>
#include <string_view>

#include "wishart/core/file.hpp"

#include "bytes/zip_directory.hpp"

namespace wishart::checkpoint {

/// Bytes of a file by position, a piece at a time. Skipped bytes are not read.
class WireBytes {
public:
  /// Messages begin with `place`.
  WireBytes(const InputFile& file, std::string place);

  [[nodiscard]] std::int64_t size_bytes() const noexcept { return size_bytes_; }
  /// @pre the byte is inside the file
  [[nodiscard]] unsigned char byte(std::int64_t offset_bytes);
  /// A text of at most `max_bytes`; `what` is its name for messages.
  /// @throws Error with Blame::input, as do all functions here
  [[nodiscard]] std::string text(ByteRange range, std::int64_t max_bytes, std::string_view what);
  [[noreturn]] void fail(const std::string& what) const;

private:
  const InputFile& file_;
  std::string place_;
  std::int64_t size_bytes_;
  std::string piece_;
  std::int64_t piece_begin_ = 0;
};

/// One field: a number, or a range of bytes.
struct WireField {
  enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  std::uint64_t number = 0;
  Kind kind = Kind::varint;
  std::uint64_t value = 0;  ///< of a varint
  ByteRange range;          ///< of other types: the value's bytes, inside the message
};

/// The fields of a message, in order. Every length is checked against the end of the message.
/// Groups are refused, because no message that we read has them.
class WireMessage {
public:
  WireMessage(WireBytes& bytes, ByteRange range);

  /// The next field, or false at the end.
  [[nodiscard]] bool next(WireField& field);
  /// The next number without a field tag, as in a packed list.
  [[nodiscard]] std::uint64_t varint();
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  /// Position of the next byte, from the start of the file.
  [[nodiscard]] std::int64_t position() const noexcept { return at_; }

private:
  WireBytes& bytes_;
  std::int64_t at_;
  std::int64_t end_;
};

}  // namespace wishart::checkpoint
