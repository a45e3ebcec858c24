/// @file
/// Tests of words, and of numbers of things in a sentence.

#include <array>

#include <catch2/catch.hpp>

#include "wishart/core/plural.hpp"
#include "wishart/core/words.hpp"

using namespace wishart;

TEST_CASE("a number is made of ASCII digits alone", "[words]") {
  CHECK(is_number("0"));
  CHECK(is_number("0123456789"));
  CHECK_FALSE(is_number(""));
  CHECK_FALSE(is_number("-1"));
  CHECK_FALSE(is_number("1.5"));
  CHECK_FALSE(is_number("1a"));
  CHECK_FALSE(is_number("\xD9\xA1"));  // ARABIC-INDIC DIGIT ONE
  CHECK_FALSE(is_digit('/'));
  CHECK_FALSE(is_digit(':'));
}

TEST_CASE("a word is looked for as a whole among others", "[words]") {
  constexpr std::array<std::string_view, 2> kWords{"up", "down"};
  CHECK(is_one_of("down", kWords));
  CHECK_FALSE(is_one_of("own", kWords));
  CHECK(is_one_of("up", {"gate", "up"}));
  CHECK_FALSE(is_one_of("", {"gate", "up"}));
  CHECK(contains("gate_up", "e_u"));
  CHECK_FALSE(contains("gate", "gate_up"));
}

TEST_CASE("only A to Z become small letters", "[words]") {
  CHECK(lower("AZ[@az09") == "az[@az09");
  CHECK(lower("\xC3\x84") == "\xC3\x84");  // A with diaeresis in UTF-8
}

TEST_CASE("nouns and verbs agree with their number", "[plural]") {
  CHECK(plural(1, "layer") + " " + is_are(1) == "1 layer is");
  CHECK(plural(0, "layer") + " " + is_are(0) == "0 layers are");
  CHECK(plural(2, "matrix", "matrices") + " " + has_have(2) == "2 matrices have");
  CHECK(has_have(1) == "has");
  CHECK(was_were(1) == "was");
  CHECK(was_were(3) == "were");
  CHECK(verb(1, "hold") == "holds");
  CHECK(verb(2, "hold") == "hold");
}
