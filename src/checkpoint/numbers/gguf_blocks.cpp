#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"

#include "numbers/encodings.hpp"
#include "numbers/gguf_grids.hpp"
#include "numbers/gguf_types.hpp"

// Layouts: ggml, ggml-common.h (the structs block_*) and ggml-quants.c (dequantize_row_*). All
// numbers below are byte offsets in those structs, or counts of bits. Of 32 codes in 16 bytes, the
// first 16 are the low halves of the bytes, the others the high halves.

namespace wishart::checkpoint {
namespace {

using Bytes = const std::uint8_t*;

/// The values of the 4-bit codes of IQ4_NL and IQ4_XS (kvalues_iq4nl).
constexpr std::array<double, 16> kIq4{-127, -104, -83, -65, -49, -35, -22, -10,
                                      1,    13,   25,  38,  53,  69,  89,  113};

double half(Bytes at) {
  double value = 0;
  decode(Dtype::f16, std::as_bytes(std::span(at, 2)), {&value, 1});
  return value;
}

int signed_byte(std::uint8_t byte) { return static_cast<std::int8_t>(byte); }

/// Code `j` of 2 * `half_codes` codes of 4 bits.
unsigned nibble(Bytes codes, int j, int half_codes) {
  return j < half_codes ? codes[j] & 15U : codes[j - half_codes] >> 4U;
}

/// Q4_0, Q4_1, Q5_0, Q5_1.
void four_or_five_bits(Bytes b, bool has_min, bool has_fifth, double* out) {
  const double scale = half(b);
  const double min = has_min ? half(b + 2) : 0.0;
  Bytes codes = b + (has_min ? 4 : 2);
  std::uint32_t fifth = 0;
  if (has_fifth) {
    std::memcpy(&fifth, codes, 4);
    codes += 4;
  }
  const int middle = has_min ? 0 : (has_fifth ? 16 : 8);
  for (int e = 0; e < 32; ++e) {
    const unsigned code = nibble(codes, e, 16) | (((fifth >> static_cast<unsigned>(e)) & 1U) << 4U);
    const double value = scale * (static_cast<int>(code) - middle);
    out[e] = has_min ? value + min : value;
  }
}

void q8_0(Bytes b, double* out) {
  const double scale = half(b);
  for (int e = 0; e < 32; ++e) out[e] = scale * signed_byte(b[2 + e]);
}

/// Two bits of a code of Q2_K and Q3_K: 128 codes in 32 bytes, 32 codes at each bit position.
unsigned two_bits(Bytes codes, int e) {
  return (codes[32 * (e / 128) + e % 32] >> static_cast<unsigned>(2 * (e % 128 / 32))) & 3U;
}

void q2_k(Bytes b, double* out) {
  const double scale = half(b + 80);
  const double min = half(b + 82);
  for (int e = 0; e < 256; ++e) {
    const unsigned both = b[e / 16];
    out[e] = scale * (both & 15U) * two_bits(b + 16, e) - min * (both >> 4U);
  }
}

void q3_k(Bytes b, double* out) {
  const double scale = half(b + 108);
  Bytes scales = b + 96;
  for (int e = 0; e < 256; ++e) {
    const int i = e / 16;
    const unsigned low = i < 8 ? scales[i] & 15U : scales[i - 8] >> 4U;
    const unsigned high = (scales[8 + i % 4] >> static_cast<unsigned>(2 * (i / 4))) & 3U;
    const unsigned third = (b[e % 32] >> static_cast<unsigned>(e / 32)) & 1U;
    const int code = static_cast<int>(two_bits(b + 32, e)) - (third != 0 ? 0 : 4);
    out[e] = scale * (static_cast<int>(low | (high << 4U)) - 32) * code;
  }
}

/// Q4_K and Q5_K: 8 runs of 32 codes, each with a scale and a minimum of 6 bits in 12 bytes.
void q4_or_q5_k(Bytes b, bool has_fifth, double* out) {
  const double scale = half(b);
  const double min = half(b + 2);
  Bytes packed = b + 4;
  Bytes fifth = b + 16;
  Bytes codes = b + (has_fifth ? 48 : 16);
  for (int s = 0; s < 8; ++s) {
    unsigned run_scale = packed[s] & 63U;
    unsigned run_min = packed[s + 4] & 63U;
    if (s >= 4) {
      run_scale = (packed[s + 4] & 15U) | (unsigned{packed[s - 4]} >> 6U << 4U);
      run_min = (unsigned{packed[s + 4]} >> 4U) | (unsigned{packed[s]} >> 6U << 4U);
    }
    for (int l = 0; l < 32; ++l) {
      const unsigned byte = codes[32 * (s / 2) + l];
      unsigned code = s % 2 == 1 ? byte >> 4U : byte & 15U;
      if (has_fifth) code |= ((fifth[l] >> static_cast<unsigned>(s)) & 1U) << 4U;
      out[32 * s + l] = scale * run_scale * code - min * run_min;
    }
  }
}

void q6_k(Bytes b, double* out) {
  const double scale = half(b + 208);
  for (int e = 0; e < 256; ++e) {
    const int n = e / 128;
    const int g = e % 128 / 32;
    const int l = e % 32;
    const unsigned byte = b[64 * n + 32 * (g % 2) + l];
    const unsigned low = g >= 2 ? byte >> 4U : byte & 15U;
    const unsigned high = (b[128 + 32 * n + l] >> static_cast<unsigned>(2 * g)) & 3U;
    out[e] = scale * signed_byte(b[192 + e / 16]) * (static_cast<int>(low | (high << 4U)) - 32);
  }
}

void iq4_nl(Bytes b, double* out) {
  const double scale = half(b);
  for (int e = 0; e < 32; ++e) out[e] = scale * kIq4[nibble(b + 2, e, 16)];
}

void iq4_xs(Bytes b, double* out) {
  const double scale = half(b);
  const unsigned highs = b[2] | (static_cast<unsigned>(b[3]) << 8U);
  for (int e = 0; e < 256; ++e) {
    const int run = e / 32;
    const unsigned low = (b[4 + run / 2] >> static_cast<unsigned>(4 * (run % 2))) & 15U;
    const unsigned high = (highs >> static_cast<unsigned>(2 * run)) & 3U;
    const int run_scale = static_cast<int>(low | (high << 4U)) - 32;
    out[e] = scale * run_scale * kIq4[nibble(b + 8 + std::ptrdiff_t{16} * run, e % 32, 16)];
  }
}

void mxfp4(Bytes b, double* out) {
  // Unlike OCP's E8M0, ggml gives exponent 255 no special meaning.
  const double scale = std::ldexp(1.0, static_cast<int>(b[0]) - 127);
  for (int e = 0; e < 32; ++e) out[e] = fp4_value(nibble(b + 1, e, 16)) * scale;
}

/// An unsigned float of 4 + 3 bits; 0 and 0x7F are zero.
double ue4m3(unsigned code) {
  if (code == 0 || code == 0x7F) return 0;
  const int exponent = static_cast<int>((code >> 3U) & 15U);
  const int mantissa = static_cast<int>(code & 7U);
  return exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
}

void nvfp4(Bytes b, double* out) {
  for (int e = 0; e < 64; ++e) {
    out[e] = fp4_value(nibble(b + 4 + std::ptrdiff_t{8} * (e / 16), e % 16, 8)) * ue4m3(b[e / 16]);
  }
}

void q1_0(Bytes b, double* out) {
  const double scale = half(b);
  for (int e = 0; e < 128; ++e) {
    const bool plus = ((b[2 + e / 8] >> static_cast<unsigned>(e % 8)) & 1U) != 0;
    out[e] = plus ? scale : -scale;
  }
}

void q2_0(Bytes b, double* out) {
  const double scale = half(b);
  for (int e = 0; e < 64; ++e) {
    const unsigned code = (b[2 + e / 4] >> static_cast<unsigned>(2 * (e % 4))) & 3U;
    out[e] = scale * (static_cast<int>(code) - 1);
  }
}

void tq2_0(Bytes b, double* out) {
  const double scale = half(b + 64);
  for (int e = 0; e < 256; ++e) out[e] = scale * (static_cast<int>(two_bits(b, e)) - 1);
}

/// Five base-3 digits per byte, which is read as a fraction of 256. The first 32 bytes have 160
/// elements, the next 16 have 80, and the last 4 have 16 (four digits each).
void tq1_0(Bytes b, double* out) {
  constexpr std::array<unsigned, 5> kPowers{1, 3, 9, 27, 81};
  const double scale = half(b + 52);
  for (int e = 0; e < 256; ++e) {
    int digit = e / 32;
    int byte = e % 32;
    if (e >= 240) {
      digit = (e - 240) / 4;
      byte = 48 + e % 4;
    } else if (e >= 160) {
      digit = (e - 160) / 16;
      byte = 32 + e % 16;
    }
    const unsigned fraction = (b[byte] * kPowers[static_cast<std::size_t>(digit)]) & 255U;
    out[e] = scale * (static_cast<int>((fraction * 3U) >> 8U) - 1);
  }
}

unsigned two_bytes(Bytes at) { return at[0] | (static_cast<unsigned>(at[1]) << 8U); }

std::uint32_t four_bytes(Bytes at) { return two_bytes(at) | (two_bytes(at + 2) << 16U); }

/// Signs of eight elements in seven bits: their number of minus signs is even (ksigns_iq2xs).
unsigned even_signs(std::uint32_t bits) {
  const unsigned seven = bits & 127U;
  return seven | (static_cast<unsigned>(std::popcount(seven) & 1) << 7U);
}

/// Elements of a run of a code book. Bit j of `signs` makes element j negative.
template <std::size_t Width>
void signed_run(const std::array<std::int8_t, Width>& levels, unsigned signs, double scale,
                double* out) {
  for (std::size_t j = 0; j < Width; ++j) {
    out[j] = ((signs >> j) & 1U) != 0 ? -scale * levels[j] : scale * levels[j];
  }
}

/// Runs of eight elements; four of them, 32 elements, share a word of scale and signs.
void iq2_xxs(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 32; ++r) {
    Bytes group = b + 2 + std::ptrdiff_t{8} * (r / 4);
    const std::uint32_t word = four_bytes(group + 4);
    const double run_scale = scale * (0.5 + (word >> 28U)) * 0.25;
    signed_run(gguf_grids().iq2_xxs[group[r % 4]],
               even_signs(word >> static_cast<unsigned>(7 * (r % 4))), run_scale,
               out + std::ptrdiff_t{8} * r);
  }
}

/// The scale of run `r` of eight in IQ2_XS and IQ2_S: four bits for two runs.
double iq2_scale(Bytes scales, int r) {
  const unsigned byte = scales[r / 4];
  return (0.5 + (r % 4 < 2 ? byte & 15U : byte >> 4U)) * 0.25;
}

void iq2_xs(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 32; ++r) {
    const unsigned code = two_bytes(b + 2 + std::ptrdiff_t{2} * r);
    signed_run(gguf_grids().iq2_xs[code & 511U], even_signs(code >> 9U),
               scale * iq2_scale(b + 66, r), out + std::ptrdiff_t{8} * r);
  }
}

void iq2_s(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 32; ++r) {
    const unsigned high = (b[66 + r / 4] >> static_cast<unsigned>(2 * (r % 4))) & 3U;
    signed_run(gguf_grids().iq2_s[b[2 + r] | (high << 8U)], b[34 + r], scale * iq2_scale(b + 74, r),
               out + std::ptrdiff_t{8} * r);
  }
}

void iq3_xxs(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 64; ++r) {
    const std::uint32_t word = four_bytes(b + 66 + std::ptrdiff_t{4} * (r / 8));
    const double run_scale = scale * (0.5 + (word >> 28U)) * 0.5;
    const unsigned signs = even_signs(word >> static_cast<unsigned>(7 * (r / 2 % 4)));
    signed_run(gguf_grids().iq3_xxs[b[2 + r]], signs >> static_cast<unsigned>(4 * (r % 2)),
               run_scale, out + std::ptrdiff_t{4} * r);
  }
}

void iq3_s(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 64; ++r) {
    const unsigned high = (b[66 + r / 8] >> static_cast<unsigned>(r % 8)) & 1U;
    const unsigned both = b[106 + r / 16];
    const unsigned run_scale = 1 + 2 * (r / 8 % 2 == 0 ? both & 15U : both >> 4U);
    const unsigned signs = b[74 + r / 2] >> static_cast<unsigned>(4 * (r % 2));
    signed_run(gguf_grids().iq3_s[b[2 + r] | (high << 8U)], signs, scale * run_scale,
               out + std::ptrdiff_t{4} * r);
  }
}

/// Eight elements of IQ1: levels -1, 0, 1, all moved by an eighth, up or down.
void iq1_run(unsigned code, bool down, double scale, double* out) {
  const auto& levels = gguf_grids().iq1[code];
  for (std::size_t j = 0; j < levels.size(); ++j) {
    out[j] = scale * (levels[j] + (down ? -0.125 : 0.125));
  }
}

void iq1_s(Bytes b, double* out) {
  const double scale = half(b);
  for (int r = 0; r < 32; ++r) {
    const unsigned group = two_bytes(b + 34 + std::ptrdiff_t{2} * (r / 4));
    const unsigned high = (group >> static_cast<unsigned>(3 * (r % 4))) & 7U;
    iq1_run(b[2 + r] | (high << 8U), (group & 0x8000U) != 0,
            scale * (2 * ((group >> 12U) & 7U) + 1), out + std::ptrdiff_t{8} * r);
  }
}

/// The scale of the block is spread over the highest four bits of four words, whose other bits are
/// scales of 16 elements.
void iq1_m(Bytes b, double* out) {
  std::array<std::uint8_t, 2> spread{};
  for (unsigned w = 0; w < 4; ++w) {
    spread[w / 2] |= static_cast<std::uint8_t>((b[48 + 2 * w + 1] >> 4U) << (4 * (w % 2)));
  }
  const double scale = half(spread.data());
  for (int r = 0; r < 32; ++r) {
    const unsigned high = (b[32 + r / 2] >> static_cast<unsigned>(4 * (r % 2))) & 15U;
    const unsigned word = two_bytes(b + 48 + std::ptrdiff_t{2} * (r / 8));
    const unsigned run_scale = (word >> static_cast<unsigned>(3 * (r / 2 % 4))) & 7U;
    iq1_run(b[r] | ((high & 7U) << 8U), (high & 8U) != 0, scale * (2 * run_scale + 1),
            out + std::ptrdiff_t{8} * r);
  }
}

}  // namespace

void decode_gguf_block(const GgufType& type, std::span<const std::uint8_t> block,
                       std::span<double> out) {
  require(std::ssize(block) == type.block_bytes && std::ssize(out) == type.block_elements,
          "a GGUF block does not have the length of its type");
  Bytes b = block.data();
  double* to = out.data();
  switch (type.number) {
    case 2:
    case 3:
    case 6:
    case 7:
      return four_or_five_bits(b, type.number % 2 != 0, type.number >= 6, to);
    case 8:
      return q8_0(b, to);
    case 10:
      return q2_k(b, to);
    case 11:
      return q3_k(b, to);
    case 12:
      return q4_or_q5_k(b, false, to);
    case 13:
      return q4_or_q5_k(b, true, to);
    case 14:
      return q6_k(b, to);
    case 16:
      return iq2_xxs(b, to);
    case 17:
      return iq2_xs(b, to);
    case 18:
      return iq3_xxs(b, to);
    case 19:
      return iq1_s(b, to);
    case 20:
      return iq4_nl(b, to);
    case 21:
      return iq3_s(b, to);
    case 22:
      return iq2_s(b, to);
    case 23:
      return iq4_xs(b, to);
    case 29:
      return iq1_m(b, to);
    case 34:
      return tq1_0(b, to);
    case 35:
      return tq2_0(b, to);
    case 39:
      return mxfp4(b, to);
    case 40:
      return nvfp4(b, to);
    case 41:
      return q1_0(b, to);
    case 42:
      return q2_0(b, to);
    default:
      return require(false, "blocks of this GGUF type cannot be converted to numbers");
  }
}

}  // namespace wishart::checkpoint
