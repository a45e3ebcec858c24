#include "integer/combination.hpp"

#include <cstring>

#include "wishart/core/error.hpp"
#include "wishart/record/panel.hpp"

#include "integer/values.hpp"

namespace wishart::spectrum {
namespace {

// Compiled once for each instruction set, by inlining into a function with the target attribute.
#define WISHART_INLINE inline __attribute__((always_inline))

// NOLINTBEGIN(modernize-use-using): vector_size goes with a typedef
typedef double Doubles2 __attribute__((vector_size(16)));
typedef double Doubles4 __attribute__((vector_size(32)));
typedef double Doubles8 __attribute__((vector_size(64)));
typedef float Floats2 __attribute__((vector_size(8)));
typedef float Floats4 __attribute__((vector_size(16)));
typedef float Floats8 __attribute__((vector_size(32)));
typedef std::uint8_t Bytes16 __attribute__((vector_size(16)));
typedef std::uint8_t Bytes32 __attribute__((vector_size(32)));
typedef std::int32_t Integers2 __attribute__((vector_size(8)));
typedef std::int32_t Integers4 __attribute__((vector_size(16)));
typedef std::int32_t Integers8 __attribute__((vector_size(32)));
// NOLINTEND(modernize-use-using)

WISHART_INLINE double converted(std::int32_t v) { return static_cast<double>(v); }
WISHART_INLINE Doubles2 converted(Integers2 v) { return __builtin_convertvector(v, Doubles2); }
WISHART_INLINE Doubles4 converted(Integers4 v) { return __builtin_convertvector(v, Doubles4); }
WISHART_INLINE Doubles8 converted(Integers8 v) {
#if defined(__x86_64__) && !defined(__clang__)
  Doubles8 out;  // GCC 12 makes four instructions of the builtin
  asm("vcvtdq2pd %1, %0" : "=v"(out) : "v"(v));
  return out;
#else
  return __builtin_convertvector(v, Doubles8);
#endif
}

/// `lanes` elements at a time.
template <class Doubles, class Integers, std::int64_t lanes>
struct Lanes {
  static WISHART_INLINE Doubles products(const TileColumn& column, int byte, std::int64_t row) {
    Integers products;
    std::memcpy(&products, column.products + byte * column.between + row, sizeof(products));
    return converted(products);
  }

  static WISHART_INLINE void store(const TileColumn& column, std::int64_t row, Doubles integers) {
    Doubles units;
    std::memcpy(&units, column.units + row, sizeof(units));
    const Doubles sum = integers * column.unit * units;
    std::memcpy(column.out + row, &sum, sizeof(sum));
  }

  /// From values. @returns the first row that is left
  static WISHART_INLINE std::int64_t from_values(TileColumn column, std::int64_t begin) {
    std::int64_t i = begin;
    for (; i + lanes <= column.rows; i += lanes) {
      Doubles sum{};
#pragma GCC unroll 5
      for (int k = 0; k < kValues; ++k) {
        sum += products(column, k, i) * kWeights[static_cast<std::size_t>(k)];
      }
      store(column, i, sum);
    }
    return i;
  }

  /// From residues. @returns the first row that is left
  static WISHART_INLINE std::int64_t from_residues(const Remainders& crt, TileColumn column,
                                                   std::int64_t begin) {
    constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    std::int64_t i = begin;
    for (; i + lanes <= column.rows; i += lanes) {
      Doubles high{};
      Doubles middle{};
      Doubles low{};
      Doubles turns{};
#pragma GCC unroll 8
      for (int k = 0; k < kMostModuli; ++k) {
        const Remainders::Weight& w = crt.weights[static_cast<std::size_t>(k)];
        const Doubles c = products(column, k, i);
        high += c * w.parts.high;
        middle += c * w.parts.middle;
        low += c * w.parts.low;
        turns += c * w.turn;
      }
      const Doubles q = (turns + kRound) - kRound;
      // The first sum is exact: the whole has at most 62 bits, of which it leaves out the last 22.
      const Doubles upper = (high - q * crt.product.high) * Remainders::kHigh +
                            (middle - q * crt.product.middle) * Remainders::kMiddle;
      store(column, i, upper + (low - q * crt.product.low));
    }
    return i;
  }
};

/// One vector of the instruction set at a time, then element by element.
template <class Doubles, class Integers, std::int64_t lanes>
WISHART_INLINE void combine(ByteCode code, const Remainders& crt, TileColumn column) {
  using Vectors = Lanes<Doubles, Integers, lanes>;
  using Single = Lanes<double, std::int32_t, 1>;
  if (code == ByteCode::values) {
    Single::from_values(column, Vectors::from_values(column, 0));
  } else {
    Single::from_residues(crt, column, Vectors::from_residues(crt, column, 0));
  }
}

/// `count` is a multiple of 64, as the stride of lines is.
template <class Bytes>
WISHART_INLINE void derive_all(const std::int8_t* const* kept, std::int64_t count,
                               std::int8_t* third, std::int8_t* fourth) {
  constexpr auto kLanes = static_cast<std::int64_t>(sizeof(Bytes));
  for (std::int64_t i = 0; i < count; i += kLanes) {
    Bytes zeroth;
    Bytes first;
    Bytes second;
    std::memcpy(&zeroth, kept[0] + i, kLanes);
    std::memcpy(&first, kept[1] + i, kLanes);
    std::memcpy(&second, kept[2] + i, kLanes);
    const DerivedValues<Bytes> derived = derived_values(zeroth, first, second);
    std::memcpy(third + i, &derived.third, kLanes);
    std::memcpy(fourth + i, &derived.fourth, kLanes);
  }
}

/// out[i] += sums[i], `lanes` at a time.
template <class Doubles, std::int64_t lanes>
WISHART_INLINE void add_sums(const double* sums, std::int64_t count, double* out) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    Doubles more;
    Doubles sum;
    std::memcpy(&more, sums + i, sizeof(more));
    std::memcpy(&sum, out + i, sizeof(sum));
    sum += more;
    std::memcpy(out + i, &sum, sizeof(sum));
  }
  for (; i < count; ++i) out[i] += sums[i];
}

/// sums[i] += factor x[i], `lanes` at a time. The product of two floats is exact, whether or not it
/// is fused with the addition.
template <class Doubles, class Floats, std::int64_t lanes>
WISHART_INLINE void add_products(double factor, const float* x, std::int64_t count, double* sums) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    Floats values;
    Doubles sum;
    std::memcpy(&values, x + i, sizeof(values));
    std::memcpy(&sum, sums + i, sizeof(sum));
    sum += factor * __builtin_convertvector(values, Doubles);
    std::memcpy(sums + i, &sum, sizeof(sum));
  }
  for (; i < count; ++i) sums[i] += factor * static_cast<double>(x[i]);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void combine_avx2(ByteCode code, const Remainders& crt,
                                                  const TileColumn& column) {
  combine<Doubles4, Integers4, 4>(code, crt, column);
}
__attribute__((target("avx2,avx512f"))) void combine_avx512(ByteCode code, const Remainders& crt,
                                                            const TileColumn& column) {
  combine<Doubles8, Integers8, 8>(code, crt, column);
}
__attribute__((target("avx2"))) void add_sums_avx2(const double* sums, std::int64_t count,
                                                   double* out) {
  add_sums<Doubles4, 4>(sums, count, out);
}
__attribute__((target("avx2,avx512f"))) void add_sums_avx512(const double* sums, std::int64_t count,
                                                             double* out) {
  add_sums<Doubles8, 8>(sums, count, out);
}
__attribute__((target("avx2"))) void add_products_avx2(double factor, const float* x,
                                                       std::int64_t count, double* sums) {
  add_products<Doubles4, Floats4, 4>(factor, x, count, sums);
}
__attribute__((target("avx2,avx512f"))) void add_products_avx512(double factor, const float* x,
                                                                 std::int64_t count, double* sums) {
  add_products<Doubles8, Floats8, 8>(factor, x, count, sums);
}
__attribute__((target("avx2"))) void derive_avx2(const std::int8_t* const* kept, std::int64_t count,
                                                 std::int8_t* third, std::int8_t* fourth) {
  derive_all<Bytes32>(kept, count, third, fourth);
}
#endif

}  // namespace

Combination::Combination(IntegerForm form, InstructionSet isa)
    : code_(form.code), isa_(isa), remainders_(kMostModuli) {
  static_assert(kIntegerDepth <= kMostValueDepth);
  require(code_ == ByteCode::values ||
              (form.bytes == kMostModuli && moduli_for(form.bits, kIntegerDepth) > 0),
          "integers do not follow from so few residues");
}

void Combination::run(const TileColumn& column) const {
#if defined(__x86_64__)
  if (isa_ == InstructionSet::avx512) return combine_avx512(code_, remainders_, column);
  if (isa_ == InstructionSet::avx2) return combine_avx2(code_, remainders_, column);
#endif
  combine<Doubles2, Integers2, 2>(code_, remainders_, column);
}

void Combination::add(const double* sums, std::int64_t count, double* out) const {
#if defined(__x86_64__)
  if (isa_ == InstructionSet::avx512) return add_sums_avx512(sums, count, out);
  if (isa_ == InstructionSet::avx2) return add_sums_avx2(sums, count, out);
#endif
  add_sums<Doubles2, 2>(sums, count, out);
}

void Combination::add_multiple(double factor, const float* x, std::int64_t stride,
                               std::int64_t count, double* sums) const {
  if (stride != 1) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += factor * static_cast<double>(x[i * stride]);
    return;
  }
#if defined(__x86_64__)
  if (isa_ == InstructionSet::avx512) return add_products_avx512(factor, x, count, sums);
  if (isa_ == InstructionSet::avx2) return add_products_avx2(factor, x, count, sums);
#endif
  add_products<Doubles2, Floats2, 2>(factor, x, count, sums);
}

void Combination::derive(const std::array<const std::int8_t*, kKeptValues>& kept,
                         std::int64_t count, std::int8_t* third, std::int8_t* fourth) const {
#if defined(__x86_64__)
  if (isa_ != InstructionSet::portable) return derive_avx2(kept.data(), count, third, fourth);
#endif
  derive_all<Bytes16>(kept.data(), count, third, fourth);
}

}  // namespace wishart::spectrum
