/// @file
/// Products of bytes by the vectors of AVX-512 with VNNI.
///
/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: VPDPBUSD adds to each of
/// 16 integers the products of four unsigned bytes with four signed ones. So held bytes are
/// increased by 128, and sums begin at what that will add to them.

#include "integer/byte_products.hpp"

#if defined(__x86_64__)

#include <array>
#include <cstring>
#include <immintrin.h>

#include "integer/packed_products.hpp"
#include "integer/transposition.hpp"

namespace wishart::spectrum {
namespace {

#define WISHART_VECTORS __attribute__((target("avx512f,avx512bw,avx512vnni")))

/// Lines whose sums stay in registers: 16 sums hide the latency of an instruction, of which two
/// begin in a cycle.
constexpr std::int64_t kRows = 8;
static_assert(kMetLines % kRows == 0);
/// Bytes whose products one instruction adds up.
constexpr std::int64_t kFour = 4;

/// -128 times the sum of the bytes of each line.
WISHART_VECTORS void begin_sums(const std::int8_t* lines, std::int64_t stride, std::int64_t steps,
                                std::int32_t* begin) {
  const __m512i weight = _mm512_set1_epi8(1);
  for (std::int64_t line = 0; line < kMetLines; line += kTileLines) {
    __m512i parts[kTileLines];  // sixteen sums for each line
    for (std::int64_t i = 0; i < kTileLines; ++i) {
      const std::int8_t* const from = lines + (line + i) * stride;
      __m512i sum = _mm512_setzero_si512();
      for (std::int64_t k = 0; k < steps; ++k) {
        sum = _mm512_dpbusd_epi32(sum, weight, _mm512_loadu_si512(from + k * kTileDepth));
      }
      parts[i] = sum;
    }
    Words turned[kTileLines];
    transpose_words(parts, kTileDepth, turned, kTileDepth);
    Words sums{};
    for (const Words& part : turned) sums += part;
    sums *= -128;
    std::memcpy(begin + line, &sums, sizeof(sums));
  }
}

/// kRows lines times a pair of tiles.
/// @param fetching  which of every kMetLines / kRows steps fetch
WISHART_VECTORS void multiply_rows(const std::int8_t* lines, std::int64_t stride,
                                   const std::int8_t* held, std::int64_t steps,
                                   const std::int32_t* begin, std::int64_t fetching,
                                   std::int32_t* out, FetchAhead& ahead) {
  __m512i left[kRows];
  __m512i right[kRows];
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < kRows; ++i) {
    left[i] = _mm512_set1_epi32(begin[i]);
    right[i] = left[i];
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    if (step % (kMetLines / kRows) == fetching) ahead.fetch();
    const std::int8_t* const line = lines + step * kTileDepth;
    const std::int8_t* const tile = held + 2 * step * kTileBytes;
    for (std::int64_t k = 0; k < kTileDepth; k += kFour) {
      const __m512i with_left = _mm512_load_si512(tile + k * kTileLines);
      const __m512i with_right = _mm512_load_si512(tile + kTileBytes + k * kTileLines);
#pragma GCC unroll 8
      for (std::int64_t i = 0; i < kRows; ++i) {
        std::int32_t four = 0;
        std::memcpy(&four, line + i * stride + k, sizeof(four));
        const __m512i bytes = _mm512_set1_epi32(four);
        left[i] = _mm512_dpbusd_epi32(left[i], with_left, bytes);
        right[i] = _mm512_dpbusd_epi32(right[i], with_right, bytes);
      }
    }
  }
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < kRows; ++i) {
    _mm512_storeu_si512(out + i * kHeldLines, left[i]);
    _mm512_storeu_si512(out + i * kHeldLines + kTileLines, right[i]);
  }
}

WISHART_VECTORS void multiply_lines(const std::int8_t* lines, std::int64_t stride,
                                    const PackedBlock& held, std::int32_t* out, FetchAhead& ahead) {
  std::array<std::int32_t, kMetLines> begin{};
  begin_sums(lines, stride, held.steps, begin.data());
  for (std::int64_t pair = 0; pair < held.pairs; ++pair) {
    for (std::int64_t row = 0; row < kMetLines; row += kRows) {
      multiply_rows(lines + row * stride, stride, held.tiles + 2 * pair * held.steps * kTileBytes,
                    held.steps, begin.data() + row, row / kRows,
                    out + row * kHeldLines + pair * kPair, ahead);
    }
  }
}

}  // namespace

std::unique_ptr<ByteProducts> make_vector_products() {
  if (!has_byte_vectors()) return nullptr;
  return std::make_unique<PackedProducts>(PackedProducts::Held::unsigned_bytes, multiply_lines);
}

}  // namespace wishart::spectrum

#else

namespace wishart::spectrum {

std::unique_ptr<ByteProducts> make_vector_products() { return nullptr; }

}  // namespace wishart::spectrum

#endif
