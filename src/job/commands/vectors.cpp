#include "commands/vectors.hpp"

#include <cstdint>
#include <utility>

namespace wishart::job {
namespace {

/// No vector of a model is longer.
constexpr std::int64_t kMostElements = 1 << 20;

}  // namespace

bool is_vector(const Tensor& tensor) {
  return has_weights(tensor) && tensor.shape.size() == 1 && tensor.num_elements > 0 &&
         tensor.num_elements <= kMostElements;
}

std::unordered_map<std::string, const Tensor*> by_name(const checkpoint::Catalogue& catalogue) {
  std::unordered_map<std::string, const Tensor*> tensors;
  for (const Tensor& tensor : catalogue.tensors) tensors.emplace(tensor.name, &tensor);
  return tensors;
}

VectorReader::VectorReader(const checkpoint::Catalogue& catalogue, std::function<void()> check_stop)
    : reader_(checkpoint::make_reader(catalogue.root, catalogue.files)),
      check_stop_(std::move(check_stop)) {}

std::vector<double> VectorReader::values_of(const Tensor& tensor) const {
  check_stop_();
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  reader_->read_elements(tensor, 0, values);
  return values;
}

}  // namespace wishart::job
