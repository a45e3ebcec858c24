#include "shapes.hpp"

#include <functional>
#include <numeric>

namespace wishart::model {

Cut cut_plain(std::span<const std::int64_t> shape) {
  return {shape[0], shape[1], {View{0, shape[1], 1}}};
}

Cut cut_stack(std::span<const std::int64_t> shape) {
  const std::int64_t rows = shape[shape.size() - 2];
  const std::int64_t cols = shape[shape.size() - 1];
  const std::int64_t count =
      std::accumulate(shape.begin(), shape.end() - 2, std::int64_t{1}, std::multiplies<>());
  Cut cut{rows, cols, {}};
  for (std::int64_t e = 0; e < count; ++e) cut.views.push_back({e * rows * cols, cols, 1});
  return cut;
}

Cut cut_conv1d(std::span<const std::int64_t> shape) {
  Cut cut{shape[0], shape[1], {}};
  for (std::int64_t k = 0; k < shape[2]; ++k) {
    cut.views.push_back({k, shape[1] * shape[2], shape[2]});
  }
  return cut;
}

Cut cut_conv2d(std::span<const std::int64_t> shape) {
  const std::int64_t a = shape[0];
  const std::int64_t b = shape[1];
  const std::int64_t c = shape[2];
  const std::int64_t d = shape[3];
  Cut cut;
  if (a + b >= c + d) {
    cut.rows = a;
    cut.cols = b;
    for (std::int64_t k = 0; k < c * d; ++k) cut.views.push_back({k, b * c * d, c * d});
  } else {
    cut.rows = c;
    cut.cols = d;
    for (std::int64_t k = 0; k < a * b; ++k) cut.views.push_back({k * c * d, d, 1});
  }
  return cut;
}

Cut cut_flattened(std::span<const std::int64_t> shape) {
  const std::int64_t cols =
      std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>());
  return {shape[0], cols, {View{0, cols, 1}}};
}

Cut cut_kernel_first(std::span<const std::int64_t> shape) { return cut_stack(shape); }

Cut cut_flattened_before_last(std::span<const std::int64_t> shape) {
  const std::int64_t rows =
      std::accumulate(shape.begin(), shape.end() - 1, std::int64_t{1}, std::multiplies<>());
  return {rows, shape.back(), {View{0, shape.back(), 1}}};
}

}  // namespace wishart::model
