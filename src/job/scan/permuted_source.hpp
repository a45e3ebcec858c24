#pragma once

/// @file
/// A matrix with its elements in random order, as a source of elements for the engine.

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "wishart/fit/permutation.hpp"
#include "wishart/record/held.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/spectrum/element_source.hpp"

namespace wishart::job {

/// Element p of a view is element b(p) of the same view of `source`, b a keyed bijection that
/// depends on the seed, the matrix's key, the view and the order's number, and on nothing else: not
/// on ranks, teams or panels.
///
/// A random order needs every element of the view for any part of it. Held, all elements of the
/// matrix are read once, by each rank for itself, and stay in memory as `held_element_bytes` says;
/// a part is then as many accesses to that memory as it has elements. Otherwise a
/// window of kWindowBytes is filled from a pass over the whole view, which is read piece by piece,
/// and moves on when a part is asked for that it does not hold.
class PermutedSource : public spectrum::ElementSource {
public:
  /// @param source  borrowed; its elements are finite
  /// @param most_window_bytes  for tests
  PermutedSource(spectrum::ElementSource& source, const Matrix& matrix, std::uint64_t seed,
                 bool held, std::int64_t most_window_bytes = kWindowBytes);

  /// Takes up the order of this number; the first is 0.
  void choose(std::int64_t order);
  void read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end, std::int64_t col_begin,
            std::int64_t col_end, std::span<double> out) override;

  /// The mean of all elements. @pre some of every view was read
  [[nodiscard]] double mean() const noexcept;

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
  Store store_;
  Window window_;
  std::vector<double> view_sums_;            ///< of the elements, once the view has passed
  std::vector<fit::KeyedBijection> orders_;  ///< of the views
};

}  // namespace wishart::job
