/// @file
/// Gram matrices from integers against exact fractions.

#include <cmath>
#include <limits>

#include <boost/multiprecision/cpp_int.hpp>
#include <catch2/catch.hpp>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/panel.hpp"

#include "integer/integer_gram.hpp"
#include "integer/packed_products.hpp"
#include "support/emulated_tiles.hpp"

namespace {

using namespace wishart;
using namespace wishart::spectrum;
using Integer = boost::multiprecision::cpp_int;

/// Bits below the point of a product of two floats.
constexpr int kPoint = 2 * 149;

/// value * 2^bits, which must be an integer.
Integer scaled(double value, int bits) {
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);
  const auto whole = static_cast<std::int64_t>(std::ldexp(mantissa, 53));
  const int shift = exponent - 53 + bits;
  if (shift >= 0) return Integer(whole) << static_cast<unsigned>(shift);
  return Integer(whole) >> static_cast<unsigned>(-shift);  // whole has as many zeros
}

struct Panel {
  std::int64_t lines = 0;
  std::int64_t depth = 0;
  bool tall = true;
  std::vector<float> values;  ///< as the engine has it: row-major in the view

  [[nodiscard]] PanelShape shape() const {
    return {lines, depth, tall ? 1 : depth, tall ? lines : 1};
  }
  [[nodiscard]] float at(std::int64_t line, std::int64_t place) const {
    const PanelShape s = shape();
    return values[static_cast<std::size_t>(line * s.line_stride + place * s.place_stride)];
  }
};

using Element = std::function<float(std::int64_t line, std::int64_t place)>;

Panel panel_of(std::int64_t lines, std::int64_t depth, bool tall, const Element& element) {
  Panel panel{lines, depth, tall, std::vector<float>(static_cast<std::size_t>(lines * depth))};
  const PanelShape s = panel.shape();
  for (std::int64_t line = 0; line < lines; ++line) {
    for (std::int64_t place = 0; place < depth; ++place) {
      panel.values[static_cast<std::size_t>(line * s.line_stride + place * s.place_stride)] =
          element(line, place);
    }
  }
  return panel;
}

Integer exact_product(const Panel& panel, std::int64_t i, std::int64_t j) {
  Integer sum = 0;
  for (std::int64_t k = 0; k < panel.depth; ++k) {
    sum += scaled(static_cast<double>(panel.at(i, k)), 149) *
           scaled(static_cast<double>(panel.at(j, k)), 149);
  }
  return sum;
}

struct Outcome {
  bool done = false;
  std::int64_t apart = 0;
  std::vector<double> gram;
};

Outcome gram_of(Panel panel, IntegerForm form, InstructionSet isa = best_instruction_set(),
                bool portable = false) {
  Workspace workspace;
  IntegerGram products(panel.lines, panel.depth, form, isa,
                       portable ? make_portable_products() : make_byte_products(), workspace);
  Outcome outcome;
  outcome.gram.assign(static_cast<std::size_t>(panel.lines * panel.lines),
                      std::numeric_limits<double>::quiet_NaN());
  const std::vector<float> before = panel.values;
  outcome.done = products.add(panel.values, panel.shape(), true, outcome.gram);
  if (!outcome.done) CHECK(panel.values == before);
  outcome.apart = products.apart();
  return outcome;
}

/// Checks the lower triangle against exact sums. `roundings` is how often an element may have been
/// rounded: 0 means that it is the exact sum, or its nearest double.
void check_gram(const Panel& panel, const Outcome& outcome, double roundings = 0) {
  REQUIRE(outcome.done);
  std::int64_t wrong = 0;
  std::ostringstream first;
  for (std::int64_t j = 0; j < panel.lines; ++j) {
    for (std::int64_t i = 0; i < panel.lines; ++i) {
      const double found = outcome.gram[static_cast<std::size_t>(i + j * panel.lines)];
      if (i < j) {
        wrong += static_cast<int>(!std::isnan(found));  // above the diagonal nothing is written
        continue;
      }
      const Integer exact = exact_product(panel, i, j);
      const Integer difference = abs(scaled(found, kPoint) - exact);
      // Half a unit in the last place of the value, or of the largest of its partial sums.
      double largest = std::abs(found);
      if (roundings > 0) {
        for (std::int64_t k = 0; k < panel.depth; ++k) {
          largest +=
              std::abs(static_cast<double>(panel.at(i, k)) * static_cast<double>(panel.at(j, k)));
        }
      }
      const Integer unit = scaled(std::nextafter(largest, INFINITY) - largest, kPoint);
      if (2 * difference <= unit * static_cast<int>(1 + 2 * roundings)) continue;
      if (wrong++ == 0) {
        first << "element (" << i << ", " << j << "): found " << scaled(found, kPoint) << ", exact "
              << exact << ", in units of 2^-" << kPoint;
      }
    }
  }
  INFO(first.str());
  CHECK(wrong == 0);
}

float as_bf16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  return std::bit_cast<float>((bits + 0x8000U) & 0xFFFF0000U);
}

Tensor plain(Dtype dtype) {
  Tensor tensor;
  tensor.dtype = dtype;
  return tensor;
}

IntegerForm form_of(Dtype dtype) { return integer_form(plain(dtype)).value(); }

TEST_CASE("a panel of short integers gives its exact Gram matrix", "[integer_gram]") {
  // Every element is an integer at the scale of its line.
  std::mt19937 random(5);
  std::uniform_int_distribution<int> any(-127, 127);
  for (const bool tall : {true, false}) {
    for (const auto& [lines, depth] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {7, 1}, {1, 50}, {33, 65}, {200, 70}, {193, 130}}) {
      CAPTURE(tall, lines, depth);
      const Panel panel = panel_of(lines, depth, tall, [&](std::int64_t line, std::int64_t) {
        return std::ldexp(static_cast<float>(any(random)), static_cast<int>(line % 9) - 4);
      });
      const Outcome outcome = gram_of(panel, form_of(Dtype::bf16));
      CHECK(outcome.apart == 0);
      check_gram(panel, outcome);
    }
  }
}

TEST_CASE("Gaussian weights give their exact Gram matrix", "[integer_gram]") {
  std::mt19937 random(11);
  std::normal_distribution<double> normal(0.0, 0.02);
  for (const bool tall : {true, false}) {
    const Panel panel =
        panel_of(61, 500, tall, [&](auto, auto) { return as_bf16(normal(random)); });
    const Outcome outcome = gram_of(panel, form_of(Dtype::bf16));
    check_gram(panel, outcome);
    CHECK(outcome.apart > 0);  // the remainder takes part
    CHECK(outcome.apart < 61 * 500 / 1000);
  }
}

/// A number below `n`.
unsigned below(unsigned n, std::mt19937& random) { return static_cast<unsigned>(random()) % n; }

/// A random element of a dtype: every pattern of bits is as likely, but for infinities and NaN.
float any_element(Dtype dtype, std::mt19937& random) {
  const auto bits = static_cast<unsigned>(random());
  switch (dtype_bits(dtype)) {
    case 16: {
      if (dtype == Dtype::bf16) {
        // Exponents of a hundred binary orders, subnormal ones among them.
        return std::bit_cast<float>((bits & 0x807F0000U) | (below(100, random) << 23U));
      }
      const auto mantissa = static_cast<float>(bits & 0x3FFU);
      const auto exponent = static_cast<int>((bits >> 10U) & 0x1FU) % 31;
      const float magnitude =
          exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      return (bits & 0x8000U) != 0 ? -magnitude : magnitude;
    }
    default: {
      const int mantissa_bits = dtype == Dtype::f8_e4m3 ? 3 : 2;
      const int exponents = 1 << (7 - mantissa_bits);
      const auto mantissa = static_cast<float>(bits & ((1U << mantissa_bits) - 1));
      const int exponent = static_cast<int>(below(static_cast<unsigned>(exponents - 1), random));
      const float magnitude =
          exponent == 0
              ? mantissa
              : std::ldexp(mantissa + static_cast<float>(1 << mantissa_bits), exponent - 1);
      return (bits & 0x100U) != 0 ? -magnitude : magnitude;
    }
  }
}

TEST_CASE("small random panels of each type are exact, or left to float64", "[integer_gram]") {
  std::mt19937 random(2026);
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f8_e4m3, Dtype::f8_e5m2}) {
    CAPTURE(dtype_name(dtype));
    int done = 0;
    int left = 0;
    for (int trial = 0; trial < 1000; ++trial) {
      CAPTURE(trial);
      const auto lines = std::int64_t{1} + below(5, random);
      const auto depth = std::int64_t{1} + below(12, random);
      const unsigned kind = below(6, random);
      const Panel panel =
          panel_of(lines, depth, below(2, random) == 0, [&](std::int64_t line, std::int64_t place) {
            if (kind == 1 && below(2, random) == 0) return 0.0F;
            if (kind == 2 && place != line % depth) return 0.0F;  // one element a line
            if (kind == 3) return -0.0F;
            const float element = any_element(dtype, random);
            if (kind == 4) return std::copysign(any_element(dtype, random) * 0 + 1.0F, element);
            return element;
          });
      const Outcome outcome = gram_of(panel, form_of(dtype));
      outcome.done ? ++done : ++left;
      // One element at most is kept apart in so small a panel; it adds up to `lines` roundings.
      if (outcome.done) check_gram(panel, outcome, static_cast<double>(outcome.apart) * 2);
    }
    CHECK(done > 100);
    CHECK((left > 0 || dtype == Dtype::f8_e4m3));  // whose range is 18 bits
  }
}

TEST_CASE("elements at the limits of the residues are exact", "[integer_gram]") {
  // Around multiples of half a modulus, and the largest integers that the bits hold.
  const IntegerForm form = form_of(Dtype::f16);
  const std::int64_t largest = (std::int64_t{1} << (form.bits - 1)) - 1;
  std::vector<std::int64_t> numbers{0, 1, -1, largest, -largest, largest - 1, 8388479};
  for (const std::int32_t p : kModuli) {
    for (const std::int64_t multiple :
         {std::int64_t{1}, std::int64_t{2}, largest / p, largest / p - 1}) {
      for (const std::int64_t near : {-1, 0, 1}) {
        numbers.push_back(std::min(largest, multiple * p + p / 2 + near));
        numbers.push_back(-std::min(largest, multiple * p + p / 2 + near));
      }
    }
  }
  for (const InstructionSet isa :
       {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
    if (isa > best_instruction_set()) continue;
    const auto depth = static_cast<std::int64_t>(numbers.size());
    const Panel panel = panel_of(5, depth, false, [&](std::int64_t line, std::int64_t place) {
      return static_cast<float>(numbers[static_cast<std::size_t>((place + line) % depth)]);
    });
    const Outcome outcome = gram_of(panel, form, isa);
    CHECK(outcome.apart == 0);
    check_gram(panel, outcome);
  }
}

TEST_CASE("all instruction sets and kernels give the same bits", "[integer_gram]") {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0.0, 1.0);
  for (const bool tall : {true, false}) {
    const Panel panel =
        panel_of(210, 333, tall, [&](auto, auto) { return as_bf16(normal(random)); });
    const Outcome expected = gram_of(panel, form_of(Dtype::bf16), InstructionSet::portable, true);
    REQUIRE(expected.done);
    for (const InstructionSet isa :
         {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
      if (isa > best_instruction_set()) continue;
      const Outcome found = gram_of(panel, form_of(Dtype::bf16), isa);
      REQUIRE(found.done);
      CHECK(found.apart == expected.apart);
      bool same = true;
      for (std::int64_t j = 0; j < panel.lines; ++j) {
        for (std::int64_t i = j; i < panel.lines; ++i) {
          const auto at = static_cast<std::size_t>(i + j * panel.lines);
          same = same && found.gram[at] == expected.gram[at];
        }
      }
      CHECK(same);
    }
  }
}

TEST_CASE("a panel with too many small elements is left as it was", "[integer_gram]") {
  // Ones and a hundredth of elements that are far too small to be integers beside them.
  const auto element = [](std::int64_t line, std::int64_t place) {
    return (line * 7 + place) % 100 == 0 ? 0x1p-40F : 1.0F;
  };
  CHECK_FALSE(gram_of(panel_of(64, 300, true, element), form_of(Dtype::bf16)).done);
  // A tenth of that share is kept apart.
  const auto fewer = [](std::int64_t line, std::int64_t place) {
    return (line * 7 + place) % 1000 == 0 ? 0x1p-40F : 1.0F;
  };
  const Panel panel = panel_of(64, 300, true, fewer);
  const Outcome outcome = gram_of(panel, form_of(Dtype::bf16));
  CHECK(outcome.apart > 0);
  check_gram(panel, outcome, static_cast<double>(outcome.apart));
}

TEST_CASE("one line of small elements does not make pairs without end", "[integer_gram]") {
  // All elements apart lie at one place: their products with each other would cost more than
  // everything else.
  const auto element = [](std::int64_t, std::int64_t place) {
    return place == 3 ? 0x1p-40F : 1.0F;
  };
  CHECK_FALSE(gram_of(panel_of(600, 300, true, element), form_of(Dtype::bf16)).done);
}

TEST_CASE("panels are added", "[integer_gram]") {
  std::mt19937 random(8);
  std::uniform_int_distribution<int> any(-50, 50);
  const auto element = [&](auto, auto) { return static_cast<float>(any(random)); };
  const Panel first = panel_of(30, 40, true, element);
  const Panel second = panel_of(30, 25, true, element);
  Workspace workspace;
  IntegerGram products(30, 40, form_of(Dtype::bf16), best_instruction_set(), make_byte_products(),
                       workspace);
  std::vector<double> gram(900);
  Panel a = first;
  Panel b = second;
  REQUIRE(products.add(a.values, a.shape(), true, gram));
  REQUIRE(products.add(b.values, b.shape(), false, gram));
  bool same = true;
  for (std::int64_t j = 0; j < 30; ++j) {
    for (std::int64_t i = j; i < 30; ++i) {
      const Integer exact = exact_product(first, i, j) + exact_product(second, i, j);
      same = same && scaled(gram[static_cast<std::size_t>(i + 30 * j)], kPoint) == exact;
    }
  }
  CHECK(same);
}

/// The sums of several panels of small integers over several held blocks.
void check_blocks(std::unique_ptr<ByteProducts> ways) {
  constexpr std::int64_t kLines = 2 * kHeldLines + 37;
  std::mt19937 random(9);
  std::uniform_int_distribution<int> any(-500, 500);
  Workspace workspace;
  IntegerGram products(kLines, 130, form_of(Dtype::bf16), best_instruction_set(), std::move(ways),
                       workspace);
  std::vector<double> gram(static_cast<std::size_t>(kLines * kLines));
  std::vector<std::int64_t> exact(gram.size());
  for (const std::int64_t depth : {130, 64, 7}) {
    Panel panel = panel_of(kLines, depth, depth != 64,
                           [&](auto, auto) { return static_cast<float>(any(random)); });
    for (std::int64_t j = 0; j < kLines; ++j) {
      for (std::int64_t i = j; i < kLines; ++i) {
        for (std::int64_t k = 0; k < depth; ++k) {
          exact[static_cast<std::size_t>(i + j * kLines)] +=
              static_cast<std::int64_t>(panel.at(i, k)) * static_cast<std::int64_t>(panel.at(j, k));
        }
      }
    }
    REQUIRE(products.add(panel.values, panel.shape(), depth == 130, gram));
  }
  std::int64_t wrong = 0;
  for (std::int64_t j = 0; j < kLines; ++j) {
    for (std::int64_t i = j; i < kLines; ++i) {
      const auto at = static_cast<std::size_t>(i + j * kLines);
      wrong += static_cast<int>(gram[at] != static_cast<double>(exact[at]));
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("panels are added over several held blocks", "[integer_gram]") {
  check_blocks(make_portable_products());
  check_blocks(make_byte_products());
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512f") || byte_unit() == ByteUnit::tiles) return;
  const test::EmulatedTiles tiles;
  check_blocks(
      std::make_unique<PackedProducts>(PackedProducts::Held::as_they_are, multiply_by_tiles));
#endif
}

/// True if the bytes of the form stand for its integers.
bool suffices(IntegerForm form) {
  return form.code == ByteCode::values
             ? form.bytes == kValues && form.bits <= kValueBits
             : moduli_for(form.bits, kIntegerDepth) == form.bytes && form.bytes == kMostModuli;
}

TEST_CASE("only types that fit into a float have a form", "[integer_gram]") {
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f8_e4m3, Dtype::f8_e5m2,
                            Dtype::f8_e4m3fnuz, Dtype::f8_e5m2fnuz}) {
    const auto form = integer_form(plain(dtype));
    REQUIRE(form);
    CHECK(suffices(*form));
  }
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::i8})
    CHECK_FALSE(integer_form(plain(dtype)));
  Tensor codes;
  codes.encoding = Encoding::codes;
  codes.parts = {plain(Dtype::u8), plain(Dtype::f8_e8m0)};
  CHECK_FALSE(integer_form(codes));
  for (const std::int32_t bits : {0, 4, 8, 11}) {
    codes.scale_bits = bits;
    const auto form = integer_form(codes);
    REQUIRE(form);
    CHECK(suffices(*form));
  }
  codes.parts[0].dtype = Dtype::f8_e4m3;  // with a scale of 11 bits
  CHECK_FALSE(integer_form(codes));
  codes.scale_bits = 0;
  CHECK(integer_form(codes));
  Tensor sum;
  sum.encoding = Encoding::sum;
  sum.parts = {plain(Dtype::bf16), plain(Dtype::bf16)};
  CHECK_FALSE(integer_form(sum));
}

}  // namespace
