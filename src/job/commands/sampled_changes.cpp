#include "commands/sampled_changes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "commands/check_kind.hpp"
#include "commands/vectors.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMostMatrices = 512;
constexpr std::int64_t kStrips = 4;
constexpr std::int64_t kRowsOfStrip = 8;
/// A strip has 256 KiB as float64 at most.
constexpr std::int64_t kMostCols = 4096;

/// The elements of some rows, each `width` long.
struct Rows {
  std::vector<double> values;
  std::int64_t width = 0;

  [[nodiscard]] std::int64_t count() const noexcept {
    return width == 0 ? 0 : static_cast<std::int64_t>(values.size()) / width;
  }
  [[nodiscard]] double at(std::int64_t row, std::int64_t col) const {
    return values[static_cast<std::size_t>(row * width + col)];
  }
};

/// Rows at even distances, the first and the last strip at the ends.
Rows sampled_rows(checkpoint::ElementReader& reader, const Matrix& matrix) {
  Rows rows;
  rows.width = std::min(matrix.cols, kMostCols);
  const std::int64_t strip = std::min(matrix.rows, kRowsOfStrip);
  const std::int64_t strips = std::min(kStrips, matrix.rows / strip);
  rows.values.resize(static_cast<std::size_t>(strips * strip * rows.width));
  for (std::int64_t k = 0; k < strips; ++k) {
    const std::int64_t begin = strips == 1 ? 0 : k * (matrix.rows - strip) / (strips - 1);
    checkpoint::read_block(reader, matrix, 0, {begin, begin + strip, 0, rows.width},
                           std::span(rows.values)
                               .subspan(static_cast<std::size_t>(k * strip * rows.width),
                                        static_cast<std::size_t>(strip * rows.width)));
  }
  return rows;
}

double squares(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return sum;
}

double distance_squares(const Rows& a, const Rows& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    sum += (b.values[i] - a.values[i]) * (b.values[i] - a.values[i]);
  }
  return sum;
}

/// The share of |A|^2 in elements that are zero in B.
double cut_of(const Rows& a, const Rows& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    if (b.values[i] == 0) sum += a.values[i] * a.values[i];
  }
  return sum / squares(a.values);
}

/// Multiplies each column (or row) of `a` by the number that brings it next to that of `b`.
void rescale(Rows& a, const Rows& b, bool columns) {
  const std::int64_t lines = columns ? a.width : a.count();
  std::vector<double> product(static_cast<std::size_t>(lines), 0.0);
  std::vector<double> norm(static_cast<std::size_t>(lines), 0.0);
  const auto line_of = [&](std::size_t i) {
    const auto width = static_cast<std::size_t>(a.width);
    return columns ? i % width : i / width;
  };
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    product[line_of(i)] += a.values[i] * b.values[i];
    norm[line_of(i)] += a.values[i] * a.values[i];
  }
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const std::size_t line = line_of(i);
    if (norm[line] > 0) a.values[i] *= product[line] / norm[line];
  }
}

/// True if rescaled rows and columns explain half of what differs. Those fitted to noise explain
/// one part in as many as there are rows; those of strangers are next to zero, and leave all of B.
bool is_rescaled(const Rows& a, const Rows& b, double distance) {
  constexpr double kExplained = 0.5;
  constexpr std::int64_t kFewestRows = 8;
  if (a.count() < kFewestRows) return false;
  Rows fitted = a;
  rescale(fitted, b, true);
  rescale(fitted, b, false);
  const double left = distance_squares(fitted, b);
  return left < kExplained * distance && left < kExplained * squares(b.values);
}

/// True if runs of elements along rows take few values beside zero, as codes of 4 bits do: 16 or
/// fewer, where 32 weights as trained are all different.
bool has_few_levels(const Rows& rows) {
  constexpr std::int64_t kRun = 32;
  constexpr double kFew = 0.75;
  constexpr std::int64_t kFewestElements = 8;  // in a run; of one in zeros nothing is known
  std::int64_t elements = 0;
  std::int64_t levels = 0;
  for (std::int64_t row = 0; row < rows.count(); ++row) {
    for (std::int64_t col = 0; col + kRun <= rows.width; col += kRun) {
      std::array<double, kRun> run{};
      for (std::int64_t j = 0; j < kRun; ++j) {
        run[static_cast<std::size_t>(j)] = rows.at(row, col + j);
      }
      const auto end = std::remove(run.begin(), run.end(), 0.0);
      if (end - run.begin() < kFewestElements) continue;
      elements += end - run.begin();
      std::sort(run.begin(), end);
      levels += std::unique(run.begin(), end) - run.begin();
    }
  }
  return elements > 0 && static_cast<double>(levels) < kFew * static_cast<double>(elements);
}

/// The nearest number with so many significant bits, ties to even, and none below `least` but its
/// multiples; infinite above `most`.
double nearest(double value, int bits, double least, double most) {
  if (value == 0 || !std::isfinite(value)) return value;
  const double unit = std::fmax(std::ldexp(1.0, std::ilogb(value) + 1 - bits), least);
  const double rounded = std::nearbyint(value / unit) * unit;
  return std::abs(rounded) > most ? std::copysign(HUGE_VAL, value) : rounded;
}

/// As a dtype holds it; as it is for a dtype that no model is rounded to.
double rounded_to(double value, Dtype dtype) {
  if (dtype == Dtype::bf16) return nearest(value, 8, 0x1p-133, 0x1.fep127);
  if (dtype == Dtype::f16) return nearest(value, 11, 0x1p-24, 65504);
  if (dtype == Dtype::f32) return static_cast<double>(static_cast<float>(value));
  return value;
}

bool is_rounded_to(const std::vector<double>& rounded, const std::vector<double>& exact,
                   Dtype dtype) {
  return std::equal(rounded.begin(), rounded.end(), exact.begin(), exact.end(),
                    [&](double one, double other) { return one == rounded_to(other, dtype); });
}

/// True if one of the two is the other, rounded to its dtype.
bool is_cast(const std::vector<double>& a, Dtype dtype_a, const std::vector<double>& b,
             Dtype dtype_b) {
  return is_rounded_to(b, a, dtype_b) || is_rounded_to(a, b, dtype_a);
}

bool is_plain_float(const Tensor& tensor) {
  return tensor.encoding == Encoding::plain &&
         (tensor.dtype == Dtype::bf16 || tensor.dtype == Dtype::f16 || tensor.dtype == Dtype::f32 ||
          tensor.dtype == Dtype::f64);
}

SampledChange change_of(const Matrix& matrix_a, const Rows& a, const Matrix& matrix_b,
                        const Rows& b) {
  SampledChange change;
  const double norm = squares(a.values);
  const double distance = distance_squares(a, b);
  if (norm > 0) {
    change.relative = std::sqrt(distance / norm);
    change.cut = cut_of(a, b);
  } else {
    change.relative = distance > 0 ? HUGE_VAL : 0;
  }
  change.rescaled = distance > 0 && is_rescaled(a, b, distance);
  // With groups in the order of activations, neighbours have other scales: storage tells it.
  change.few_levels = has_few_bits(matrix_b.tensor) ? !has_few_bits(matrix_a.tensor)
                                                    : has_few_levels(b) && !has_few_levels(a);
  change.only_rounded = is_plain_float(matrix_a.tensor) && is_plain_float(matrix_b.tensor) &&
                        is_cast(a.values, matrix_a.tensor.dtype, b.values, matrix_b.tensor.dtype);
  return change;
}

/// True if all of the matrix of one is that of the other, rounded.
bool is_cast_throughout(checkpoint::ElementReader& reader_a, const Matrix& a,
                        checkpoint::ElementReader& reader_b, const Matrix& b,
                        const std::function<void()>& check_stop) {
  constexpr std::int64_t kElements = std::int64_t{1} << 20;
  const std::int64_t rows = std::max<std::int64_t>(1, kElements / a.cols);
  std::vector<double> of_a;
  std::vector<double> of_b;
  for (std::int64_t view = 0; view < std::ssize(a.views); ++view) {
    for (std::int64_t begin = 0; begin < a.rows; begin += rows) {
      check_stop();
      const std::int64_t end = std::min(begin + rows, a.rows);
      of_a.resize(static_cast<std::size_t>((end - begin) * a.cols));
      of_b.resize(of_a.size());
      checkpoint::read_block(reader_a, a, view, {begin, end, 0, a.cols}, of_a);
      checkpoint::read_block(reader_b, b, view, {begin, end, 0, b.cols}, of_b);
      if (!is_cast(of_a, a.tensor.dtype, of_b, b.tensor.dtype)) return false;
    }
  }
  return true;
}

bool is_compressed(const Tensor& tensor) {
  return tensor.deflated.size_bytes > 0 ||
         std::any_of(tensor.parts.begin(), tensor.parts.end(), is_compressed);
}

bool all_finite(const Rows& rows) {
  return std::all_of(rows.values.begin(), rows.values.end(),
                     [](double value) { return std::isfinite(value); });
}

/// A matrix of both.
struct Pair {
  const Matrix* a = nullptr;
  const Matrix* b = nullptr;
};

std::vector<Pair> pairs_of(const std::vector<Matrix>& base, const std::vector<Matrix>& tuned) {
  std::unordered_map<std::string, const Matrix*> before;
  for (const Matrix& matrix : base) before.emplace(matrix.key, &matrix);
  std::vector<Pair> pairs;
  for (const Matrix& matrix : tuned) {
    const auto found = before.find(matrix.key);
    if (found == before.end()) continue;
    const Matrix& other = *found->second;
    if (other.rows != matrix.rows || other.cols != matrix.cols || matrix.rows == 0 ||
        matrix.cols == 0 || is_compressed(matrix.tensor) || is_compressed(other.tensor)) {
      continue;
    }
    pairs.push_back({&other, &matrix});
  }
  return pairs;
}

/// Both checkpoints, opened, and the matrices that are compared.
struct Both {
  Both(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
       const model::SelectionOptions& options)
      : of_base(model::select_matrices(base, options).matrices),
        of_tuned(model::select_matrices(tuned, options).matrices),
        reader_a(checkpoint::make_reader(base.root, base.files)),
        reader_b(checkpoint::make_reader(tuned.root, tuned.files)),
        pairs(pairs_of(of_base, of_tuned)) {}

  std::vector<Matrix> of_base;
  std::vector<Matrix> of_tuned;
  std::unique_ptr<checkpoint::ElementReader> reader_a;
  std::unique_ptr<checkpoint::ElementReader> reader_b;
  std::vector<Pair> pairs;
};

/// At even distances, so that every kind of layer is among them.
std::vector<Pair> thinned(const std::vector<Pair>& pairs) {
  const std::int64_t all = std::ssize(pairs);
  const std::int64_t count = std::min(all, kMostMatrices);
  std::vector<Pair> some;
  for (std::int64_t i = 0; i < count; ++i) {
    some.push_back(pairs[static_cast<std::size_t>(i * all / count)]);
  }
  return some;
}

/// True if every vector of the tuned checkpoint is one of the base, but for its dtype.
bool has_cast_vectors(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                      const std::function<void()>& check_stop) {
  const auto before = by_name(base);
  const VectorReader of_tuned(tuned, check_stop);
  const VectorReader of_base(base, check_stop);
  return std::all_of(tuned.tensors.begin(), tuned.tensors.end(), [&](const Tensor& tensor) {
    if (!is_vector(tensor)) return true;
    const auto found = before.find(tensor.name);
    if (found == before.end() || found->second->shape != tensor.shape) return false;
    return is_cast(of_base.values_of(*found->second), found->second->dtype,
                   of_tuned.values_of(tensor), tensor.dtype);
  });
}

}  // namespace

SampledChanges sampled_changes(const checkpoint::Catalogue& tuned,
                               const checkpoint::Catalogue& base,
                               const model::SelectionOptions& options,
                               const std::function<void()>& check_stop) {
  const Both both(tuned, base, options);
  SampledChanges changes;
  for (const Pair& pair : thinned(both.pairs)) {
    check_stop();
    const Rows a = sampled_rows(*both.reader_a, *pair.a);
    const Rows b = sampled_rows(*both.reader_b, *pair.b);
    if (!all_finite(a) || !all_finite(b)) continue;
    changes.emplace(pair.b->key, change_of(*pair.a, a, *pair.b, b));
  }
  return changes;
}

analysis::KnownErrors known_errors(const SampledChanges& changes, bool levels) {
  // No rounding moves weights further: one bit with the best scale errs by 0.6. Rows in another
  // order and rotations move them by 1.4.
  constexpr double kStrangers = 0.9;
  constexpr std::int64_t kMostRescaled = 4;  // one in so many
  analysis::KnownErrors known;
  std::int64_t changed = 0;
  std::int64_t rescaled = 0;
  std::int64_t strange = 0;
  for (const auto& [key, change] : changes) {
    if (change.relative == 0) continue;
    ++changed;
    rescaled += change.rescaled ? 1 : 0;
    const bool strangers = !(change.relative < kStrangers);
    strange += strangers ? 1 : 0;
    if (strangers || change.rescaled || (levels && !change.few_levels)) continue;
    known[key] = {change.relative, change.few_levels ? change.cut : kNan};
  }
  if (kMostRescaled * rescaled >= changed || 2 * strange > changed) return {};
  // A few layers of few values do not make a copy of few bits.
  if (levels && 2 * std::ssize(known) < changed) return {};
  return known;
}

std::string only_rounded_text(const SampledChanges& changes, const checkpoint::Catalogue& tuned,
                              const checkpoint::Catalogue& base,
                              const model::SelectionOptions& options,
                              const std::function<void()>& check_stop) {
  const bool cast =
      !changes.empty() && std::all_of(changes.begin(), changes.end(),
                                      [](const auto& one) { return one.second.only_rounded; });
  if (!cast || !has_cast_vectors(tuned, base, check_stop)) return {};
  // Where the sample is the base, what was learnt may lie between: new tokens, a few neurons.
  const Both both(tuned, base, options);
  const auto& pairs = both.pairs;
  const bool throughout = std::all_of(pairs.begin(), pairs.end(), [&](const Pair& pair) {
    return pair.a->views.size() == pair.b->views.size() &&
           is_cast_throughout(*both.reader_a, *pair.a, *both.reader_b, *pair.b, check_stop);
  });
  if (!throughout) return {};
  return " But nothing changed: in " + plural(std::ssize(pairs), "matrix", "matrices") +
         ", its weights are those of the base in another dtype. Nothing was learnt or merged, or "
         "it was lost in rounding.";
}

}  // namespace wishart::job
