#include "integer/integer_panel.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "integer/moduli.hpp"

namespace wishart::spectrum {
namespace {

/// Lines that are copied out of a tall panel together: pieces of its rows fill cache lines.
constexpr std::int64_t kLinesAtOnce = 32;
/// Elements that are checked together. About one piece in twenty has an element to be kept apart.
constexpr std::int64_t kPiece = 128;
/// Lines of residues begin at multiples of this.
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

/// The loops over one line.
struct Loops {
  std::uint32_t (*largest_bits)(const float*, std::int64_t);
  std::int32_t (*scale)(float*, std::int64_t, float, float);
  void (*reduce)(const float*, std::int64_t, float, std::int8_t*);
};

constexpr Loops kPortable{
    [](const float* v, std::int64_t n) { return largest_bits(v, n); },
    [](float* v, std::int64_t n, float a, float b) { return scale(v, n, a, b); },
    [](const float* v, std::int64_t n, float p, std::int8_t* out) { reduce(v, n, p, out); }};

#if defined(__x86_64__)
#define WISHART_LOOPS(name, instructions)                                                  \
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
  constexpr Loops k_##name{name##_largest, name##_scale, name##_reduce};

WISHART_LOOPS(avx2, "avx2")
WISHART_LOOPS(avx512, "avx2,avx512f")
#undef WISHART_LOOPS
#endif

const Loops& loops_for([[maybe_unused]] InstructionSet isa) {
#if defined(__x86_64__)
  if (isa == InstructionSet::avx512) return k_avx512;
  if (isa == InstructionSet::avx2) return k_avx2;
#endif
  return kPortable;
}

/// Copies `count` lines, from `first` on, into rows of `stride` elements.
void gather(std::span<const float> panel, const PanelShape& shape, std::int64_t first,
            std::int64_t count, std::int64_t stride, float* out) {
  if (shape.place_stride == 1) {
    for (std::int64_t line = 0; line < count; ++line) {
      std::copy_n(panel.data() + (first + line) * shape.line_stride, shape.depth,
                  out + line * stride);
    }
    return;
  }
  constexpr std::int64_t kPlaces = 16;  // a cache line of the output
  for (std::int64_t begin = 0; begin < shape.depth; begin += kPlaces) {
    const std::int64_t places = std::min(kPlaces, shape.depth - begin);
    for (std::int64_t line = 0; line < count; ++line) {
      const float* from = panel.data() + begin * shape.place_stride + first + line;
      float* to = out + line * stride + begin;
      for (std::int64_t k = 0; k < places; ++k) to[k] = from[k * shape.place_stride];
    }
  }
}

}  // namespace

IntegerPanel::IntegerPanel(std::int64_t lines, std::int64_t most_depth, IntegerForm form,
                           InstructionSet isa, Workspace& workspace)
    : lines_(lines), most_depth_(most_depth), form_(form), isa_(isa) {
  require(form.bits >= 2 && form.bits <= 24, "integers in float32 have at most 24 bits");
  const std::int64_t stride = rounded_up(most_depth, kAlign);
  residues_ = workspace.take<std::int8_t>(form.moduli * lines * stride);
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

bool IntegerPanel::split(std::span<float> panel, const PanelShape& shape) {
  require(shape.lines == lines_ && shape.depth <= most_depth_,
          "a panel is larger than was planned");
  stride_ = rounded_up(shape.depth, kAlign);
  const Loops& loops = loops_for(isa_);
  const auto most = static_cast<std::size_t>(shape.lines * shape.depth / kMostApart + 1);
  apart_.clear();
  for (std::int64_t first = 0; first < lines_; first += kLinesAtOnce) {
    const std::int64_t count = std::min(kLinesAtOnce, lines_ - first);
    gather(panel, shape, first, count, stride_, integers_.data());
    for (std::int64_t line = 0; line < count; ++line) {
      const std::span<float> integers = integers_.subspan(static_cast<std::size_t>(line * stride_),
                                                          static_cast<std::size_t>(shape.depth));
      split_line(panel, shape, first + line, integers);
      for (int modulus = 0; modulus < form_.moduli; ++modulus) {
        std::int8_t* const out = residues_.data() + (modulus * lines_ + first + line) * stride_;
        loops.reduce(integers.data(), shape.depth,
                     static_cast<float>(kModuli[static_cast<std::size_t>(modulus)]), out);
        std::fill(out + shape.depth, out + stride_, std::int8_t{0});
      }
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
