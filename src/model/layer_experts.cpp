#include "layer_experts.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace wishart::model {

bool stacks_along_rows(const Tensor& tensor, const Naming& naming, const ModelConfig& config) {
  const std::int64_t experts = config.num_experts.value_or(0);
  const bool of_all = naming.routed_experts && naming.expert < 0 && experts > 1 &&
                      naming.role.starts_with("expert.") && tensor.shape[0] % experts == 0;
  if (!of_all || config.model_type == "dbrx") return of_all;
  const std::int64_t width = tensor.shape[0] / experts;
  return tensor.name.find("experts.mlp.") != std::string::npos &&
         (width == config.intermediate_size || width == config.moe_intermediate_size);
}

bool is_grouped_mlp(const Tensor& tensor, const ModelConfig& config) {
  const std::string_view name = tensor.name;
  return tensor.shape.size() == 2 && config.num_experts.value_or(2) > 1 &&
         (name.ends_with("mlp.experts.weight1") || name.ends_with("mlp.experts.weight2"));
}

}  // namespace wishart::model
