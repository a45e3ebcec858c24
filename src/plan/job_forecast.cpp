#include "wishart/plan/job_forecast.hpp"

#include <algorithm>

namespace wishart::plan {
namespace {

constexpr double kGiga = 1e9;
constexpr double kMega = 1e6;

/// If the matrices take longer than an even share of the work by more than this factor, it is
/// because some of them are too large for so many ranks: teams are less efficient than single
/// ranks, and what does not divide evenly leaves ranks idle.
constexpr double kUneven = 1.25;

double stored_bytes(const Tensor& tensor) noexcept {
  if (tensor.parts.empty()) {
    const double plain = static_cast<double>(tensor.num_elements) *
                         static_cast<double>(dtype_bits(tensor.dtype)) / 8;
    return tensor.encoding == Encoding::plain || tensor.size_bytes == 0
               ? plain
               : static_cast<double>(tensor.size_bytes);
  }
  double bytes = 0;
  for (const Tensor& part : tensor.parts) bytes += stored_bytes(part);
  // Of these only some elements of the part are read. Of rows of two parts, all are.
  const bool some = tensor.parts.size() == 1 &&
                    (tensor.encoding == Encoding::rows || tensor.encoding == Encoding::view);
  const auto all = static_cast<double>(tensor.parts.front().num_elements);
  return some && all > 0 ? bytes * static_cast<double>(tensor.num_elements) / all : bytes;
}

Bound bound_of(const JobForecast& forecast, double even_seconds) {
  const double makespan = forecast.matrices.makespan_seconds;
  const double alone =
      forecast.opening_seconds + forecast.handling_seconds + forecast.ending_seconds;
  if (forecast.reading_seconds > std::max(makespan, alone)) return Bound::reading;
  if (alone > makespan) return Bound::rank_zero;
  return makespan > kUneven * even_seconds ? Bound::largest_matrix : Bound::compute;
}

}  // namespace

SharedRates SharedRates::scaled(double factor) const noexcept {
  SharedRates rates = *this;
  for (double* time :
       {&rates.open_matrix_us, &rates.result_us, &rates.result_value_ns, &rates.end_matrix_us,
        &rates.end_value_ns, &rates.compress_matrix_us, &rates.compress_value_ns}) {
    *time /= factor;
  }
  return rates;
}

std::string_view bound_name(Bound bound) noexcept {
  switch (bound) {
    case Bound::largest_matrix:
      return "largest matrix";
    case Bound::reading:
      return "reading";
    case Bound::rank_zero:
      return "rank 0";
    case Bound::compute:
      break;
  }
  return "compute";
}

double JobForecast::seconds() const noexcept {
  return opening_seconds +
         std::max({matrices.makespan_seconds, reading_seconds, handling_seconds}) + ending_seconds;
}

double read_bytes(const Matrix& matrix) noexcept {
  if (matrix.tensor.num_elements <= 0) return 0;
  const double elements = static_cast<double>(matrix.num_views()) *
                          static_cast<double>(matrix.rows) * static_cast<double>(matrix.cols);
  return stored_bytes(matrix.tensor) * elements / static_cast<double>(matrix.tensor.num_elements);
}

JobForecast forecast_job(const Plan& plan, std::span<const Matrix> matrices,
                         std::span<const double> item_seconds, double alone_seconds,
                         const SharedRates& rates) {
  JobForecast result;
  result.matrices = forecast(plan, item_seconds);
  const int ranks = plan.tree.front().size;
  double bytes = 0;
  double values = 0;
  for (std::size_t i = 0; i < plan.items.size(); ++i) {
    const PlanItem& item = plan.items[i];
    const Matrix& matrix = matrices[static_cast<std::size_t>(item.matrix)];
    bytes += read_bytes(matrix);
    values += static_cast<double>(matrix.num_values());
    if (item_seconds[i] <= result.longest_seconds) continue;
    result.longest_seconds = item_seconds[i];
    result.longest = item.matrix;
  }
  const auto count = static_cast<double>(plan.items.size());
  result.opening_seconds = count * rates.open_matrix_us / kMega;
  if (rates.read_gbytes > 0) result.reading_seconds = bytes / (rates.read_gbytes * kGiga);
  result.handling_seconds =
      count * rates.result_us / kMega + values * rates.result_value_ns / kGiga;
  const double compressing =
      count * rates.compress_matrix_us / kMega + values * rates.compress_value_ns / kGiga;
  result.ending_seconds = count * rates.end_matrix_us / kMega +
                          values * rates.end_value_ns / kGiga + compressing / ranks;
  result.bound = bound_of(result, alone_seconds / ranks);
  return result;
}

}  // namespace wishart::plan
