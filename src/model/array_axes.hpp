#pragma once

/// @file
/// Internal: which axes of arrays of Keras, TensorFlow and Flax are inputs and outputs. Their
/// kernels are [kernel..., inputs, outputs], those of PyTorch [outputs, inputs, kernel...].

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

namespace wishart::model {

enum class ArrayAxes : std::uint8_t {
  as_torch,      ///< no kernel of these programs
  kernel_first,  ///< [kernel..., inputs, outputs]
  inputs_first,  ///< [inputs, heads, width]
  inputs_last,   ///< [heads, width, outputs]: all but the last are inputs
  unknown,
};

/// Looks at all names once, when it is first asked for a kernel of attention.
class ArrayAxesOf {
public:
  explicit ArrayAxesOf(const checkpoint::Catalogue& catalogue) : catalogue_(catalogue) {}

  /// For 3 and more dimensions.
  [[nodiscard]] ArrayAxes operator()(const Tensor& tensor);
  /// A bias of two dimensions, such as [heads, width]. Variables of Keras 3 have numbers for names.
  [[nodiscard]] bool is_bias(const Tensor& tensor);

private:
  using Shape = std::vector<std::int64_t>;

  void look();
  /// The shape of the kernel of the first layer in `attention` that there is; nullptr: none.
  [[nodiscard]] const Shape* find(std::string_view attention,
                                  std::initializer_list<std::string_view> layers) const;
  [[nodiscard]] ArrayAxes of_attention(std::string_view attention, std::string_view part) const;

  const checkpoint::Catalogue& catalogue_;
  bool looked_ = false;
  std::unordered_map<std::string, Shape> kernels_;  ///< of three dimensions, by layer
};

/// Of [kernel..., inputs, outputs]: Flax has one input for each output, Keras one output for each
/// input.
[[nodiscard]] bool is_depthwise_kernel(const Tensor& tensor);

}  // namespace wishart::model
