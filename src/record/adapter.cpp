#include "wishart/record/adapter.hpp"

#include <charconv>

namespace wishart {
namespace {

constexpr std::string_view kStoredAs = "LoRA of rank ";

}  // namespace

AdapterParts adapter_parts(const Tensor& tensor) noexcept {
  if (tensor.encoding == Encoding::product && tensor.parts.size() == 2) {
    return {&tensor, nullptr, false};
  }
  if (tensor.encoding == Encoding::sum && tensor.parts.size() == 2 && tensor.factor == 1.0 &&
      tensor.parts[1].encoding == Encoding::product) {
    return {&tensor.parts[1], &tensor.parts[0], false};
  }
  const bool wrapped =
      tensor.encoding == Encoding::rescaled_rows || tensor.encoding == Encoding::rows;
  if (!wrapped || tensor.parts.empty()) return {};
  AdapterParts parts = adapter_parts(tensor.parts[0]);
  parts.rescaled = parts.rescaled || tensor.encoding == Encoding::rescaled_rows;
  return parts;
}

std::int64_t adapter_rank(const Tensor& tensor) noexcept {
  const AdapterParts parts = adapter_parts(tensor);
  return parts.product == nullptr ? -1 : rank_bound(*parts.product);
}

std::int64_t adapter_rank_in(std::string_view dtype) noexcept {
  const std::size_t at = dtype.find(kStoredAs);
  if (at == std::string_view::npos) return -1;
  std::int64_t rank = -1;
  const std::string_view number = dtype.substr(at + kStoredAs.size());
  const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), rank);
  return status == std::errc{} && rank > 0 ? rank : -1;
}

bool is_adapter_alone(std::string_view dtype) noexcept { return dtype.starts_with(kStoredAs); }

bool is_whole_tensor(const Matrix& matrix) noexcept {
  if (matrix.views.size() != 1 || matrix.tensor.encoding == Encoding::rows) return false;
  const View& view = matrix.views.front();
  return matrix.rows * matrix.cols == matrix.tensor.num_elements && view.first == 0 &&
         view.row_stride == matrix.cols && view.col_stride == 1;
}

bool has_base(const Matrix& matrix) noexcept {
  const Tensor& tensor = matrix.tensor;
  if (adapter_parts(tensor).product != nullptr) {
    return adapter_parts(tensor).base != nullptr && is_whole_tensor(matrix);
  }
  return tensor.encoding == Encoding::sum && tensor.parts.size() == 2;
}

}  // namespace wishart
