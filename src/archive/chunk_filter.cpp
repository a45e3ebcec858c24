#include "wishart/archive/chunk_filter.hpp"

#include <algorithm>

#include <zlib.h>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"

namespace wishart::archive {
namespace {

/// The first bytes of all elements, then the second ones, ...: HDF5's shuffle filter.
std::vector<std::byte> shuffled(const RawChunk& chunk) {
  const auto width = static_cast<std::size_t>(chunk.element_bytes);
  const std::size_t count = chunk.bytes.size() / width;
  if (width <= 1) return chunk.bytes;
  std::vector<std::byte> out(chunk.bytes.size());
  for (std::size_t i = 0; i < width; ++i) {
    const std::byte* from = chunk.bytes.data() + i;
    std::byte* to = out.data() + i * count;
    for (std::size_t k = 0; k < count; ++k) to[k] = from[k * width];
  }
  const auto rest = static_cast<std::ptrdiff_t>(count * width);
  std::copy(chunk.bytes.begin() + rest, chunk.bytes.end(), out.begin() + rest);
  return out;
}

/// HDF5's checksum: Fletcher's over big-endian words of 16 bits, modulo 2^16 - 1.
std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  constexpr std::size_t kWordsBeforeOverflow = 360;
  constexpr std::uint32_t kLow = 0xffff;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  const auto fold = [](std::uint32_t sum) { return (sum & kLow) + (sum >> 16U); };
  const auto add = [&](std::uint32_t word) {
    first += word;
    second += first;
  };
  while (bytes.size() >= 2) {
    const std::size_t words = std::min(bytes.size() / 2, kWordsBeforeOverflow);
    for (std::size_t i = 0; i < words; ++i) {
      add(static_cast<std::uint32_t>(bytes[2 * i]) << 8U |
          static_cast<std::uint32_t>(bytes[2 * i + 1]));
    }
    bytes = bytes.subspan(2 * words);
    first = fold(first);
    second = fold(second);
  }
  if (!bytes.empty()) {
    add(static_cast<std::uint32_t>(bytes[0]) << 8U);
    first = fold(first);
    second = fold(second);
  }
  return fold(second) << 16U | fold(first);
}

}  // namespace

std::vector<std::byte> filtered(const RawChunk& chunk) {
  require(chunk.element_bytes > 0, "a chunk needs elements of at least one byte");
  const std::vector<std::byte> in = shuffled(chunk);
  auto length = ::compressBound(narrow<uLong>(in.size(), "bytes of a chunk"));
  std::vector<std::byte> out(length + sizeof(std::uint32_t));
  const int code = ::compress2(reinterpret_cast<Bytef*>(out.data()), &length,
                               reinterpret_cast<const Bytef*>(in.data()),
                               narrow<uLong>(in.size(), "bytes of a chunk"), kDeflateLevel);
  if (code == Z_MEM_ERROR) throw std::bad_alloc();
  require(code == Z_OK, "zlib cannot compress a chunk");
  out.resize(length + sizeof(std::uint32_t));
  const std::uint32_t sum = fletcher32(std::span(out).first(length));
  for (std::size_t i = 0; i < sizeof(sum); ++i) {
    out[length + i] = static_cast<std::byte>(sum >> (8U * i));
  }
  return out;
}

ChunkFilter filter_here() {
  return {1, [](std::span<const RawChunk> chunks) {
            std::vector<std::vector<std::byte>> out;
            for (const RawChunk& chunk : chunks) out.push_back(filtered(chunk));
            return out;
          }};
}

}  // namespace wishart::archive
