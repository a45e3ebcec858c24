#include "gram.hpp"

#include <algorithm>

#include "wishart/core/narrow.hpp"

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

}  // namespace

void gram_of_slice(const ViewTask& task, Slice slice, const SolveOptions& options, Tally& tally,
                   Workspace& workspace, std::span<double> gram) {
  const bool tall = task.rows() >= task.cols();
  const std::int64_t m = std::min(task.rows(), task.cols());
  if (options.precision == Precision::float32) {
    clear_lower(gram, m);
    PanelStream<float> stream(task, slice, options.panel_bytes, tally, workspace);
    const std::span<float> products = workspace.take<float>(m * std::min(m, kSingleColumns));
    while (const auto panel = stream.next()) add_products(*panel, tall, m, products, gram);
    return;
  }
  bool first = true;
  PanelStream<double> stream(task, slice, options.panel_bytes, tally, workspace);
  while (const auto panel = stream.next()) {
    add_products(*panel, tall, m, first, gram);
    first = false;
  }
  if (first) clear_lower(gram, m);
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
