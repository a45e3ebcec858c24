#pragma once

/// @file
/// Matrices with known singular values, made row by row. docs/synth.md.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "wishart/synth/hartley.hpp"

namespace wishart::synth {

/// Transforms and tables by length, made when first requested. Not thread-safe.
class HartleyTables {
public:
  [[nodiscard]] std::shared_ptr<const Hartley> transform(std::int64_t n);
  [[nodiscard]] std::shared_ptr<const std::vector<double>> table(std::int64_t n);

private:
  std::map<std::int64_t, std::shared_ptr<const Hartley>> transforms_;
  std::map<std::int64_t, std::shared_ptr<const std::vector<double>>> tables_;
};

/// A rows x cols matrix W = D P S Q E with the given singular values: P and Q are columns and rows
/// of Hartley matrices, D and E random signs, S the values in random places with random signs.
///
/// Rows are made in groups of Hartley::kLanes that begin at multiples of kLanes, so that a row has
/// the same bits whatever range it is requested in. Memory: O(rows + kLanes * cols).
class PlantedMatrix {
public:
  /// @param sigma  min(rows, cols) values, in any order
  /// @param key    name of the matrix: other keys with the same seed give other factors
  PlantedMatrix(std::int64_t rows, std::int64_t cols, std::span<const double> sigma,
                std::uint64_t seed, std::string_view key, HartleyTables& tables);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return cols_; }

  /// Rows [begin, end), row-major.
  void fill_rows(std::int64_t begin, std::int64_t end, std::span<double> out);

private:
  /// A singular value, with its column of the left Hartley matrix and its row of the right one.
  struct Term {
    std::int64_t left;
    std::size_t right;
    double value;  ///< with its sign
  };

  void make_group(std::int64_t first_row);

  std::int64_t rows_;
  std::int64_t cols_;
  std::shared_ptr<const std::vector<double>> left_;
  std::shared_ptr<const Hartley> right_;
  std::vector<Term> terms_;
  std::vector<double> row_signs_;
  std::vector<double> col_signs_;
  std::vector<double> group_;  ///< kLanes rows, element by element
  std::vector<double> work_;
};

}  // namespace wishart::synth
