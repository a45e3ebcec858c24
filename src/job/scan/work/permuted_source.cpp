#include "scan/work/permuted_source.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>
#include <string>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/record/held.hpp"

namespace wishart::job {
namespace {

/// Elements per piece: 2 MiB as float64, which fits the second-level cache of most machines.
constexpr std::int64_t kPieceElements = std::int64_t{1} << 18;

/// Converts an element to the form in which it is held, and back.
void hold(double value, std::uint16_t& to) {
  to = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16U);
}
void hold(double value, float& to) { to = static_cast<float>(value); }
void hold(double value, double& to) { to = value; }
double element(std::uint16_t held) {
  return static_cast<double>(std::bit_cast<float>(std::uint32_t{held} << 16U));
}
double element(float held) { return static_cast<double>(held); }
double element(double held) { return held; }

fit::KeyedBijection order_of(const Matrix& matrix, std::uint64_t seed, std::int64_t view,
                             std::int64_t order) {
  // Unique, because keys do not contain line breaks followed by two numbers.
  const std::string name = matrix.key + "\n" + std::to_string(view) + "\n" + std::to_string(order);
  return {static_cast<std::uint64_t>(matrix.rows * matrix.cols), seed,
          hash64(std::as_bytes(std::span(name.data(), name.size())))};
}

}  // namespace

PermutedSource::PermutedSource(spectrum::ElementSource& source, const Matrix& matrix,
                               std::uint64_t seed, bool held, std::int64_t most_window_bytes)
    : source_(&source),
      matrix_(&matrix),
      seed_(seed),
      held_(held),
      most_window_bytes_(most_window_bytes),
      view_sums_(static_cast<std::size_t>(matrix.num_views())) {
  choose(0);
}

void PermutedSource::choose(std::int64_t order) {
  window_.view = -1;
  orders_.clear();
  for (std::int64_t view = 0; view < matrix_->num_views(); ++view) {
    orders_.push_back(order_of(*matrix_, seed_, view, order));
  }
}

/// Calls `take(first, elements)` for all elements of a view, in order.
template <class F>
void PermutedSource::pass_over(std::int64_t view, F&& take) {
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, kPieceElements / matrix_->cols);
  std::vector<double> piece(
      static_cast<std::size_t>(std::min(rows_at_once, matrix_->rows) * matrix_->cols));
  double sum = 0;
  for (std::int64_t row = 0; row < matrix_->rows; row += rows_at_once) {
    const std::int64_t end = std::min(row + rows_at_once, matrix_->rows);
    const std::span<double> part(piece.data(),
                                 static_cast<std::size_t>((end - row) * matrix_->cols));
    source_->read(view, row, end, 0, matrix_->cols, part);
    long double part_sum = 0;
    for (const double value : part) part_sum += value;
    sum += static_cast<double>(part_sum);
    take(row * matrix_->cols, std::span<const double>(part));
  }
  view_sums_.at(static_cast<std::size_t>(view)) = sum;
}

void PermutedSource::hold_all() {
  const auto count = static_cast<std::size_t>(matrix_->rows * matrix_->cols * matrix_->num_views());
  const std::int64_t bytes = held_element_bytes(*matrix_);
  if (bytes == 2) store_ = std::vector<std::uint16_t>(count);
  if (bytes == 4) store_ = std::vector<float>(count);
  if (bytes == 8) store_ = std::vector<double>(count);
  std::visit(
      [&](auto& store) {
        for (std::int64_t view = 0; view < matrix_->num_views(); ++view) {
          const std::int64_t before = view * matrix_->rows * matrix_->cols;
          pass_over(view, [&](std::int64_t first, std::span<const double> values) {
            auto* to = store.data() + before + first;
            bool exact = true;
            for (const double value : values) {
              hold(value, *to);
              exact = exact && element(*to) == value;
              ++to;
            }
            require(exact, "elements are held exactly in held_element_bytes");
          });
        }
      },
      store_);
  stored_ = true;
}

void PermutedSource::read_held(const Window& part, std::span<double> out) {
  if (!stored_) hold_all();
  const fit::KeyedBijection& order = orders_[static_cast<std::size_t>(part.view)];
  const std::int64_t cols = matrix_->cols;
  std::vector<std::uint64_t> places(static_cast<std::size_t>(part.width()));
  std::visit(
      [&](const auto& store) {
        const auto* from = store.data() + part.view * matrix_->rows * cols;
        double* to = out.data();
        for (std::int64_t row = part.row_begin; row < part.row_end; ++row) {
          order.map_run(static_cast<std::uint64_t>(row * cols + part.col_begin), places);
          for (const std::uint64_t place : places) *to++ = element(from[place]);
        }
      },
      store_);
}

/// Fills a window that begins with `part` and extends in the direction in which views are read: by
/// rows if the part has whole rows, else by columns.
void PermutedSource::move_window(const Window& part) {
  const std::int64_t rows = matrix_->rows;
  const std::int64_t cols = matrix_->cols;
  const std::int64_t most = most_window_bytes_ / 8;
  Window& w = window_;
  w.view = -1;
  w.row_begin = part.row_begin;
  w.col_begin = part.col_begin;
  w.col_end = std::min(cols, std::max(part.col_end, part.col_begin + most / rows));
  w.row_end = std::min(rows, std::max(part.row_end, part.row_begin + most / w.width()));
  w.values.resize(static_cast<std::size_t>((w.row_end - w.row_begin) * w.width()));
  const fit::KeyedBijection& order = orders_[static_cast<std::size_t>(part.view)];
  std::vector<std::uint64_t> places;
  pass_over(part.view, [&](std::int64_t first, std::span<const double> values) {
    places.resize(values.size());
    order.inverse_run(static_cast<std::uint64_t>(first), places);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto place = static_cast<std::int64_t>(places[i]);
      const std::int64_t row = place / cols;
      const std::int64_t col = place % cols;
      if (row < w.row_begin || row >= w.row_end || col < w.col_begin || col >= w.col_end) continue;
      w.values[static_cast<std::size_t>((row - w.row_begin) * w.width() + col - w.col_begin)] =
          values[i];
    }
  });
  w.view = part.view;
}

void PermutedSource::read(std::int64_t view, std::int64_t row_begin, std::int64_t row_end,
                          std::int64_t col_begin, std::int64_t col_end, std::span<double> out) {
  const Window part{view, row_begin, row_end, col_begin, col_end, {}};
  if (row_begin >= row_end || col_begin >= col_end) return;
  if (held_) {
    read_held(part, out);
    return;
  }
  if (!window_.covers(part)) move_window(part);
  for (std::int64_t row = row_begin; row < row_end; ++row) {
    const double* from = window_.values.data() + (row - window_.row_begin) * window_.width() +
                         col_begin - window_.col_begin;
    std::copy_n(from, part.width(), out.data() + (row - row_begin) * part.width());
  }
}

std::vector<double> PermutedSource::view_means() {
  std::vector<double> means;
  for (std::int64_t view = 0; view < matrix_->num_views(); ++view) {
    std::optional<double>& sum = view_sums_[static_cast<std::size_t>(view)];
    // A rank without a share of a small matrix has read nothing.
    if (!sum) pass_over(view, [](std::int64_t, std::span<const double>) {});
    means.push_back(*sum / static_cast<double>(matrix_->rows * matrix_->cols));
  }
  return means;
}

}  // namespace wishart::job
