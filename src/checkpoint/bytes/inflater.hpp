#pragma once

/// @file
/// Bytes that are stored compressed by deflate, read by position.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// The most that deflate can save (zlib, "Technical Details": 1032 : 1). Less stored than this part
/// of what is announced cannot hold it.
inline constexpr std::int64_t kMaxDeflateRatio = 1032;

/// What stands around deflated data.
enum class DeflateForm : std::uint8_t {
  bare,  ///< nothing (RFC 1951)
  zlib   ///< zlib's header and checksum (RFC 1950)
};

/// Inflates from front to back (RFC 1951). What is asked for behind the last read goes on from
/// there, what is asked for before it begins anew: readers go forward where they can. Memory is
/// that of zlib's window and two buffers, whatever the data announce.
class Inflater {
public:
  explicit Inflater(const Deflated& range, DeflateForm form = DeflateForm::bare);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  [[nodiscard]] const Deflated& range() const noexcept { return range_; }

  /// Fills `out` with the inflated bytes from `offset_bytes` on; the stored ones are in `file`.
  /// @pre they lie in the range
  /// @throws Error with Blame::input if the data are damaged or end before
  void read(const InputFile& file, std::int64_t offset_bytes, std::span<std::byte> out);

  /// Throws unless the inflated data end where the last read did, and the checksum, if there is
  /// one, is theirs.
  void expect_end(const InputFile& file);

private:
  struct Stream;
  void restart();
  void take_more(const InputFile& file);
  void inflate_into(const InputFile& file, std::span<std::byte> out);
  [[noreturn]] void fail(const InputFile& file, const std::string& what) const;

  Deflated range_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace wishart::checkpoint
