#pragma once

/// @file
/// Names with what they must be read as.

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/model/naming.hpp"

namespace wishart::test {

using Shape = std::vector<std::int64_t>;

/// What a name must be read as. Shapes are shortened: only the number of dimensions matters here.
struct Expected {
  const char* name;
  const char* role;
  const char* stack = "";
  std::int64_t block = -1;
  std::int64_t expert = -1;
  Shape shape = {64, 32};
};

inline void check(const std::vector<Expected>& table, const ModelConfig& config = {}) {
  for (const Expected& expected : table) {
    const model::Naming naming = model::naming_of(expected.name, expected.shape, config);
    CAPTURE(expected.name);
    CHECK(naming.role == expected.role);
    CHECK(naming.stack == expected.stack);
    CHECK(naming.block == expected.block);
    CHECK(naming.expert == expected.expert);
    CHECK_FALSE(naming.normalization);
    CHECK_FALSE(naming.not_a_map);
    CHECK_FALSE(naming.bias);
  }
}

inline ModelConfig config_of(const std::string& model_type, std::int64_t experts = 0) {
  ModelConfig config;
  config.model_type = model_type;
  if (experts > 0) config.num_experts = experts;
  return config;
}

}  // namespace wishart::test
