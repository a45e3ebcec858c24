#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

#include "wishart/checkpoint/decode.hpp"
#include "wishart/core/error.hpp"

#include "numbers/block_sizes.hpp"
#include "numbers/codes.hpp"
#include "numbers/decode_loops.hpp"
#include "numbers/encodings.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {

std::vector<double> code_values(Meaning meaning, std::int64_t bits) {
  const std::int64_t count = std::int64_t{1} << bits;
  const std::int64_t half = count / 2;
  std::vector<double> values(at(count));
  for (std::int64_t c = 0; c < count; ++c) {
    double& value = values[at(c)];
    value = static_cast<double>(c);
    if (meaning == Meaning::twos_complement && c >= half) value -= static_cast<double>(count);
    if (meaning == Meaning::centred) value -= static_cast<double>(half);
    if (meaning == Meaning::ternary) value -= 1;
    if (meaning == Meaning::fp4) value = fp4_value(static_cast<unsigned>(c));
    if (meaning == Meaning::f8_e4m3) {
      const auto byte = static_cast<std::byte>(c);
      decode(Dtype::f8_e4m3, {&byte, 1}, {&value, 1});
    }
  }
  return values;
}

void refuse_scales(ElementReader& reader, const Tensor& part) {
  constexpr std::int64_t kPieceElements = std::int64_t{1} << 18;
  std::int64_t bad = 0;
  std::vector<double> values;
  for (std::int64_t first = 0; first < part.num_elements; first += kPieceElements) {
    values.resize(at(std::min(kPieceElements, part.num_elements - first)));
    reader.read_elements(part, first, values);
    bad += std::count_if(values.begin(), values.end(), [](double v) { return std::isnan(v); });
  }
  throw Error(Blame::input, std::to_string(bad) + " of the " + std::to_string(part.num_elements) +
                                " scales in " + in_quotes(part.name) +
                                " are not numbers (NaN). The program that quantised the weights "
                                "wrote them: quantise again");
}

std::vector<std::int64_t> numbers_of(const CodesLayout& layout) {
  static_assert(std::is_trivially_copyable_v<CodesLayout>);
  static_assert(sizeof(CodesLayout) % sizeof(std::int64_t) == 0);
  std::vector<std::int64_t> numbers(sizeof(CodesLayout) / sizeof(std::int64_t));
  std::memcpy(numbers.data(), &layout, sizeof(CodesLayout));
  return numbers;
}

CodesLayout codes_layout(const std::vector<std::int64_t>& numbers) {
  require(numbers.size() == sizeof(CodesLayout) / sizeof(std::int64_t),
          "an encoding by codes does not have its parameters");
  CodesLayout layout;
  std::memcpy(static_cast<void*>(&layout), numbers.data(), sizeof(CodesLayout));
  return layout;
}

double whole_factor(ElementReader& reader, const Tensor& tensor, const CodesLayout& layout,
                    std::int64_t expert) {
  if (layout.global < 0) return tensor.factor;
  const Tensor& part = tensor.parts[at(layout.global)];
  double global = 0;
  reader.read_elements(part, part.num_elements > 1 ? expert : 0, {&global, 1});
  if (std::isnan(global)) refuse_scales(reader, part);
  return layout.divide_global == 0 ? tensor.factor * global : tensor.factor / global;
}

}  // namespace wishart::checkpoint
