/// @file
/// Words of a command to run.

#include <catch2/catch.hpp>

#include "options/shell_word.hpp"

using wishart::job::shell_word;

TEST_CASE("a word means to a shell what it says", "[shell_word]") {
  CHECK(shell_word("runs/my-run_2.h5") == "runs/my-run_2.h5");
  CHECK(shell_word("my run") == "'my run'");
  CHECK(shell_word("$(id)") == "'$(id)'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("~a;b&c|d") == "'~a;b&c|d'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("a\x1b[31m") == "'a\\x1b[31m'");
}
