/// @file
/// Variables of the environment, and numbers in texts.

#include <cstdlib>

#include <catch2/catch.hpp>

#include "wishart/core/environment.hpp"
#include "wishart/core/whole_number.hpp"

using namespace wishart;

TEST_CASE("a variable that is not set is told from an empty one", "[environment]") {
  REQUIRE(::setenv("WISHART_TEST_VARIABLE", "", 1) == 0);
  CHECK(environment_variable("WISHART_TEST_VARIABLE") == "");
  CHECK(environment_number("WISHART_TEST_VARIABLE") == 0);
  REQUIRE(::setenv("WISHART_TEST_VARIABLE", "2048M", 1) == 0);
  CHECK(environment_variable("WISHART_TEST_VARIABLE") == "2048M");
  CHECK(environment_number("WISHART_TEST_VARIABLE") == 2048);
  REQUIRE(::unsetenv("WISHART_TEST_VARIABLE") == 0);
  CHECK_FALSE(environment_variable("WISHART_TEST_VARIABLE"));
  CHECK(environment_number("WISHART_TEST_VARIABLE") == 0);
}

TEST_CASE("a whole number is all of its text", "[whole_number]") {
  CHECK(whole_number("0") == 0);
  CHECK(whole_number("27") == 27);
  CHECK(whole_number("9223372036854775807") == 9223372036854775807);
  for (const char* other : {"", " 1", "1 ", "-1", "+1", "1.5", "0x1", "9223372036854775808"}) {
    CAPTURE(other);
    CHECK_FALSE(whole_number(other));
  }
}
