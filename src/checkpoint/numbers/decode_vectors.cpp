#include "numbers/decode_loops.hpp"

#if defined(__x86_64__)

#include <cstdint>
#include <immintrin.h>

#include "numbers/format8.hpp"

// Every function that handles vectors is compiled for AVX2, whatever target the rest of the program
// has. It is called only if the processor supports AVX2.
#define WISHART_AVX2 __attribute__((target("avx2")))
#define WISHART_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline

namespace wishart::checkpoint {
namespace {

/// Eight codes of 8, 16 or 32 bits, from any address, one in each 32-bit lane.
template <int kBytes>
WISHART_AVX2_INLINE __m256i load_8(const std::byte* at) noexcept {
  if constexpr (kBytes == 1) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at)));
  } else if constexpr (kBytes == 2) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
  } else {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  }
}

WISHART_AVX2_INLINE __m256i all(int value) noexcept { return _mm256_set1_epi32(value); }

/// Converts codes with `mantissa_bits`, `bias` and the sign in bit `sign_bit` to the bits of
/// floats. Unless `ieee`, the largest exponent is an ordinary number.
WISHART_AVX2_INLINE __m256i widened(__m256i codes, int mantissa_bits, int bias, int sign_bit,
                                    bool ieee) noexcept {
  const int up = 23 - mantissa_bits;
  const int rebias = (127 - bias) << 23;
  const __m256i magnitude = _mm256_and_si256(codes, all((1 << sign_bit) - 1));
  __m256i bits = _mm256_add_epi32(_mm256_slli_epi32(magnitude, up), all(rebias));
  if (ieee) {
    // Infinity and NaN keep their mantissa. Applying the same step again makes the exponent 255.
    const int largest = (1 << sign_bit) - (1 << mantissa_bits);
    const __m256i special = _mm256_cmpgt_epi32(magnitude, all(largest - 1));
    bits = _mm256_add_epi32(bits, _mm256_and_si256(special, all(rebias)));
  }
  // A subnormal is a multiple of the last place of floats at 2^n, n = 24 - bias - mantissa_bits. It
  // is added to 2^n as an integer, then 2^n is subtracted as a float, which is exact.
  const int power = (127 + 24 - bias - mantissa_bits) << 23;
  const __m256 shifted = _mm256_castsi256_ps(_mm256_add_epi32(magnitude, all(power)));
  const __m256i subnormal =
      _mm256_castps_si256(_mm256_sub_ps(shifted, _mm256_castsi256_ps(all(power))));
  const __m256i small = _mm256_cmpgt_epi32(all(1 << mantissa_bits), magnitude);
  bits = _mm256_blendv_epi8(bits, subnormal, small);
  const __m256i sign = _mm256_slli_epi32(_mm256_srli_epi32(codes, sign_bit), 31);
  return _mm256_or_si256(bits, sign);
}

struct Bf16 {
  static constexpr int kBytes = 2;
  WISHART_AVX2_INLINE static __m256i float_bits(__m256i codes) noexcept {
    return _mm256_slli_epi32(codes, 16);
  }
};

struct F16 {
  static constexpr int kBytes = 2;
  WISHART_AVX2_INLINE static __m256i float_bits(__m256i codes) noexcept {
    return widened(codes, 10, 15, 15, true);
  }
};

struct F32 {
  static constexpr int kBytes = 4;
  WISHART_AVX2_INLINE static __m256i float_bits(__m256i codes) noexcept { return codes; }
};

template <int kMantissaBits, int kBias, Format8::Special kSpecial>
struct F8 {
  static constexpr int kBytes = 1;
  WISHART_AVX2_INLINE static __m256i float_bits(__m256i codes) noexcept {
    constexpr bool kIeee = kSpecial == Format8::Special::ieee;
    const __m256i bits = widened(codes, kMantissaBits, kBias, 7, kIeee);
    const __m256i magnitude = _mm256_and_si256(codes, all(0x7F));
    __m256i nan;
    switch (kSpecial) {
      case Format8::Special::all_ones_nan:
        nan = _mm256_cmpeq_epi32(magnitude, all(0x7F));
        break;
      case Format8::Special::ieee:
        nan = _mm256_cmpgt_epi32(magnitude, all(0x80 - (1 << kMantissaBits)));
        break;
      case Format8::Special::fnuz:
        nan = _mm256_cmpeq_epi32(codes, all(0x80));
        break;
    }
    return _mm256_blendv_epi8(bits, all(0x7FC00000),
                              nan);  // the same NaN as in the portable tables
  }
};

template <Format8 kFormat>
using F8Of = F8<kFormat.mantissa_bits, kFormat.bias, kFormat.special>;

template <class Format>
WISHART_AVX2_INLINE __m256 floats_8(const std::byte* from) noexcept {
  return _mm256_castsi256_ps(Format::float_bits(load_8<Format::kBytes>(from)));
}

template <class Format>
WISHART_AVX2_INLINE void convert_8(const std::byte* from, double* to) noexcept {
  const __m256 floats = floats_8<Format>(from);
  _mm256_storeu_pd(to, _mm256_cvtps_pd(_mm256_castps256_ps128(floats)));
  _mm256_storeu_pd(to + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(floats, 1)));
}

/// The number of elements before the first one that starts a cache line.
std::size_t before_line(const double* to) noexcept {
  return (64 - reinterpret_cast<std::uintptr_t>(to) % 64) % 64 / sizeof(double);
}

// These loops are limited by stores, so stores are aligned: the first 8 elements are stored
// unaligned, then the loop starts at the first cache line and stores some of them again. If the
// codes are at the end of the output, the first store must not overwrite codes that are still
// needed: with at least 16 elements of at most 4 bytes, the codes begin after it.
constexpr std::size_t kFewest = 16;

template <class Format>
WISHART_AVX2 std::size_t convert_avx2(const std::byte* from, double* to,
                                      std::size_t count) noexcept {
  if (count < kFewest) return 0;
  convert_8<Format>(from, to);
  std::size_t i = before_line(to);
  if (i == 0) i = 8;
  for (; i + 8 <= count; i += 8) convert_8<Format>(from + i * Format::kBytes, to + i);
  return i;
}

/// One store where AVX2 needs two. Wider vectors bring no other gain.
template <class Format>
__attribute__((target("avx2,avx512f"))) std::size_t convert_avx512(const std::byte* from,
                                                                   double* to,
                                                                   std::size_t count) noexcept {
  if (count < kFewest) return 0;
  convert_8<Format>(from, to);
  std::size_t i = before_line(to);
  if (i == 0) i = 8;
  for (; i + 8 <= count; i += 8) {
    // With a mask of all lanes: GCC 12 warns of its own header's _mm512_cvtps_pd (PR 105593).
    const __m512d values = _mm512_maskz_cvtps_pd(0xFF, floats_8<Format>(from + i * Format::kBytes));
    _mm512_storeu_pd(to + i, values);
  }
  return i;
}

template <class Format>
std::size_t convert(InstructionSet set, std::span<const std::byte> raw,
                    std::span<double> out) noexcept {
  return set == InstructionSet::avx512 ? convert_avx512<Format>(raw.data(), out.data(), out.size())
                                       : convert_avx2<Format>(raw.data(), out.data(), out.size());
}

}  // namespace

std::size_t decode_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                           std::span<double> out) noexcept {
  if (set == InstructionSet::portable) return 0;
  // Dtypes not listed here use the portable loops.
  if (dtype == Dtype::bf16) return convert<Bf16>(set, raw, out);
  if (dtype == Dtype::f16) return convert<F16>(set, raw, out);
  if (dtype == Dtype::f32) return convert<F32>(set, raw, out);
  if (dtype == Dtype::f8_e4m3) return convert<F8Of<kE4M3>>(set, raw, out);
  if (dtype == Dtype::f8_e5m2) return convert<F8Of<kE5M2>>(set, raw, out);
  if (dtype == Dtype::f8_e4m3fnuz) return convert<F8Of<kE4M3Fnuz>>(set, raw, out);
  if (dtype == Dtype::f8_e5m2fnuz) return convert<F8Of<kE5M2Fnuz>>(set, raw, out);
  return 0;
}

}  // namespace wishart::checkpoint

#else

namespace wishart::checkpoint {

std::size_t decode_vectors(InstructionSet, Dtype, std::span<const std::byte>,
                           std::span<double>) noexcept {
  return 0;
}

}  // namespace wishart::checkpoint

#endif
