#include "gram.hpp"

#include <algorithm>
#include <cmath>

#include "wishart/core/narrow.hpp"

#include "integer/integer_gram.hpp"
#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

/// Columns of the Gram matrix per float32 product. The result stays in cache until it has been
/// added to the float64 matrix.
constexpr std::int64_t kSingleColumns = 128;

void clear_lower(std::span<double> gram, std::int64_t m) {
  for (std::int64_t col = 0; col < m; ++col) {
    std::fill_n(gram.data() + col + col * m, m - col, 0.0);
  }
}

/// gram (+)= the products of a panel. Column-major, the panel of a tall view is m x depth, that of
/// a wide view depth x m.
void add_products(const Panel<double>& panel, bool tall, std::int64_t m, bool first,
                  std::span<double> gram) {
  const int order = narrow<int>(m, "order of a Gram matrix");
  const int depth = narrow<int>(panel.depth, "depth of a panel");
  const double one = 1.0;
  const double beta = first ? 0.0 : 1.0;
  dsyrk_("L", tall ? "N" : "T", &order, &depth, &one, panel.values.data(), tall ? &order : &depth,
         &beta, gram.data(), &order, 1, 1);
}

/// The same from a float32 panel, in blocks of columns, using `products` as a buffer.
void add_products(const Panel<float>& panel, bool tall, std::int64_t m, std::span<float> products,
                  std::span<double> gram) {
  const int depth = narrow<int>(panel.depth, "depth of a panel");
  const int lead = tall ? narrow<int>(m, "order of a Gram matrix") : depth;
  const float one = 1.0F;
  const float zero = 0.0F;
  for (std::int64_t col = 0; col < m; col += kSingleColumns) {
    const std::int64_t count = std::min(kSingleColumns, m - col);
    const int rows = narrow<int>(m - col, "rows of a block");
    const int cols = narrow<int>(count, "columns of a block");
    const float* from = panel.values.data() + (tall ? col : col * panel.depth);
    sgemm_(tall ? "N" : "T", tall ? "T" : "N", &rows, &cols, &depth, &one, from, &lead, from, &lead,
           &zero, products.data(), &rows, 1, 1);
    for (std::int64_t c = 0; c < count; ++c) {
      const float* product = products.data() + c * rows;
      double* to = gram.data() + col + (col + c) * m;
      for (std::int64_t r = c; r < rows; ++r) to[r] += static_cast<double>(product[r]);
    }
  }
}

/// Rows or columns of a float panel that DSYRK takes at once where integers do not serve.
constexpr std::int64_t kDoublesAtOnce = 256;

/// gram (+)= the products of a float panel, in float64.
void add_products_in_double(std::span<const float> panel, const PanelShape& shape, bool first,
                            std::span<double> doubles, std::span<double> gram) {
  const bool tall = shape.line_stride == 1;
  for (std::int64_t begin = 0; begin < shape.depth; begin += kDoublesAtOnce) {
    const std::int64_t count = std::min(kDoublesAtOnce, shape.depth - begin);
    const std::span<double> part = doubles.first(static_cast<std::size_t>(count * shape.lines));
    if (tall) {
      std::copy_n(panel.begin() + begin * shape.lines, std::ssize(part), part.begin());
    } else {
      for (std::int64_t line = 0; line < shape.lines; ++line) {
        std::copy_n(panel.begin() + line * shape.line_stride + begin, count,
                    part.begin() + line * count);
      }
    }
    add_products(Panel<double>{part, 0, count, false}, tall, shape.lines, first && begin == 0,
                 gram);
  }
}

/// Multiplies the lower triangle.
void scale_lower(std::span<double> a, std::int64_t n, double factor) {
  for (std::int64_t col = 0; col < n; ++col) {
    double* const column = a.data() + col * n;
    for (std::int64_t row = col; row < n; ++row) column[row] *= factor;
  }
}

/// The Gram matrix of a slice from integers. Nothing if an element is no float times the unit after
/// all: scales that are powers of two may be as large as 2^127, and a damaged unit may be anything.
std::optional<ProductRecord> integer_gram(const ViewTask& task, Slice slice, IntegerForm form,
                                          const SolveOptions& options, Tally& tally,
                                          Workspace& workspace, std::span<double> gram) {
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  const std::int64_t depth = std::min(integer_panel_depth(*task.matrix, options.panel_bytes, form),
                                      std::max<std::int64_t>(slice.size(), 1));
  const double unit = task.source->unit();
  if (!std::isnormal(unit)) return std::nullopt;
  IntegerGram products(m, std::min(depth, kIntegerDepth), form, best_instruction_set(),
                       make_byte_products(), workspace);
  PanelStream<float> stream(task, slice, PanelStream<float>::Depth{depth}, tally, workspace, unit);
  std::span<double> doubles;
  ProductRecord record{.products = Products::integer, .bits = form.bits, .bytes = form.bytes};
  while (const auto panel = stream.next()) {
    if (panel->rounded) return std::nullopt;
    for (std::int64_t begin = 0; begin < panel->depth; begin += kIntegerDepth) {
      const PanelShape shape{m, std::min(kIntegerDepth, panel->depth - begin),
                             tall ? 1 : panel->depth, tall ? m : 1};
      const std::span<float> part =
          panel->values.subspan(static_cast<std::size_t>(begin * shape.place_stride));
      const bool first = record.panels + record.float64_panels == 0;
      if (products.add(part, shape, first, gram)) {
        ++record.panels;
        continue;
      }
      if (doubles.empty()) doubles = workspace.take<double>(std::min(depth, kDoublesAtOnce) * m);
      add_products_in_double(part, shape, first, doubles, gram);
      ++record.float64_panels;
    }
  }
  record.apart = products.apart();
  if (record.panels + record.float64_panels == 0) clear_lower(gram, m);
  if (unit != 1) scale_lower(gram, m, unit * unit);
  return record;
}

}  // namespace

std::optional<ProductRecord> gram_of_slice(const ViewTask& task, Slice slice,
                                           const SolveOptions& options, Tally& tally,
                                           Workspace& workspace, std::span<double> gram) {
  if (options.precision == Precision::float64 && options.products == Products::integer) {
    if (const auto form = integer_form(*task.matrix)) {
      return integer_gram(task, slice, *form, options, tally, workspace, gram);
    }
  }
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  if (options.precision == Precision::float32) {
    clear_lower(gram, m);
    PanelStream<float> stream(task, slice, options.panel_bytes, tally, workspace);
    const std::span<float> products = workspace.take<float>(m * std::min(m, kSingleColumns));
    while (const auto panel = stream.next()) add_products(*panel, tall, m, products, gram);
    return ProductRecord{};
  }
  bool first = true;
  PanelStream<double> stream(task, slice, options.panel_bytes, tally, workspace);
  while (const auto panel = stream.next()) {
    add_products(*panel, tall, m, first, gram);
    first = false;
  }
  if (first) clear_lower(gram, m);
  return ProductRecord{};
}

void mirror_lower(std::span<double> a, std::int64_t n) {
  constexpr std::int64_t kTile = 32;
  for (std::int64_t c0 = 0; c0 < n; c0 += kTile) {
    for (std::int64_t r0 = c0; r0 < n; r0 += kTile) {
      for (std::int64_t c = c0; c < std::min(n, c0 + kTile); ++c) {
        for (std::int64_t r = std::max(r0, c + 1); r < std::min(n, r0 + kTile); ++r) {
          a[static_cast<std::size_t>(c + r * n)] = a[static_cast<std::size_t>(r + c * n)];
        }
      }
    }
  }
}

}  // namespace wishart::spectrum
