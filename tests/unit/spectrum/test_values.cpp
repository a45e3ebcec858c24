/// @file
/// Integers as five bytes, whose products give theirs.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/instruction_set.hpp"
#include "wishart/record/products.hpp"

#include "integer/combination.hpp"
#include "integer/integer_panel.hpp"
#include "integer/values.hpp"

namespace {

using namespace wishart;
using namespace wishart::spectrum;

constexpr IntegerForm kForm{.code = ByteCode::values, .bits = kValueBits, .bytes = kValues};

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
  for (const InstructionSet set :
       {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
    if (set <= best_instruction_set()) sets.push_back(set);
  }
  return sets;
}

TEST_CASE("the square of an integer is a combination of squares of its bytes", "[values]") {
  // As forms in s, P and Q: sum over k of kWeights[k] f_k f_k^T = u u^T.
  using Form = std::array<std::int64_t, 3>;
  constexpr std::array<Form, kValues> kForms{Form{1, 0, 0}, Form{1, 1, 0}, Form{1, 0, 1},
                                             Form{1, 2, 1}, Form{1, 1, 2}};
  constexpr Form kInteger{12097, 64, -63};
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 0; b < 3; ++b) {
      std::int64_t sum = 0;
      for (std::size_t k = 0; k < kValues; ++k) {
        sum += static_cast<std::int64_t>(kWeights[k]) * kForms[k][a] * kForms[k][b];
      }
      CHECK(sum == kInteger[a] * kInteger[b]);
    }
  }
}

TEST_CASE("sums of products of the deepest panels are exact in float64", "[values]") {
  double weights = 0;
  for (const double weight : kWeights) weights += std::abs(weight);
  CHECK(127.0 * 127.0 * static_cast<double>(kMostValueDepth) * weights < 0x1p53);
}

TEST_CASE("every integer of 21 bits has five bytes that stand for it", "[values]") {
  // Lines of consecutive integers, each with the largest one, so that the unit of all is 1.
  constexpr std::int64_t kMost = (std::int64_t{1} << (kValueBits - 1)) - 1;
  constexpr std::int64_t kDepth = 16384;
  constexpr std::int64_t kLines = 32;
  for (const InstructionSet set : instruction_sets()) {
    Workspace workspace;
    IntegerPanel panel(kLines, kDepth, kForm, set, workspace);
    const Combination combination(kForm, set);
    std::vector<float> values(static_cast<std::size_t>(kLines * kDepth));
    std::vector<std::int8_t> derived(2 * static_cast<std::size_t>(kDepth));
    std::int64_t wrong = 0;
    std::ostringstream first_wrong;
    std::int64_t next = -kMost;
    while (next <= kMost) {
      const std::int64_t first = next;
      for (std::int64_t line = 0; line < kLines; ++line) {
        float* const to = values.data() + line * kDepth;
        to[0] = static_cast<float>(kMost);
        for (std::int64_t k = 1; k < kDepth; ++k)
          to[k] = static_cast<float>(std::min(next++, kMost));
      }
      REQUIRE(panel.split(values, {kLines, kDepth, kDepth, 1}));
      REQUIRE(panel.apart().empty());
      std::int64_t expected = first;
      for (std::int64_t line = 0; line < kLines; ++line) {
        const std::array<const std::int8_t*, kKeptValues> kept{
            panel.bytes(0, line), panel.bytes(1, line), panel.bytes(2, line)};
        combination.derive(kept, kDepth, derived.data(), derived.data() + kDepth);
        for (std::int64_t k = 1; k < kDepth; ++k) {
          const std::int64_t x = std::min(expected++, kMost);
          const std::int64_t s = kept[0][k];
          const std::int64_t p = kept[1][k] - s;
          const std::int64_t q = kept[2][k] - s;
          const auto at = static_cast<std::size_t>(k);
          const bool same = 12097 * s + 64 * p - 63 * q == x && derived[at] == s + 2 * p + q &&
                            derived[at + kDepth] == s + p + 2 * q;
          const bool fits = kept[0][k] != -128 && kept[1][k] != -128 && kept[2][k] != -128 &&
                            derived[at] != -128 && derived[at + kDepth] != -128;
          if (same && fits) continue;
          if (wrong++ > 0) continue;
          first_wrong << "integer " << x << ": s, P, Q = " << s << ", " << p << ", " << q
                      << " stand for " << 12097 * s + 64 * p - 63 * q << "; derived "
                      << int{derived[at]} << " and " << int{derived[at + kDepth]} << ", expected "
                      << s + 2 * p + q << " and " << s + p + 2 * q;
        }
      }
    }
    INFO(first_wrong.str());
    CHECK(wrong == 0);
  }
}

}  // namespace
