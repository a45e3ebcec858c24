/// @file
/// What the ranks are working on, and since when.

#include <catch2/catch.hpp>

#include "scan/ranks/under_way.hpp"

using namespace wishart::job;
using namespace std::chrono_literals;

TEST_CASE("the work that began first is named, with its time and how many others there are",
          "[under_way]") {
  const UnderWay::Time start{};
  UnderWay work;
  CHECK_FALSE(work.oldest(start).has_value());
  work.handed_out({{7, 8}, 3}, 10, start);
  work.handed_out({{1}, 4}, 100, start + 2s);
  auto oldest = work.oldest(start + 5s);
  REQUIRE(oldest.has_value());
  CHECK(oldest->item == 7);
  CHECK(oldest->team == 3);
  CHECK(oldest->seconds == 5);
  CHECK(oldest->others == 1);
  work.returned({{7, 8}, 3}, start + 6s);
  oldest = work.oldest(start + 9s);
  REQUIRE(oldest.has_value());
  CHECK(oldest->item == 1);
  CHECK(oldest->seconds == 7);
  CHECK(oldest->others == 0);
}

TEST_CASE("work that was assigned ahead begins when the team has done what it had", "[under_way]") {
  const UnderWay::Time start{};
  UnderWay work;
  work.handed_out({{1}, 0}, 10, start);
  CHECK(work.busy_seconds(0, start + 4s) == 6);
  CHECK(work.busy_seconds(1, start) == 0);
  work.handed_out({{2}, 0}, 3, start + 4s);
  CHECK(work.busy_seconds(0, start + 4s) == 9);
  CHECK(work.busy_seconds(0, start + 30s) == 3);  // the first takes longer than expected
  work.returned({{1}, 0}, start + 30s);
  CHECK(work.oldest(start + 31s)->item == 2);
  CHECK(work.oldest(start + 31s)->seconds == 1);
  CHECK(work.busy_seconds(0, start + 31s) == 2);
  work.returned({{2}, 0}, start + 33s);
  CHECK(work.busy_seconds(0, start + 33s) == 0);
}
