#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/release.hpp"

using namespace wishart;

TEST_CASE("what is released keeps no memory", "[release]") {
  std::vector<int> values(1000);
  std::string text(1000, 'a');
  release(values);
  release(text);
  CHECK(values.capacity() == 0);
  CHECK(text.capacity() < 1000);
}
