#pragma once

/// @file
/// Internal: roles that a name alone does not tell, but the other tensors of its module do.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/model/naming.hpp"

namespace wishart::model {

/// Looks at all names once, when it is first asked for a name that needs it.
class SiblingRoles {
public:
  explicit SiblingRoles(const checkpoint::Catalogue& catalogue) : catalogue_(catalogue) {}

  /// The role of `tensor`, which its name alone calls `naming.role`.
  [[nodiscard]] std::string role_of(const Tensor& tensor, const Naming& naming);

private:
  using Shape = std::vector<std::int64_t>;

  void look();
  /// The shape of the tensor `leaf` in the same module; nullptr: there is none.
  [[nodiscard]] const Shape* find(std::string_view module, std::string_view leaf) const;
  [[nodiscard]] bool has(std::string_view module, std::string_view leaf) const {
    return find(module, leaf) != nullptr;
  }
  [[nodiscard]] std::string_view part_of_litgpt(std::string_view module,
                                                std::string_view leaf) const;
  [[nodiscard]] std::string_view part_of_mlp(std::string_view module, std::string_view leaf) const;

  const checkpoint::Catalogue& catalogue_;
  bool looked_ = false;
  std::unordered_map<std::string, Shape> shapes_;  ///< by names without `.weight`
};

}  // namespace wishart::model
