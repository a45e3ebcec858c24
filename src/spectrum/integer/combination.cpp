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

/// A vector at any address.
template <class Vector>
WISHART_INLINE Vector load(const void* from) {
  Vector value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <class Vector>
WISHART_INLINE void store(Vector value, void* to) {
  std::memcpy(to, &value, sizeof(value));
}

/// `lanes` elements at a time.
template <class Doubles, class Integers, std::int64_t lanes>
struct Lanes {
  static WISHART_INLINE Doubles products(const TileColumn& column, int byte, std::int64_t row) {
    return converted(load<Integers>(column.products + byte * column.between + row));
  }

  static WISHART_INLINE void put(const TileColumn& column, std::int64_t row, Doubles integers) {
    store(integers * column.unit * load<Doubles>(column.units + row), column.out + row);
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
      put(column, i, sum);
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
      put(column, i, upper + (low - q * crt.product.low));
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
    const DerivedValues<Bytes> derived = derived_values(
        load<Bytes>(kept[0] + i), load<Bytes>(kept[1] + i), load<Bytes>(kept[2] + i));
    store(derived.third, third + i);
    store(derived.fourth, fourth + i);
  }
}

/// out[i] += sums[i], `lanes` at a time.
template <class Doubles, std::int64_t lanes>
WISHART_INLINE void add_sums(const double* sums, std::int64_t count, double* out) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    store(load<Doubles>(out + i) + load<Doubles>(sums + i), out + i);
  }
  for (; i < count; ++i) out[i] += sums[i];
}

/// sums[i] += factor x[i], `lanes` at a time. The product of two floats is exact, whether or not it
/// is fused with the addition.
template <class Doubles, class Floats, std::int64_t lanes>
WISHART_INLINE void add_products(double factor, const float* x, std::int64_t count, double* sums) {
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto values = __builtin_convertvector(load<Floats>(x + i), Doubles);
    store(load<Doubles>(sums + i) + factor * values, sums + i);
  }
  for (; i < count; ++i) sums[i] += factor * static_cast<double>(x[i]);
}

}  // namespace

/// The loops over a column, for one instruction set.
struct Combination::Loops {
  void (*combine)(ByteCode, const Remainders&, const TileColumn&);
  void (*add)(const double*, std::int64_t, double*);
  void (*add_products)(double, const float*, std::int64_t, double*);
  void (*derive)(const std::int8_t* const*, std::int64_t, std::int8_t*, std::int8_t*);
};

const Combination::Loops& Combination::loops_for([[maybe_unused]] InstructionSet isa) {
  static constexpr Loops kPortable{
      [](ByteCode code, const Remainders& crt, const TileColumn& column) {
        combine<Doubles2, Integers2, 2>(code, crt, column);
      },
      [](const double* sums, std::int64_t n, double* out) { add_sums<Doubles2, 2>(sums, n, out); },
      [](double factor, const float* x, std::int64_t n, double* sums) {
        add_products<Doubles2, Floats2, 2>(factor, x, n, sums);
      },
      [](const std::int8_t* const* kept, std::int64_t n, std::int8_t* third, std::int8_t* fourth) {
        derive_all<Bytes16>(kept, n, third, fourth);
      }};
#if defined(__x86_64__)
#define WISHART_LOOPS(name, instructions, lanes)                                                  \
  static constexpr Loops name {                                                                   \
    [](ByteCode code, const Remainders& crt, const TileColumn& column)                            \
        __attribute__((target(instructions))) {                                                   \
      combine<Doubles##lanes, Integers##lanes, lanes>(code, crt, column);                         \
    }                                                                                             \
    , [](const double* sums, std::int64_t n, double* out) __attribute__((target(instructions))) { \
      add_sums<Doubles##lanes, lanes>(sums, n, out);                                              \
    }                                                                                             \
    , [](double factor, const float* x, std::int64_t n, double* sums)                             \
          __attribute__((target(instructions))) {                                                 \
      add_products<Doubles##lanes, Floats##lanes, lanes>(factor, x, n, sums);                     \
    }                                                                                             \
    , [](const std::int8_t* const* kept, std::int64_t n, std::int8_t* third, std::int8_t* fourth) \
          __attribute__((target(instructions))) {                                                 \
      derive_all<Bytes32>(kept, n, third, fourth);                                                \
    }                                                                                             \
  }
  WISHART_LOOPS(kAvx2, "avx2", 4);
  WISHART_LOOPS(kAvx512, "avx2,avx512f", 8);
#undef WISHART_LOOPS
  if (isa == InstructionSet::avx512) return kAvx512;
  if (isa == InstructionSet::avx2) return kAvx2;
#endif
  return kPortable;
}

Combination::Combination(IntegerForm form, InstructionSet isa)
    : code_(form.code), loops_(&loops_for(isa)), remainders_(kMostModuli) {
  static_assert(kIntegerDepth <= kMostValueDepth);
  require(code_ == ByteCode::values ||
              (form.bytes == kMostModuli && moduli_for(form.bits, kIntegerDepth) > 0),
          "integers do not follow from so few residues");
}

void Combination::run(const TileColumn& column) const {
  loops_->combine(code_, remainders_, column);
}

void Combination::add(const double* sums, std::int64_t count, double* out) const {
  loops_->add(sums, count, out);
}

void Combination::add_multiple(double factor, const float* x, std::int64_t stride,
                               std::int64_t count, double* sums) const {
  if (stride == 1) return loops_->add_products(factor, x, count, sums);
  for (std::int64_t i = 0; i < count; ++i) sums[i] += factor * static_cast<double>(x[i * stride]);
}

void Combination::derive(const std::array<const std::int8_t*, kKeptValues>& kept,
                         std::int64_t count, std::int8_t* third, std::int8_t* fourth) const {
  loops_->derive(kept.data(), count, third, fourth);
}

}  // namespace wishart::spectrum
