#pragma once

/// @file
/// Messages in the wire format of Protocol Buffers, read field by field where they stand.

#include <cstdint>
#include <string>
#include <string_view>

#include "wishart/core/file.hpp"

#include "bytes/zip_directory.hpp"

namespace wishart::checkpoint {

/// Bytes of a file by position, a piece at a time: what is passed over is not read.
class WireBytes {
public:
  /// Messages begin with `place`.
  WireBytes(const InputFile& file, std::string place);

  [[nodiscard]] std::int64_t size_bytes() const noexcept { return size_bytes_; }
  /// @pre the byte lies in the file
  [[nodiscard]] unsigned char byte(std::int64_t offset_bytes);
  /// A text of at most `max_bytes`, which `what` names.
  /// @throws Error with Blame::input, as all of these do
  [[nodiscard]] std::string text(ByteRange range, std::int64_t max_bytes, std::string_view what);
  [[noreturn]] void fail(const std::string& what) const;

private:
  const InputFile& file_;
  std::string place_;
  std::int64_t size_bytes_;
  std::string piece_;
  std::int64_t piece_begin_ = 0;
};

/// One field: a number, or a run of bytes.
struct WireField {
  enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  std::uint64_t number = 0;
  Kind kind = Kind::varint;
  std::uint64_t value = 0;  ///< of a varint
  ByteRange range;          ///< of the others: the value's bytes, which lie in the message
};

/// The fields of a message, from the first on. Every length is held against the end of the message;
/// groups, which no message of ours has, are refused.
class WireMessage {
public:
  WireMessage(WireBytes& bytes, ByteRange range);

  /// The next field, or false at the end.
  [[nodiscard]] bool next(WireField& field);
  /// The next number alone: of a packed list.
  [[nodiscard]] std::uint64_t varint();
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }
  /// Of the next byte, from the start of the file.
  [[nodiscard]] std::int64_t position() const noexcept { return at_; }

private:
  WireBytes& bytes_;
  std::int64_t at_;
  std::int64_t end_;
};

}  // namespace wishart::checkpoint
