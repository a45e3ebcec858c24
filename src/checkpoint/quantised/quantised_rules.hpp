#pragma once

/// @file
/// The schemes of quantised models: which names and shapes form a weight.

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "wishart/checkpoint/catalogue.hpp"

#include "text/json_facts.hpp"

namespace wishart::checkpoint {

/// The tensors of a checkpoint by name, and which of them have become parts of a weight.
class QuantisedParts {
public:
  QuantisedParts(const Catalogue& catalogue, const JsonFacts& facts);

  [[nodiscard]] const Tensor* find(const std::string& name) const;
  /// The same, taken as a part of a weight: it loses its name and its place in the catalogue.
  /// @throws Error if it does not exist; `weight` is for the message
  [[nodiscard]] Tensor take(const std::string& name, const std::string& weight);
  [[nodiscard]] bool is_used(const std::string& name) const { return used_.contains(name); }
  [[nodiscard]] const JsonFacts& facts() const noexcept { return *facts_; }
  /// The bytes of a small tensor.
  [[nodiscard]] std::string bytes(const Tensor& tensor) const;
  [[noreturn]] void fail(const std::string& weight, const std::string& what) const;

private:
  const Catalogue* catalogue_;
  const JsonFacts* facts_;
  std::unordered_map<std::string, const Tensor*> by_name_;
  std::unordered_set<std::string> used_;
};

/// The weight that `tensor` identifies, or nothing. Each scheme is recognised by one characteristic
/// part, such as the scales or the packed codes.
[[nodiscard]] std::optional<Tensor> assembled(QuantisedParts& parts, const Tensor& tensor);

}  // namespace wishart::checkpoint
