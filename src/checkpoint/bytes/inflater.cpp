#include "bytes/inflater.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <zlib.h>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::checkpoint {
namespace {

/// Compressed bytes read from the file at a time.
constexpr std::int64_t kStoredBytes = std::int64_t{64} << 10U;
/// Decompressed bytes per step while skipping to the requested position.
constexpr std::int64_t kSkippedBytes = std::int64_t{64} << 10U;
/// The most that zlib is given in one call: its counts have 32 bits.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30U;
constexpr const char* kNoMemory = "zlib: out of memory while decompressing";

}  // namespace

struct Inflater::Stream {
  explicit Stream(DeflateForm form) : stored(static_cast<std::size_t>(kStoredBytes)) {
    // Negative: no header of zlib or gzip.
    const int window_bits = form == DeflateForm::zlib ? MAX_WBITS : -MAX_WBITS;
    if (inflateInit2(&state, window_bits) != Z_OK) {
      throw Error(Blame::resource, kNoMemory);
    }
  }
  ~Stream() { inflateEnd(&state); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  z_stream state{};
  std::vector<std::byte> stored;
  std::int64_t taken = 0;     // stored bytes read from the file
  std::int64_t position = 0;  // decompressed bytes produced so far
};

Inflater::Inflater(const Deflated& range, DeflateForm form)
    : range_(range), stream_(std::make_unique<Stream>(form)) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

void Inflater::fail(const InputFile& file, const std::string& what) const {
  throw Error(Blame::input, printable(file.path().string()) + ": the compressed data at byte " +
                                std::to_string(range_.offset_bytes) + " " + what +
                                ". Copy it again");
}

void Inflater::restart() {
  inflateReset(&stream_->state);
  stream_->state.avail_in = 0;
  stream_->taken = 0;
  stream_->position = 0;
}

void Inflater::read(const InputFile& file, std::int64_t offset_bytes, std::span<std::byte> out) {
  require(offset_bytes >= 0 && std::ssize(out) <= range_.size_bytes - offset_bytes,
          "decompressed bytes outside the data were requested");
  if (offset_bytes < stream_->position) restart();
  std::vector<std::byte> skipped;
  try {
    while (stream_->position < offset_bytes) {
      const std::int64_t left = offset_bytes - stream_->position;
      skipped.resize(static_cast<std::size_t>(std::min(left, kSkippedBytes)));
      inflate_into(file, skipped);
    }
    inflate_into(file, out);
  } catch (...) {
    restart();  // the state of the stream is unknown
    throw;
  }
}

/// Refills the buffer of stored bytes when it is empty.
void Inflater::take_more(const InputFile& file) {
  z_stream& state = stream_->state;
  if (state.avail_in > 0 || stream_->taken == range_.stored_bytes) return;
  const std::span<std::byte> piece = std::span(stream_->stored)
                                         .first(static_cast<std::size_t>(std::min(
                                             kStoredBytes, range_.stored_bytes - stream_->taken)));
  file.read(range_.offset_bytes + stream_->taken, piece);
  stream_->taken += std::ssize(piece);
  state.next_in = reinterpret_cast<Bytef*>(piece.data());
  state.avail_in = static_cast<uInt>(piece.size());
}

void Inflater::expect_end(const InputFile& file) {
  z_stream& state = stream_->state;
  const std::string position = std::to_string(stream_->position) + " decompressed bytes";
  for (;;) {
    take_more(file);
    const bool last = stream_->taken == range_.stored_bytes;
    Bytef more = 0;
    state.next_out = &more;
    state.avail_out = 1;
    const int status = ::inflate(&state, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR) throw Error(Blame::resource, kNoMemory);
    if (state.avail_out == 0) fail(file, "continue after " + position + ", expected their end");
    if (status == Z_STREAM_END) return;
    const bool goes_on = status == Z_OK || status == Z_BUF_ERROR;
    if (!goes_on || (last && state.avail_in == 0)) {
      fail(file, "are damaged after " + position);
    }
  }
}

void Inflater::inflate_into(const InputFile& file, std::span<std::byte> out) {
  z_stream& state = stream_->state;
  while (!out.empty()) {
    take_more(file);
    const std::size_t wanted = std::min(out.size(), kMostAtOnce);
    state.next_out = reinterpret_cast<Bytef*>(out.data());
    state.avail_out = static_cast<uInt>(wanted);
    const int status = ::inflate(&state, Z_NO_FLUSH);
    const std::size_t come = wanted - state.avail_out;
    stream_->position += static_cast<std::int64_t>(come);
    out = out.subspan(come);
    if (status == Z_MEM_ERROR) throw Error(Blame::resource, kNoMemory);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      fail(file, "are damaged after " + std::to_string(stream_->position) + " decompressed bytes");
    }
    const bool ends = status == Z_STREAM_END ||
                      (come == 0 && state.avail_in == 0 && stream_->taken == range_.stored_bytes);
    if (ends && !out.empty()) {
      fail(file, "end after " + std::to_string(stream_->position) +
                     " decompressed bytes, expected " + std::to_string(range_.size_bytes));
    }
  }
}

}  // namespace wishart::checkpoint
