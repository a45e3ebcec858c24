#include "integer/integer_gram.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "wishart/core/error.hpp"

namespace wishart::spectrum {
namespace {

// Compiled once for each instruction set, by inlining into a function with the target attribute.
#define WISHART_INLINE inline __attribute__((always_inline))

/// A column of a tile: its products for each modulus, and where the sums go.
struct TileColumn {
  const std::int32_t* products = nullptr;  ///< for the first modulus
  std::int64_t between = 0;                ///< from one modulus to the next
  const double* units = nullptr;           ///< of the rows
  double unit = 0;                         ///< of the column
  std::int64_t rows = 0;
  double* out = nullptr;
};

// NOLINTBEGIN(modernize-use-using): vector_size goes with a typedef
typedef double Doubles2 __attribute__((vector_size(16)));
typedef double Doubles4 __attribute__((vector_size(32)));
typedef double Doubles8 __attribute__((vector_size(64)));
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
  /// The integers that have the residues of these products, times their units, from row `begin` on
  /// while there are enough rows. All operations are exact, unless an integer has more than 53
  /// bits.
  /// @returns the first row that is left
  template <int kCount>
  static WISHART_INLINE std::int64_t combine(const Remainders& crt, const TileColumn& column,
                                             std::int64_t begin) {
    constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    std::int64_t i = begin;
    for (; i + lanes <= column.rows; i += lanes) {
      Doubles high{};
      Doubles middle{};
      Doubles low{};
      Doubles turns{};
#pragma GCC unroll 8
      for (int k = 0; k < kCount; ++k) {
        const Remainders::Weight& w = crt.weights[static_cast<std::size_t>(k)];
        Integers products;
        std::memcpy(&products, column.products + k * column.between + i, sizeof(products));
        const Doubles c = converted(products);
        high += c * w.parts.high;
        middle += c * w.parts.middle;
        low += c * w.parts.low;
        turns += c * w.turn;
      }
      const Doubles q = (turns + kRound) - kRound;
      Doubles units;
      std::memcpy(&units, column.units + i, sizeof(units));
      // The first sum is exact: the whole has at most 62 bits, of which it leaves out the last 22.
      const Doubles upper = (high - q * crt.product.high) * Remainders::kHigh +
                            (middle - q * crt.product.middle) * Remainders::kMiddle;
      const Doubles sum = (upper + (low - q * crt.product.low)) * column.unit * units;
      std::memcpy(column.out + i, &sum, sizeof(sum));
    }
    return i;
  }

  template <int kCount>
  static WISHART_INLINE void combine_all(const Remainders& crt, const TileColumn& column) {
    const std::int64_t left = combine<kCount>(crt, column, 0);
    Lanes<double, std::int32_t, 1>::template combine<kCount>(crt, column, left);
  }

  static WISHART_INLINE void run(const Remainders& crt, const TileColumn& column) {
    switch (crt.count) {
      case 1:
        return combine_all<1>(crt, column);
      case 2:
        return combine_all<2>(crt, column);
      case 3:
        return combine_all<3>(crt, column);
      case 4:
        return combine_all<4>(crt, column);
      case 5:
        return combine_all<5>(crt, column);
      case 6:
        return combine_all<6>(crt, column);
      case 7:
        return combine_all<7>(crt, column);
      default:
        return combine_all<8>(crt, column);
    }
  }
};

#if defined(__x86_64__)
__attribute__((target("avx2"))) void combine_avx2(const Remainders& crt, const TileColumn& column) {
  Lanes<Doubles4, Integers4, 4>::run(crt, column);
}
__attribute__((target("avx2,avx512f"))) void combine_avx512(const Remainders& crt,
                                                            const TileColumn& column) {
  Lanes<Doubles8, Integers8, 8>::run(crt, column);
}
#endif

void combine([[maybe_unused]] InstructionSet isa, const Remainders& crt, const TileColumn& column) {
#if defined(__x86_64__)
  if (isa == InstructionSet::avx512) return combine_avx512(crt, column);
  if (isa == InstructionSet::avx2) return combine_avx2(crt, column);
#endif
  Lanes<Doubles2, Integers2, 2>::run(crt, column);
}

/// Fetches elements into the cache: a column of a tile is too short for the processor to foresee
/// the next one.
void fetch(std::span<const double> gram, std::int64_t begin, std::int64_t end) {
  constexpr std::int64_t kLine = 8;
  for (std::int64_t i = begin; i < end; i += kLine) __builtin_prefetch(gram.data() + i, 1, 3);
}

/// sums[i] += factor * x[i stride] for `count` elements.
void add_multiple(double factor, const float* x, std::int64_t stride, std::int64_t count,
                  double* sums) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += factor * static_cast<double>(x[i]);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) sums[i] += factor * static_cast<double>(x[i * stride]);
}

}  // namespace

IntegerGram::IntegerGram(std::int64_t lines, std::int64_t most_depth, IntegerForm form,
                         InstructionSet isa, std::unique_ptr<ByteProducts> products,
                         Workspace& workspace)
    : lines_(lines),
      form_(form),
      isa_(isa),
      panel_(lines, most_depth, form, isa, workspace),
      remainders_(form.moduli),
      products_(std::move(products)),
      tiles_(workspace.take<std::int32_t>(form.moduli * products_->lines().met * kByteTile)),
      sums_(workspace.take<double>(products_->lines().met * kByteTile)) {
  require(moduli_for(form.bits, most_depth) > 0 && moduli_for(form.bits, most_depth) <= form.moduli,
          "a panel is too deep for its moduli");
}

/// Adds the products of the elements apart in `rows` and `cols` with the integers X of the panel to
/// the sums of a tile. Those above the diagonal are not used.
void IntegerGram::add_apart(std::span<const float> panel, const PanelShape& shape, Block rows,
                            Block cols) {
  const auto lines_in = [this](Block block) {
    const auto before = [](const Apart& element, std::int64_t line) { return element.line < line; };
    const std::span<const Apart> all = panel_.apart();
    const auto begin = std::lower_bound(all.begin(), all.end(), block.begin, before);
    return std::span<const Apart>(begin, std::lower_bound(begin, all.end(), block.end, before));
  };
  const auto x = [&](std::int64_t line, std::int64_t place) {
    return panel.data() + line * shape.line_stride + place * shape.place_stride;
  };
  for (const Apart& element : lines_in(cols)) {
    add_multiple(static_cast<double>(element.value), x(rows.begin, element.place),
                 shape.line_stride, rows.end - rows.begin,
                 sums_.data() + (element.line - cols.begin) * kByteTile);
  }
  for (const Apart& element : lines_in(rows)) {
    double* const row = sums_.data() + (element.line - rows.begin);
    const float* const from = x(cols.begin, element.place);
    const auto factor = static_cast<double>(element.value);
    // On the diagonal X is 0 where an element is apart, so that nothing is added twice.
    for (std::int64_t j = 0; j < cols.end - cols.begin; ++j) {
      row[j * kByteTile] += factor * static_cast<double>(from[j * shape.line_stride]);
    }
  }
}

/// Adds the products of elements apart with each other, R^T R.
void IntegerGram::add_pairs(std::span<double> gram) {
  by_place_.assign(panel_.apart().begin(), panel_.apart().end());
  std::sort(by_place_.begin(), by_place_.end(), [](const Apart& a, const Apart& b) {
    return a.place != b.place ? a.place < b.place : a.line < b.line;
  });
  for (auto i = by_place_.begin(); i != by_place_.end(); ++i) {
    for (auto j = i; j != by_place_.end() && j->place == i->place; ++j) {
      gram[static_cast<std::size_t>(j->line + i->line * lines_)] +=
          static_cast<double>(i->value) * static_cast<double>(j->value);
    }
  }
}

/// Adds the sums of a tile to the lower triangle.
void IntegerGram::store(Block rows, Block cols, bool first, std::span<double> gram) const {
  for (std::int64_t j = cols.begin; j < cols.end; ++j) {
    const std::int64_t from = std::max(rows.begin, j);
    const double* sums = sums_.data() + (j - cols.begin) * kByteTile + (from - rows.begin);
    double* const out = gram.data() + from + j * lines_;
    const std::int64_t count = rows.end - from;
    if (first) {
      std::copy_n(sums, count, out);
    } else {
      for (std::int64_t i = 0; i < count; ++i) out[i] += sums[i];
    }
  }
}

bool IntegerGram::add(std::span<float> panel, const PanelShape& shape, bool first,
                      std::span<double> gram) {
  if (!panel_.split(panel, shape)) return false;
  apart_ += std::ssize(panel_.apart());
  const auto block_of = [&](int modulus, Block block) {
    // Zeros included: oneDNN has its fast kernels for lines without gaps only.
    return ByteBlock{panel_.residues(modulus, block.begin), block.end - block.begin,
                     panel_.stride(), panel_.stride()};
  };
  const auto [held, met] = products_->lines();
  const std::int64_t between = met * kByteTile;
  for (std::int64_t row = 0; row < lines_; row += held) {
    const Block rows{row, std::min(row + held, lines_)};
    for (int k = 0; k < form_.moduli; ++k) products_->hold(k, block_of(k, rows));
    for (std::int64_t col = 0; col < rows.end; col += met) {
      const Block cols{col, std::min(col + met, lines_)};
      const Block next{cols.end, std::min(cols.end + met, rows.end)};
      for (int k = 0; k < form_.moduli; ++k) {
        const ByteBlock soon = next.begin < next.end ? block_of(k, next) : ByteBlock{};
        products_->multiply(k, block_of(k, cols), soon, tiles_.data() + k * between);
      }
      for (std::int64_t j = cols.begin; j < cols.end; ++j) {
        if (!first) fetch(gram, std::max(rows.begin, j) + j * lines_, rows.end + j * lines_);
        const std::int64_t at = (j - cols.begin) * kByteTile;
        combine(isa_, remainders_,
                {tiles_.data() + at, between, panel_.units().data() + rows.begin,
                 panel_.units()[static_cast<std::size_t>(j)], rows.end - rows.begin,
                 sums_.data() + at});
      }
      add_apart(panel, shape, rows, cols);
      store(rows, cols, first, gram);
    }
  }
  add_pairs(gram);
  return true;
}

}  // namespace wishart::spectrum
