#include "numbers/decode_loops.hpp"

#if defined(__x86_64__)

#include <cstdint>
#include <cstring>
#include <immintrin.h>

#include "numbers/format8.hpp"

// Every function that handles vectors is compiled for AVX2, whatever target the rest of the program
// has. It is called only if the processor supports AVX2.
#define WISHART_AVX2 __attribute__((target("avx2")))
#define WISHART_AVX2_INLINE __attribute__((target("avx2"), always_inline)) inline
#define WISHART_AVX512 __attribute__((target("avx2,avx512f")))
#define WISHART_AVX512_INLINE __attribute__((target("avx2,avx512f"), always_inline)) inline

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

/// Stores eight floats as float64, times a factor unless there is none.
template <bool kScaled>
WISHART_AVX2_INLINE void store_8(__m256 floats, double factor, double* to) noexcept {
  __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(floats));
  __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(floats, 1));
  if constexpr (kScaled) {
    low = _mm256_mul_pd(low, _mm256_set1_pd(factor));
    high = _mm256_mul_pd(high, _mm256_set1_pd(factor));
  }
  _mm256_storeu_pd(to, low);
  _mm256_storeu_pd(to + 4, high);
}

/// One store where AVX2 needs two. Wider vectors bring no other gain.
template <bool kScaled>
WISHART_AVX512_INLINE void store_8_wide(__m256 floats, double factor, double* to) noexcept {
  // With a mask of all lanes: GCC 12 warns of its own header's _mm512_cvtps_pd (PR 105593).
  __m512d values = _mm512_maskz_cvtps_pd(0xFF, floats);
  if constexpr (kScaled) values = _mm512_mul_pd(values, _mm512_set1_pd(factor));
  _mm512_storeu_pd(to, values);
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

template <class Format, bool kScaled>
WISHART_AVX2 std::size_t convert_avx2(const std::byte* from, double factor, double* to,
                                      std::size_t count) noexcept {
  if (count < kFewest) return 0;
  store_8<kScaled>(floats_8<Format>(from), factor, to);
  std::size_t i = before_line(to);
  if (i == 0) i = 8;
  for (; i + 8 <= count; i += 8) {
    store_8<kScaled>(floats_8<Format>(from + i * Format::kBytes), factor, to + i);
  }
  return i;
}

template <class Format, bool kScaled>
WISHART_AVX512 std::size_t convert_avx512(const std::byte* from, double factor, double* to,
                                          std::size_t count) noexcept {
  if (count < kFewest) return 0;
  store_8<kScaled>(floats_8<Format>(from), factor, to);
  std::size_t i = before_line(to);
  if (i == 0) i = 8;
  for (; i + 8 <= count; i += 8) {
    store_8_wide<kScaled>(floats_8<Format>(from + i * Format::kBytes), factor, to + i);
  }
  return i;
}

template <bool kScaled>
struct Conversion {
  InstructionSet set;
  std::span<const std::byte> raw;
  double factor;
  std::span<double> out;

  template <class Format>
  [[nodiscard]] std::size_t from() const noexcept {
    return set == InstructionSet::avx512
               ? convert_avx512<Format, kScaled>(raw.data(), factor, out.data(), out.size())
               : convert_avx2<Format, kScaled>(raw.data(), factor, out.data(), out.size());
  }
};

template <bool kScaled>
std::size_t convert(Dtype dtype, const Conversion<kScaled>& conversion) noexcept {
  if (conversion.set == InstructionSet::portable) return 0;
  // Dtypes not listed here use the portable loops.
  if (dtype == Dtype::bf16) return conversion.template from<Bf16>();
  if (dtype == Dtype::f16) return conversion.template from<F16>();
  if (dtype == Dtype::f32) return conversion.template from<F32>();
  if (dtype == Dtype::f8_e4m3) return conversion.template from<F8Of<kE4M3>>();
  if (dtype == Dtype::f8_e5m2) return conversion.template from<F8Of<kE5M2>>();
  if (dtype == Dtype::f8_e4m3fnuz) return conversion.template from<F8Of<kE4M3Fnuz>>();
  if (dtype == Dtype::f8_e5m2fnuz) return conversion.template from<F8Of<kE5M2Fnuz>>();
  return 0;
}

/// The floats of eight codes of 4 bits in four bytes, the low half of a byte first.
WISHART_AVX2_INLINE __m256 halves_8(const std::byte* codes, __m256 low, __m256 high) noexcept {
  std::int32_t bytes = 0;
  std::memcpy(&bytes, codes, sizeof(bytes));
  const __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  const __m256i code = _mm256_srlv_epi32(all(bytes), shifts);
  // The permutation looks at the lowest three bits of a lane. The fourth, moved to the sign,
  // chooses between the halves of the table.
  const __m256 upper = _mm256_castsi256_ps(_mm256_slli_epi32(code, 28));
  return _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, code), _mm256_permutevar8x32_ps(high, code),
                          upper);
}

WISHART_AVX2 std::size_t look_up_avx2(const std::byte* codes, const float* table, double factor,
                                      std::span<double> out) noexcept {
  const __m256 low = _mm256_loadu_ps(table);
  const __m256 high = _mm256_loadu_ps(table + 8);
  std::size_t i = 0;
  for (; i + 8 <= out.size(); i += 8) {
    store_8<true>(halves_8(codes + i / 2, low, high), factor, out.data() + i);
  }
  return i;
}

WISHART_AVX512 std::size_t look_up_avx512(const std::byte* codes, const float* table, double factor,
                                          std::span<double> out) noexcept {
  const __m256 low = _mm256_loadu_ps(table);
  const __m256 high = _mm256_loadu_ps(table + 8);
  std::size_t i = 0;
  for (; i + 8 <= out.size(); i += 8) {
    store_8_wide<true>(halves_8(codes + i / 2, low, high), factor, out.data() + i);
  }
  return i;
}

}  // namespace

std::size_t decode_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                           std::span<double> out) noexcept {
  return convert(dtype, Conversion<false>{set, raw, 1, out});
}

std::size_t decode_scaled_vectors(InstructionSet set, Dtype dtype, std::span<const std::byte> raw,
                                  double factor, std::span<double> out) noexcept {
  return convert(dtype, Conversion<true>{set, raw, factor, out});
}

std::size_t look_up_vectors(InstructionSet set, const std::byte* codes,
                            const std::array<float, 16>& table, double factor,
                            std::span<double> out) noexcept {
  if (set == InstructionSet::portable) return 0;
  return set == InstructionSet::avx512 ? look_up_avx512(codes, table.data(), factor, out)
                                       : look_up_avx2(codes, table.data(), factor, out);
}

}  // namespace wishart::checkpoint

#else

namespace wishart::checkpoint {

std::size_t decode_vectors(InstructionSet, Dtype, std::span<const std::byte>,
                           std::span<double>) noexcept {
  return 0;
}

std::size_t decode_scaled_vectors(InstructionSet, Dtype, std::span<const std::byte>, double,
                                  std::span<double>) noexcept {
  return 0;
}

std::size_t look_up_vectors(InstructionSet, const std::byte*, const std::array<float, 16>&, double,
                            std::span<double>) noexcept {
  return 0;
}

}  // namespace wishart::checkpoint

#endif
