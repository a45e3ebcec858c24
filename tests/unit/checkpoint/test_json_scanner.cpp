/// @file
/// The JSON parser: what it accepts, what it refuses, and its messages.

#include <cmath>

#include <catch2/catch.hpp>

#include "support.hpp"
#include "text/json_scanner.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;

namespace {

std::string refusal(std::string_view text, JsonDialect dialect = JsonDialect::strict) {
  return error_of([&] {
    JsonScanner scanner(text, "F", dialect);
    scanner.skip_value();
    scanner.finish();
  });
}

std::string read_string(std::string_view text) {
  JsonScanner scanner(text, "F", JsonDialect::strict);
  return scanner.read_string();
}

}  // namespace

TEST_CASE("the JSON of RFC 8259 is accepted", "[checkpoint][json]") {
  const std::string good =
      GENERATE(as<std::string>(), "{}", " [ ] ", "\t\r\n{\"a\" : [1 , -2.5e+7]}", "0", "-0", "1E5",
               "true", "false", "null", R"("\u00e9\\\"\/")", "[[[]],{\"a\":{\"a\":1}}]");
  CHECK(refusal(good) == "nothing was thrown");
}

TEST_CASE("what is not JSON is refused with its byte", "[checkpoint][json]") {
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "F: byte 0: expected a value, found the end"},
      {"{", "F: byte 1: expected a string, found the end"},
      {"{\"a\"}", "F: byte 4: expected ':', found '}'"},
      {"{\"a\":1,}", "F: byte 7: expected a string, found '}'"},
      {"{\"a\":1 \"b\":2}", "F: byte 7: expected ',' or '}', found '\"'"},
      {"[1,]", "F: byte 3: expected a value, found ']'"},
      {"[1}", "F: byte 2: expected ',' or ']', found '}'"},
      {"{} x", "F: byte 3: expected the end, found 'x'"},
      {"{}\0"s, "F: byte 2: expected the end, found '\\x00'"},
      {"\xEF\xBB\xBF{}", "F: byte 0: expected a value, found '\\xef'"},
      {"\xFF{}", "F: expected JSON in UTF-8, found bytes that are not UTF-8"},
      {"\"a", "F: byte 2: expected the closing quote of a string, found the end"},
      {"\"a\nb\"", "F: byte 2: expected a string, found the control character '\\x0a'"},
      {"\"\\x\"", "F: byte 2: expected an escape after '\\', found 'x'"},
      {"\"\\u12g4\"", "F: byte 3: expected four hexadecimal digits, found '1'"},
      {"\"\\ud800\"", "F: byte 7: expected a pair of surrogates, found half of one"},
      {"\"\\ud800\\u0041\"", "F: byte 13: expected a pair of surrogates, found half of one"},
      {"\"\\udc00\"", "F: byte 7: expected a pair of surrogates, found half of one"},
      {"01", "F: byte 1: expected the end, found '1'"},
      {"1.", "F: byte 2: expected a digit, found the end"},
      {"-", "F: byte 1: expected a digit, found the end"},
      {"1e", "F: byte 2: expected a digit, found the end"},
      {".5", "F: byte 0: expected a value, found '.'"},
      {"+1", "F: byte 0: expected a value, found '+'"},
      {"NaN", "F: byte 0: expected a value, found 'N'"},
      {"-Infinity", "F: byte 1: expected a digit, found 'I'"},
      {"tru", "F: byte 0: expected a value, found 't'"},
      {"'a'", "F: byte 0: expected a value, found '''"},
  };
  for (const auto& [text, message] : cases) {
    CAPTURE(text);
    CHECK(refusal(text) == message);
  }
}

TEST_CASE("nesting is bounded", "[checkpoint][json]") {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  CHECK(refusal(nested(200)) == "nothing was thrown");
  CHECK(refusal(nested(201)) == "F: byte 200: expected at most 200 levels of nesting, found more");
  CHECK(refusal(std::string(5'000'000, '[')) ==
        "F: byte 200: expected at most 200 levels of nesting, found more");
}

TEST_CASE("escapes become UTF-8", "[checkpoint][json]") {
  CHECK(read_string(R"("a\u0041\u00e9\u20ac\ud83d\ude00\n\t\"\\\/")") ==
        "aA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\n\t\"\\/");
  CHECK(read_string(R"("\u0000")") == std::string(1, '\0'));
}

TEST_CASE("a size is a plain integer of 63 bits", "[checkpoint][json]") {
  const auto size = [](std::string_view text) {
    JsonScanner scanner(text, "F", JsonDialect::strict);
    return scanner.read_size();
  };
  CHECK(size("0") == 0);
  CHECK(size("9223372036854775807") == 9223372036854775807);
  const std::string bad = GENERATE(as<std::string>(), "-1", "-0", "1.0", "1e3",
                                   "9223372036854775808", "18446744073709551616");
  CHECK(error_of([&] { static_cast<void>(size(bad)); }) ==
        "F: byte 0: expected an integer from 0 to 9223372036854775807, found " + bad);
}

TEST_CASE("Python's bare numbers are read where Python is the writer", "[checkpoint][json]") {
  const std::string text = "\xEF\xBB\xBF[NaN,Infinity,-Infinity,-1.5,\"NaN\",1e999]";
  JsonScanner scanner(text, "F", JsonDialect::python);
  std::vector<double> values;
  scanner.read_array([&] {
    if (scanner.peek() == JsonScanner::Kind::number) {
      values.push_back(number_value(scanner.read_number()));
    } else {
      CHECK(scanner.read_string() == "NaN");
    }
  });
  scanner.finish();
  REQUIRE(values.size() == 5);
  CHECK(std::isnan(values[0]));
  CHECK(values[1] == HUGE_VAL);
  CHECK(values[2] == -HUGE_VAL);
  CHECK(values[3] == -1.5);
  CHECK(std::isnan(values[4]));
  CHECK(refusal("Nan", JsonDialect::python) == "F: byte 0: expected a value, found 'N'");
}
