#pragma once

/// @file
/// Tensors of one dimension, of which no spectrum is taken: norms and biases.

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/checkpoint/element_reader.hpp"

namespace wishart::job {

/// True for one that has elements, and no more than a vector of a model may have: a stranger's file
/// may say anything.
[[nodiscard]] bool is_vector(const Tensor& tensor);

/// The tensors of a checkpoint, by their names.
[[nodiscard]] std::unordered_map<std::string, const Tensor*> by_name(
    const checkpoint::Catalogue& catalogue);

/// Reads the vectors of a checkpoint.
class VectorReader {
public:
  /// @param check_stop  asked before each is read; may throw
  VectorReader(const checkpoint::Catalogue& catalogue, std::function<void()> check_stop);

  /// @pre is_vector(tensor), which is of this checkpoint
  /// @throws Error with Blame::input if it cannot be read
  [[nodiscard]] std::vector<double> values_of(const Tensor& tensor) const;

private:
  std::unique_ptr<checkpoint::ElementReader> reader_;
  std::function<void()> check_stop_;
};

}  // namespace wishart::job
