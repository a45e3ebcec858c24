// An element at position i with float64 bits x adds (b, c) to the two sums, where, with lo and hi
// for the halves of a word and every product one of 32 x 32 -> 64 bits,
//
//   w = (i + 1) * kWeylStep               distinct for all i, and neighbours far apart
//   k = (lo(w) * hi(w)) ^ w               not linear in i: a linear key would let differences
//                                         cancel that lie at equal distances
//   a = x ^ k
//   b = (x ^ w) + lo(a) * hi(a)           x enters twice: where lo(a) = 0 the product forgets hi(a)
//   c = lo(b) * hi(b)
//
// Weights that came from bf16 have lo(x) = 0, and a change of such a weight affects only the upper
// bits of x. In b the change is multiplied by a key. In c it is multiplied once more, which spreads
// the difference over all bits. AVX2 has only 32-bit products, so no wider ones are used: three per
// element.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "wishart/core/hash.hpp"

namespace wishart {
namespace {

/// The step of the Weyl sequence that positions become: 2^64 / golden ratio, odd.
constexpr std::uint64_t kWeylStep = 0x9e3779b97f4a7c15ULL;

/// lo(word) * hi(word)
constexpr std::uint64_t folded(std::uint64_t word) noexcept {
  return (word & 0xFFFFFFFFU) * (word >> 32U);
}

void add_portable(ElementHash& hash, std::uint64_t position,
                  std::span<const double> values) noexcept {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t w = (position + 1) * kWeylStep;
  for (const double value : values) {
    const auto x = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t b = (x ^ w) + folded(x ^ w ^ folded(w));
    first += b;
    second += folded(b);
    w += kWeylStep;
  }
  hash.first += first;
  hash.second += second;
}

#if defined(__x86_64__)

__attribute__((target("avx2"), always_inline)) inline __m256i folded(__m256i words) noexcept {
  return _mm256_mul_epu32(words, _mm256_srli_epi64(words, 32));
}

__attribute__((target("avx2"), always_inline)) inline std::uint64_t total(__m256i sums) noexcept {
  alignas(32) std::uint64_t lanes[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), sums);
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

/// Adds leading `values`, a multiple of 4 of them.
/// @returns how many
__attribute__((target("avx2"))) std::size_t add_avx2(ElementHash& hash, std::uint64_t position,
                                                     std::span<const double> values) noexcept {
  const std::size_t count = values.size() / 4 * 4;
  const auto weyl = [](std::uint64_t steps) { return std::bit_cast<long long>(steps * kWeylStep); };
  __m256i w = _mm256_setr_epi64x(weyl(position + 1), weyl(position + 2), weyl(position + 3),
                                 weyl(position + 4));
  const __m256i step = _mm256_set1_epi64x(weyl(4));
  __m256i first = _mm256_setzero_si256();
  __m256i second = _mm256_setzero_si256();
  for (std::size_t i = 0; i < count; i += 4) {
    const __m256i x = _mm256_castpd_si256(_mm256_loadu_pd(values.data() + i));
    const __m256i placed = _mm256_xor_si256(x, w);
    const __m256i b = _mm256_add_epi64(placed, folded(_mm256_xor_si256(placed, folded(w))));
    first = _mm256_add_epi64(first, b);
    second = _mm256_add_epi64(second, folded(b));
    w = _mm256_add_epi64(w, step);
  }
  hash.first += total(first);
  hash.second += total(second);
  return count;
}

#else

std::size_t add_avx2(ElementHash&, std::uint64_t, std::span<const double>) noexcept { return 0; }

#endif

}  // namespace

void ElementHash::add(std::uint64_t position, std::span<const double> values,
                      InstructionSet set) noexcept {
  const std::size_t done = set >= InstructionSet::avx2 ? add_avx2(*this, position, values) : 0;
  add_portable(*this, position + done, values.subspan(done));
}

void ElementHash::add(const ElementHash& other) noexcept {
  first += other.first;
  second += other.second;
}

}  // namespace wishart
