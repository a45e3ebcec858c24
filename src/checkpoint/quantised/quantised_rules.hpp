#pragma once

/// @file
/// Which tensors of a quantised model form a weight: applies the table of schemes.

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "quantised/declared.hpp"

namespace wishart::checkpoint {

/// The tensors of a checkpoint by name, and which of them have become parts of a weight.
class QuantisedParts {
public:
  QuantisedParts(const Catalogue& catalogue, const Declared& declared,
                 const HeaderEntries& entries);

  /// Nothing if there is no such tensor, or another weight has taken it.
  [[nodiscard]] const Tensor* find(const std::string& name) const;
  /// The same, taken as a part of a weight: it loses its name and its place in the catalogue.
  /// @throws Error if it does not exist; `weight` is for the message
  [[nodiscard]] Tensor take(const std::string& name, const std::string& weight);
  /// What is taken from now on can be given back together.
  void begin_weight() { recent_.clear(); }
  /// Undoes all `take` since `begin_weight`, and returns the names.
  [[nodiscard]] std::vector<std::string> give_back();
  [[nodiscard]] bool is_used(const std::string& name) const { return used_.contains(name); }
  [[nodiscard]] const Declared& declared() const noexcept { return *declared_; }
  [[nodiscard]] const JsonFacts& facts() const noexcept { return declared_->facts; }
  /// What a file says about a tensor beside its numbers: torchao's headers about a weight, pickles
  /// of hqq about codes.
  [[nodiscard]] JsonFacts header_of(const std::string& name) const;
  /// The bytes of a small tensor.
  [[nodiscard]] std::string bytes(const Tensor& tensor) const;
  [[noreturn]] void fail(const std::string& weight, const std::string& what) const;

private:
  const Catalogue* catalogue_;
  const Declared* declared_;
  std::unordered_map<std::string, const Tensor*> by_name_;
  std::unordered_map<std::string, std::string> headers_;
  std::unordered_set<std::string> used_;
  std::vector<std::string> recent_;
};

/// The weight that `tensor` identifies, or nothing. Each scheme is recognised by one characteristic
/// part: the scales or, where a scheme has them in a file of its own kind, the packed codes.
[[nodiscard]] std::optional<Tensor> assembled(QuantisedParts& parts, const Tensor& tensor);

}  // namespace wishart::checkpoint
