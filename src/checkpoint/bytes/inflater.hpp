#pragma once

/// @file
/// Reads deflate-compressed bytes by position.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "wishart/core/file.hpp"
#include "wishart/record/tensor.hpp"

namespace wishart::checkpoint {

/// The largest compression ratio of deflate (zlib, "Technical Details": 1032 : 1). Stored data that
/// would need a larger ratio to give the declared size are refused.
inline constexpr std::int64_t kMaxDeflateRatio = 1032;

/// The wrapper around deflate data.
enum class DeflateForm : std::uint8_t {
  bare,  ///< nothing (RFC 1951)
  zlib   ///< zlib's header and checksum (RFC 1950)
};

/// Decompresses from front to back (RFC 1951). A read at or after the end of the last one continues
/// from there; an earlier position restarts from the beginning, so readers go forward where they
/// can. Memory is zlib's window and two buffers, whatever size the data declare.
class Inflater {
public:
  explicit Inflater(const Deflated& range, DeflateForm form = DeflateForm::bare);
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  [[nodiscard]] const Deflated& range() const noexcept { return range_; }

  /// Fills `out` with the decompressed bytes from `offset_bytes` on. `file` contains the stored
  /// bytes.
  /// @pre they lie in the range
  /// @throws Error with Blame::input if the data are damaged or end too early
  void read(const InputFile& file, std::int64_t offset_bytes, std::span<std::byte> out);

  /// Throws unless the decompressed data end where the last read did, and their checksum, if there
  /// is one, matches.
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
