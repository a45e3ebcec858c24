#pragma once

/// @file
/// Internal: transposes 16 x 16 words of four bytes in the registers of AVX-512.

#if defined(__x86_64__)

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace wishart::spectrum {

#define WISHART_WORDS __attribute__((target("avx512f"), always_inline)) inline

// NOLINTNEXTLINE(modernize-use-using): vector_size goes with a typedef
typedef std::int32_t Words __attribute__((vector_size(64)));

// Of each four words, the first or last two of both, in turn; then pairs of words; then fours.
WISHART_WORDS Words low_words(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
WISHART_WORDS Words high_words(Words a, Words b) {
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
WISHART_WORDS Words low_pairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
}
WISHART_WORDS Words high_pairs(Words a, Words b) {
  return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
}
WISHART_WORDS Words even_fours(Words a, Words b) {
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
}
WISHART_WORDS Words odd_fours(Words a, Words b) {
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
}

/// Writes the 16 x 16 words of four bytes at `from`, transposed. Rows are `from_stride` and
/// `to_stride` bytes apart.
__attribute__((target("avx512f"))) inline void transpose_words(const void* from,
                                                               std::int64_t from_stride, void* to,
                                                               std::int64_t to_stride) {
  const auto* const source = static_cast<const std::byte*>(from);
  auto* const target = static_cast<std::byte*>(to);
  Words r[16];
  Words t[16];
  for (int i = 0; i < 16; ++i) std::memcpy(&r[i], source + i * from_stride, sizeof(Words));
  for (int i = 0; i < 16; i += 2) {
    t[i] = low_words(r[i], r[i + 1]);
    t[i + 1] = high_words(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = low_pairs(t[i], t[i + 2]);
    r[i + 1] = high_pairs(t[i], t[i + 2]);
    r[i + 2] = low_pairs(t[i + 1], t[i + 3]);
    r[i + 3] = high_pairs(t[i + 1], t[i + 3]);
  }
  // Now the c-th four words of r[4 a + b] are rows 4 a to 4 a + 3 of column 4 c + b.
  for (int b = 0; b < 4; ++b) {
    const Words even_low = even_fours(r[b], r[4 + b]);
    const Words even_high = even_fours(r[8 + b], r[12 + b]);
    const Words odd_low = odd_fours(r[b], r[4 + b]);
    const Words odd_high = odd_fours(r[8 + b], r[12 + b]);
    t[b] = even_fours(even_low, even_high);
    t[4 + b] = even_fours(odd_low, odd_high);
    t[8 + b] = odd_fours(even_low, even_high);
    t[12 + b] = odd_fours(odd_low, odd_high);
  }
  for (int i = 0; i < 16; ++i) std::memcpy(target + i * to_stride, &t[i], sizeof(Words));
}

#undef WISHART_WORDS

}  // namespace wishart::spectrum

#endif
