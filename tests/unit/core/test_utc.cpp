/// @file
/// Times in UTC as texts, and back.

#include <catch2/catch.hpp>

#include "wishart/core/utc.hpp"

using namespace wishart;

TEST_CASE("seconds become a time in UTC, from which they are read again", "[utc]") {
  CHECK(utc_text(0) == "1970-01-01T00:00:00Z");
  CHECK(utc_text(1769860800) == "2026-01-31T12:00:00Z");
  for (const std::int64_t seconds : {-1LL, 0LL, 951782400LL, 1769860800LL, 253402300799LL}) {
    CHECK(utc_seconds(utc_text(seconds)) == seconds);
  }
}

TEST_CASE("a time beyond four digits for the year is a number", "[utc]") {
  CHECK(utc_text(253402300800) == "253402300800");
  CHECK(utc_text(-62167219201) == "-62167219201");
}
