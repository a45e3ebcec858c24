#include "bytes/byte_cursor.hpp"

#include <algorithm>
#include <span>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"

namespace wishart::checkpoint {

ByteCursor::ByteCursor(const InputFile& file, std::string place)
    : file_(file), place_(std::move(place)), size_bytes_(file.size_bytes()) {}

void ByteCursor::fail(const std::string& what) const {
  throw Error(Blame::input, place_ + ": " + what);
}

void ByteCursor::need(std::uint64_t bytes, std::string_view what) const {
  if (bytes <= static_cast<std::uint64_t>(left())) return;
  fail(std::string(what) + " at byte " + std::to_string(position()) + " needs " +
       std::to_string(bytes) + " bytes, the file has only " + std::to_string(left()) +
       " more. It is damaged or truncated: copy it again");
}

void ByteCursor::refill() {
  hashes_ += hash_hex(std::string_view(piece_.data(), piece_.size()));
  piece_begin_ += static_cast<std::int64_t>(piece_.size());
  at_ = 0;
  piece_.resize(static_cast<std::size_t>(std::min(kPieceBytes, size_bytes_ - piece_begin_)));
  file_.read(piece_begin_, std::as_writable_bytes(std::span(piece_)));
}

void ByteCursor::take(char* out, std::int64_t bytes, std::string_view what) {
  need(static_cast<std::uint64_t>(bytes), what);
  while (bytes > 0) {
    if (at_ == static_cast<std::int64_t>(piece_.size())) refill();
    const std::int64_t now = std::min(bytes, static_cast<std::int64_t>(piece_.size()) - at_);
    if (out != nullptr) out = std::copy_n(piece_.data() + at_, now, out);
    at_ += now;
    bytes -= now;
  }
}

std::string ByteCursor::text(std::int64_t bytes, std::string_view what) {
  need(static_cast<std::uint64_t>(bytes), what);
  std::string result(static_cast<std::size_t>(bytes), '\0');
  take(result.data(), bytes, what);
  return result;
}

void ByteCursor::skip(std::int64_t bytes, std::string_view what) { take(nullptr, bytes, what); }

std::string ByteCursor::hash() const {
  return hash_hex(hashes_ +
                  hash_hex(std::string_view(piece_.data(), static_cast<std::size_t>(at_))));
}

}  // namespace wishart::checkpoint
