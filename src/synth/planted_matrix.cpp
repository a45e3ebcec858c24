#include "wishart/synth/planted_matrix.hpp"

#include <algorithm>

#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"

#include "position_random.hpp"

namespace wishart::synth {
namespace {

/// The purpose of a stream of random numbers.
enum class Purpose : std::uint64_t { row_signs = 1, col_signs, value_signs, left, right };

PositionRandom stream(std::uint64_t seed, std::string_view key, Purpose purpose) {
  const std::uint64_t name = hash64(std::as_bytes(std::span(key)));
  return {seed, name + static_cast<std::uint64_t>(purpose)};
}

std::vector<double> signs(std::int64_t count, const PositionRandom& random) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = random.sign(i);
  return values;
}

}  // namespace

std::shared_ptr<const Hartley> HartleyTables::transform(std::int64_t n) {
  auto& entry = transforms_[n];
  if (!entry) entry = std::make_shared<const Hartley>(n);
  return entry;
}

std::shared_ptr<const std::vector<double>> HartleyTables::table(std::int64_t n) {
  auto& entry = tables_[n];
  if (!entry) entry = std::make_shared<const std::vector<double>>(hartley_table(n));
  return entry;
}

PlantedMatrix::PlantedMatrix(std::int64_t rows, std::int64_t cols, std::span<const double> sigma,
                             std::uint64_t seed, std::string_view key, HartleyTables& tables)
    : rows_(rows), cols_(cols), left_(tables.table(rows)), right_(tables.transform(cols)) {
  const std::int64_t values = std::min(rows, cols);
  require(static_cast<std::int64_t>(sigma.size()) == values,
          "PlantedMatrix: one singular value per row or column, whichever are fewer");
  row_signs_ = signs(rows, stream(seed, key, Purpose::row_signs));
  col_signs_ = signs(cols, stream(seed, key, Purpose::col_signs));
  const auto left = distinct(rows, values, stream(seed, key, Purpose::left));
  const auto right = distinct(cols, values, stream(seed, key, Purpose::right));
  const PositionRandom sign = stream(seed, key, Purpose::value_signs);
  terms_.reserve(sigma.size());
  for (std::size_t k = 0; k < sigma.size(); ++k) {
    terms_.push_back({left[k], static_cast<std::size_t>(right[k]),
                      sigma[k] * sign.sign(static_cast<std::int64_t>(k))});
  }
  group_.resize(static_cast<std::size_t>(cols * Hartley::kLanes));
  work_.resize(group_.size());
}

void PlantedMatrix::make_group(std::int64_t first_row) {
  constexpr auto kLanes = static_cast<std::size_t>(Hartley::kLanes);
  if (rows_ < cols_) std::fill(group_.begin(), group_.end(), 0.0);
  const std::vector<double>& table = *left_;
  for (const Term& term : terms_) {
    double* const out = group_.data() + term.right * kLanes;
    std::int64_t index = first_row % rows_ * term.left % rows_;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {  // lanes beyond the last row are not used
      out[lane] = term.value * table[static_cast<std::size_t>(index)];
      index += term.left;
      if (index >= rows_) index -= rows_;
    }
  }
  right_->transform(group_, work_);
}

void PlantedMatrix::fill_rows(std::int64_t begin, std::int64_t end, std::span<double> out) {
  require(begin >= 0 && begin <= end && end <= rows_ &&
              static_cast<std::int64_t>(out.size()) == (end - begin) * cols_,
          "PlantedMatrix: rows out of range, or output of the wrong size");
  constexpr std::int64_t kLanes = Hartley::kLanes;
  for (std::int64_t first = begin / kLanes * kLanes; first < end; first += kLanes) {
    make_group(first);
    for (std::int64_t row = std::max(first, begin); row < std::min(first + kLanes, end); ++row) {
      const double row_sign = row_signs_[static_cast<std::size_t>(row)];
      const double* from = group_.data() + (row - first);
      double* const to = out.data() + (row - begin) * cols_;
      for (std::int64_t j = 0; j < cols_; ++j) {
        to[j] = from[j * kLanes] * row_sign * col_signs_[static_cast<std::size_t>(j)];
      }
    }
  }
}

}  // namespace wishart::synth
