#include "integer/integer_panel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "integer/moduli.hpp"
#include "integer/transposition.hpp"
#include "integer/values.hpp"

namespace wishart::spectrum {
namespace {

/// Lines that are copied out of a tall panel together: pieces of its rows fill cache lines.
constexpr std::int64_t kLinesAtOnce = 32;
/// Elements that are checked together. About one piece in twenty has an element to be kept apart.
constexpr std::int64_t kPiece = 128;
/// Lines of bytes begin at multiples of this.
constexpr std::int64_t kAlign = 64;
/// The largest share of elements kept apart. At one in 256 they cost a tenth of what is saved.
constexpr std::int64_t kMostApart = 256;

// Compiled once for each instruction set, by inlining into a function with the target attribute.
#define WISHART_INLINE inline __attribute__((always_inline))

/// The bits of the largest magnitude. As integers, because their order is that of the floats.
WISHART_INLINE std::uint32_t largest_bits(const float* values, std::int64_t count) {
  std::uint32_t largest = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[k]) & 0x7FFFFFFFU);
  }
  return largest;
}

/// Multiplies by first * second, both powers of two.
/// @returns how many of the results are no integers. One that became 0 is none either.
WISHART_INLINE std::int32_t scale(float* values, std::int64_t count, float first, float second) {
  std::int32_t others = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const float value = values[k];
    const float scaled = value * first * second;
    const auto whole = static_cast<float>(static_cast<std::int32_t>(scaled));
    const bool lost = scaled == 0 && value != 0;
    others += static_cast<std::int32_t>(whole != scaled) | static_cast<std::int32_t>(lost);
    values[k] = scaled;
  }
  return others;
}

/// Symmetric residues of integers below 2^23. A quotient may be off by one where the residue is
/// half the modulus; that still fits, as it does for 256, whose residue is the low byte.
WISHART_INLINE void reduce(const float* integers, std::int64_t count, float modulus,
                           std::int8_t* out) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float reciprocal = 1.0F / modulus;
  for (std::int64_t k = 0; k < count; ++k) {
    const float quotient = (integers[k] * reciprocal + kRound) - kRound;
    const float residue = integers[k] - quotient * modulus;
    out[k] = static_cast<std::int8_t>(static_cast<std::int32_t>(residue));
  }
}

// NOLINTBEGIN(modernize-use-using): vector_size goes with a typedef
typedef float Floats4 __attribute__((vector_size(16)));
typedef float Floats8 __attribute__((vector_size(32)));
typedef float Floats16 __attribute__((vector_size(64)));
typedef std::int32_t Integers4 __attribute__((vector_size(16)));
typedef std::int32_t Integers8 __attribute__((vector_size(32)));
typedef std::int32_t Integers16 __attribute__((vector_size(64)));
typedef std::int8_t Bytes4 __attribute__((vector_size(4)));
typedef std::int8_t Bytes8 __attribute__((vector_size(8)));
typedef std::int8_t Bytes16 __attribute__((vector_size(16)));
// NOLINTEND(modernize-use-using)

/// The values of integers below 2^20 that are kept, `between` bytes apart.
template <class Floats, class Integers, class Bytes>
WISHART_INLINE void evaluate(const float* integers, std::int64_t count, std::int64_t between,
                             std::int8_t* out) {
  constexpr auto kLanes = static_cast<std::int64_t>(sizeof(Bytes));
  for (std::int64_t begin = 0; begin < count; begin += kLanes) {
    const auto lanes = static_cast<std::size_t>(std::min(kLanes, count - begin));
    Floats x{};
    if (lanes == sizeof(Bytes)) {
      std::memcpy(&x, integers + begin, sizeof(x));
    } else {
      std::memcpy(&x, integers + begin, lanes * sizeof(float));
    }
    const KeptValues<Floats> values = kept_values(x);
    for (std::size_t k = 0; k < kKeptValues; ++k) {
      const auto bytes =
          __builtin_convertvector(__builtin_convertvector(values[k], Integers), Bytes);
      std::int8_t* const to = out + static_cast<std::int64_t>(k) * between + begin;
      if (lanes == sizeof(Bytes)) {
        std::memcpy(to, &bytes, sizeof(bytes));
      } else {
        std::memcpy(to, &bytes, lanes);
      }
    }
  }
}

/// The loops over one line.
struct Loops {
  std::uint32_t (*largest_bits)(const float*, std::int64_t);
  std::int32_t (*scale)(float*, std::int64_t, float, float);
  void (*reduce)(const float*, std::int64_t, float, std::int8_t*);
  void (*evaluate)(const float*, std::int64_t, std::int64_t, std::int8_t*);
};

constexpr Loops kPortable{
    [](const float* v, std::int64_t n) { return largest_bits(v, n); },
    [](float* v, std::int64_t n, float a, float b) { return scale(v, n, a, b); },
    [](const float* v, std::int64_t n, float p, std::int8_t* out) { reduce(v, n, p, out); },
    [](const float* v, std::int64_t n, std::int64_t between, std::int8_t* out) {
      evaluate<Floats4, Integers4, Bytes4>(v, n, between, out);
    }};

#if defined(__x86_64__)
#define WISHART_LOOPS(name, instructions, lanes)                                           \
  __attribute__((target(instructions)))                                                    \
  std::uint32_t name##_largest(const float* v, std::int64_t n) {                           \
    return largest_bits(v, n);                                                             \
  }                                                                                        \
  __attribute__((target(instructions)))                                                    \
  std::int32_t name##_scale(float* v, std::int64_t n, float a, float b) {                  \
    return scale(v, n, a, b);                                                              \
  }                                                                                        \
  __attribute__((target(instructions))) void name##_reduce(const float* v, std::int64_t n, \
                                                           float p, std::int8_t* out) {    \
    reduce(v, n, p, out);                                                                  \
  }                                                                                        \
  __attribute__((target(instructions))) void name##_evaluate(                              \
      const float* v, std::int64_t n, std::int64_t between, std::int8_t* out) {            \
    evaluate<Floats##lanes, Integers##lanes, Bytes##lanes>(v, n, between, out);            \
  }                                                                                        \
  constexpr Loops k_##name{name##_largest, name##_scale, name##_reduce, name##_evaluate};

WISHART_LOOPS(avx2, "avx2", 8)
WISHART_LOOPS(avx512, "avx2,avx512f", 16)
#undef WISHART_LOOPS
#endif

const Loops& loops_for([[maybe_unused]] InstructionSet isa) {
#if defined(__x86_64__)
  if (isa == InstructionSet::avx512) return k_avx512;
  if (isa == InstructionSet::avx2) return k_avx2;
#endif
  return kPortable;
}

/// A part of a tall panel that becomes rows of `stride` elements.
struct Gathered {
  std::int64_t line = 0;
  std::int64_t num_lines = 0;
  std::int64_t place = 0;
  std::int64_t num_places = 0;
};

void transpose(std::span<const float> panel, const PanelShape& shape, const Gathered& part,
               std::int64_t stride, float* out) {
  for (std::int64_t line = 0; line < part.num_lines; ++line) {
    const float* from = panel.data() + part.place * shape.place_stride + part.line + line;
    float* to = out + line * stride;
    for (std::int64_t k = 0; k < part.num_places; ++k) to[k] = from[k * shape.place_stride];
  }
}

/// Copies `count` lines, from `first` on, into rows of `stride` elements.
void gather(std::span<const float> panel, const PanelShape& shape, std::int64_t first,
            std::int64_t count, std::int64_t stride, [[maybe_unused]] InstructionSet isa,
            float* out) {
  if (shape.place_stride == 1) {
    for (std::int64_t line = 0; line < count; ++line) {
      std::copy_n(panel.data() + (first + line) * shape.line_stride, shape.depth,
                  out + line * stride);
    }
    return;
  }
  constexpr std::int64_t kSide = 16;  // a cache line of the output
  for (std::int64_t place = 0; place < shape.depth; place += kSide) {
    const std::int64_t places = std::min(kSide, shape.depth - place);
    for (std::int64_t line = 0; line < count; line += kSide) {
      const Gathered part{first + line, std::min(kSide, count - line), place, places};
      float* const to = out + line * stride + place;
#if defined(__x86_64__)
      if (isa == InstructionSet::avx512 && part.num_lines == kSide && places == kSide) {
        constexpr auto kBytes = static_cast<std::int64_t>(sizeof(float));
        transpose_words(panel.data() + place * shape.place_stride + part.line,
                        shape.place_stride * kBytes, to, stride * kBytes);
        continue;
      }
#endif
      transpose(panel, shape, part, stride, to);
    }
  }
}

}  // namespace

IntegerPanel::IntegerPanel(std::int64_t lines, std::int64_t most_depth, IntegerForm form,
                           InstructionSet isa, Workspace& workspace)
    : lines_(lines), most_depth_(most_depth), form_(form), isa_(isa) {
  require(form.bits >= 2 && form.bits <= 24, "integers in float32 have at most 24 bits");
  require(form.code == ByteCode::residues ? form.bytes <= kMostModuli
                                          : form.bytes == kValues && form.bits <= kValueBits,
          "an integer does not fit into its bytes");
  const std::int64_t stride = rounded_up(most_depth, kAlign);
  bytes_ = workspace.take<std::int8_t>(kept_bytes(form) * lines * stride);
  integers_ = workspace.take<float>(std::min(lines, kLinesAtOnce) * stride);
  units_ = workspace.take<double>(lines);
}

void IntegerPanel::split_line(std::span<float> panel, const PanelShape& shape, std::int64_t line,
                              std::span<float> integers) {
  const Loops& loops = loops_for(isa_);
  const std::uint32_t bits = loops.largest_bits(integers.data(), shape.depth);
  int exponent = 0;  // of the smallest power of two above all elements
  if (bits != 0) std::frexp(std::bit_cast<float>(bits), &exponent);
  const int up = form_.bits - 1 - exponent;
  units_[static_cast<std::size_t>(line)] = std::ldexp(1.0, -up);
  // In two steps, because the power of two for a line of subnormals is too large for a float.
  const float first = std::ldexp(1.0F, up / 2);
  const float second = std::ldexp(1.0F, up - up / 2);
  for (std::int64_t begin = 0; begin < shape.depth; begin += kPiece) {
    const std::int64_t count = std::min(kPiece, shape.depth - begin);
    float* const piece = integers.data() + begin;
    if (loops.scale(piece, count, first, second) == 0) continue;
    for (std::int64_t k = 0; k < count; ++k) {
      float& stored = panel[static_cast<std::size_t>(line * shape.line_stride +
                                                     (begin + k) * shape.place_stride)];
      if (piece[k] == std::trunc(piece[k]) && (piece[k] != 0 || stored == 0)) continue;
      apart_.push_back({line, begin + k, stored});
      piece[k] = 0;
      stored = 0;
    }
  }
}

/// True if the products of elements apart with each other are few.
bool IntegerPanel::few_pairs(std::int64_t depth) {
  places_.assign(static_cast<std::size_t>(depth), 0);
  for (const Apart& element : apart_) ++places_[static_cast<std::size_t>(element.place)];
  std::int64_t pairs = 0;
  for (const std::int64_t count : places_) pairs += count * count;
  return pairs <= lines_ * depth / 8 + 64;
}

void IntegerPanel::put_back(std::span<float> panel, const PanelShape& shape) {
  for (const Apart& element : apart_) {
    panel[static_cast<std::size_t>(element.line * shape.line_stride +
                                   element.place * shape.place_stride)] = element.value;
  }
  apart_.clear();
}

void IntegerPanel::store_bytes(std::span<const float> integers, std::int64_t line) {
  const Loops& loops = loops_for(isa_);
  const std::int64_t depth = std::ssize(integers);
  const std::int64_t between = lines_ * stride_;
  std::int8_t* const out = bytes_.data() + line * stride_;
  if (form_.code == ByteCode::values) {
    loops.evaluate(integers.data(), depth, between, out);
  } else {
    for (int k = 0; k < form_.bytes; ++k) {
      const auto modulus = static_cast<float>(kModuli[static_cast<std::size_t>(k)]);
      loops.reduce(integers.data(), depth, modulus, out + k * between);
    }
  }
  for (int k = 0; k < kept_bytes(form_); ++k) {
    std::fill(out + k * between + depth, out + k * between + stride_, std::int8_t{0});
  }
}

bool IntegerPanel::split(std::span<float> panel, const PanelShape& shape) {
  require(shape.lines == lines_ && shape.depth <= most_depth_,
          "a panel is larger than was planned");
  stride_ = rounded_up(shape.depth, kAlign);
  const auto most = static_cast<std::size_t>(shape.lines * shape.depth / kMostApart + 1);
  apart_.clear();
  for (std::int64_t first = 0; first < lines_; first += kLinesAtOnce) {
    const std::int64_t count = std::min(kLinesAtOnce, lines_ - first);
    gather(panel, shape, first, count, stride_, isa_, integers_.data());
    for (std::int64_t line = 0; line < count; ++line) {
      const std::span<float> integers = integers_.subspan(static_cast<std::size_t>(line * stride_),
                                                          static_cast<std::size_t>(shape.depth));
      split_line(panel, shape, first + line, integers);
      store_bytes(integers, first + line);
    }
    if (apart_.size() > most) {
      put_back(panel, shape);
      return false;
    }
  }
  if (few_pairs(shape.depth)) return true;
  put_back(panel, shape);
  return false;
}

}  // namespace wishart::spectrum
