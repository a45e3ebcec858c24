#pragma once

/// @file
/// A matrix with its elements in random order, as an ElementSource.

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "wishart/fit/permutation.hpp"
#include "wishart/record/held.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/spectrum/element_source.hpp"

namespace wishart::job {

/// Element p of a view is element b(p) of the same view of `source`. The keyed bijection b depends
/// only on the seed, the matrix's key, the view and the number of the order, but not on ranks,
/// teams or panels.
///
/// Any part of a view may need elements from everywhere in it. If `held`, each rank reads all
/// elements of the matrix once and keeps them in memory (`held_element_bytes`). Otherwise it fills
/// a window of kWindowBytes in a pass over the whole view, and moves the window when a requested
/// part is outside.
class PermutedSource : public spectrum::ElementSource {
public:
  /// @param source  borrowed; its elements are finite
  /// @param most_window_bytes  for tests
  PermutedSource(spectrum::ElementSource& source, const Matrix& matrix, std::uint64_t seed,
                 bool held, std::int64_t most_window_bytes = kWindowBytes);

  /// Switches to the order with this number; the first is 0.
  void choose(std::int64_t order);
  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override;
  [[nodiscard]] double unit() override { return source_->unit(); }

  /// Where the elements of a view come from in the chosen order.
  [[nodiscard]] const fit::KeyedBijection& order_of_view(std::int64_t view) const {
    return orders_.at(static_cast<std::size_t>(view));
  }

  /// The mean of the elements of each view. Reads the views of which nothing was read before.
  [[nodiscard]] std::vector<double> view_means();

private:
  /// The upper halves of float32, float32, or float64.
  using Store = std::variant<std::vector<std::uint16_t>, std::vector<float>, std::vector<double>>;

  /// A part of a view in its random order, row-major.
  struct Window {
    std::int64_t view = -1;  ///< -1: nothing yet
    std::int64_t row_begin = 0;
    std::int64_t row_end = 0;
    std::int64_t col_begin = 0;
    std::int64_t col_end = 0;
    std::vector<double> values;

    [[nodiscard]] bool covers(const Window& part) const noexcept {
      return view == part.view && row_begin <= part.row_begin && row_end >= part.row_end &&
             col_begin <= part.col_begin && col_end >= part.col_end;
    }
    [[nodiscard]] std::int64_t width() const noexcept { return col_end - col_begin; }
  };

  template <class F>
  void pass_over(std::int64_t view, F&& take);
  void hold_all();
  void read_held(const Window& part, std::span<double> out);
  void move_window(const Window& part);

  spectrum::ElementSource* source_;
  const Matrix* matrix_;
  std::uint64_t seed_;
  bool held_;
  std::int64_t most_window_bytes_;
  bool stored_ = false;  ///< the elements are in `store_`
  Store store_;
  Window window_;
  /// Sums of the elements of the views read so far.
  std::vector<std::optional<double>> view_sums_;
  std::vector<fit::KeyedBijection> orders_;  ///< for each view
};

}  // namespace wishart::job
