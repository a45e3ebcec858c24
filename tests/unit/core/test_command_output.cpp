/// @file
/// Other programs: what they answer, and those that do not.

#include <chrono>

#include <catch2/catch.hpp>

#include "wishart/core/command_output.hpp"

#include "support/variable.hpp"

using namespace wishart;
using namespace std::chrono_literals;

TEST_CASE("both streams and the exit code are told apart", "[command]") {
  const auto answer = command_output({"sh", "-c", "echo one; echo two >&2; exit 3"}, 20s);
  REQUIRE(answer.has_value());
  CHECK(answer->out == "one\n");
  CHECK(answer->err == "two\n");
  CHECK(answer->exit_code == 3);
}

TEST_CASE("words reach the program as they are, without a shell", "[command]") {
  const auto answer = command_output({"printf", "%s|", "a b", "$HOME", "; false", ""}, 20s);
  REQUIRE(answer.has_value());
  CHECK(answer->out == "a b|$HOME|; false||");
}

TEST_CASE("a program that is not there has no answer", "[command][native]") {
  CHECK_FALSE(command_output({"/no/such/program"}, 20s).has_value());
}

TEST_CASE("a program that is not named or does not end has no answer", "[command]") {
  CHECK_FALSE(command_output({}, 20s).has_value());
  // Also if it has closed its streams, or if a program that it has started still holds them.
  for (const char* script :
       {"exec sleep 60", "exec >&- 2>&-; exec sleep 60", "sleep 60 & exit 0"}) {
    CAPTURE(script);
    const auto begin = std::chrono::steady_clock::now();
    CHECK_FALSE(command_output({"sh", "-c", script}, 200ms).has_value());
    CHECK(std::chrono::steady_clock::now() - begin < 30s);
  }
}

TEST_CASE("a signal that ends the program is told as shells do", "[command]") {
  const auto answer = command_output({"sh", "-c", "kill -TERM $$"}, 20s);
  REQUIRE(answer.has_value());
  CHECK(answer->exit_code == 128 + 15);
}

TEST_CASE("long output is cut, and does not block the program", "[command]") {
  const auto answer = command_output({"sh", "-c", "head -c 1000000 /dev/zero; exit 4"}, 20s);
  REQUIRE(answer.has_value());
  CHECK(answer->out.size() == 64 << 10);
  CHECK(answer->exit_code == 4);
}

TEST_CASE("settings change the environment of the program only", "[command]") {
  const test::Variable kept("WISHART_KEPT", "kept");
  const test::Variable changed("WISHART_CHANGED", "before");
  const test::Variable removed("WISHART_REMOVED", "before");
  const auto answer = command_output(
      {"sh", "-c", "echo ${WISHART_KEPT-none} ${WISHART_CHANGED-none} ${WISHART_REMOVED-none}"},
      20s, {"WISHART_CHANGED=after", "WISHART_REMOVED"});
  REQUIRE(answer.has_value());
  CHECK(answer->out == "kept after none\n");
  CHECK(std::string(std::getenv("WISHART_CHANGED")) == "before");
}
