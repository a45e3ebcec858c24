/// @file
/// Text helpers: untrusted control characters never reach a terminal; numbers read back; globs;
/// orders.

#include <cstdlib>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

using namespace wishart;

TEST_CASE("control characters and broken UTF-8 are shown, not sent", "[text]") {
  CHECK(printable("model.layers.0") == "model.layers.0");
  CHECK(printable("größe") == "größe");
  CHECK(printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(printable("a\nb\tc") == "a\\x0ab\\x09c");
  CHECK(printable(std::string("nul\0!", 5)) == "nul\\x00!");
  CHECK(printable("bad\xff\xc3(") == "bad\\xff\\xc3(");
  CHECK(printable("\xe2\x80\xae"
                  "evil") == "\\xe2\\x80\\xaeevil");
  // The Arabic letter mark reverses the text after it, as U+200F does. Arabic letters are kept.
  CHECK(printable("a\xd8\x9c"
                  "1") == "a\\xd8\\x9c1");
  CHECK(printable("\xd8\xa7\xd9\x84") == "\xd8\xa7\xd9\x84");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable(std::string(1000, 'x'), 10) == "xxxxxxxxxx...");
}

TEST_CASE("valid and invalid UTF-8 are told apart", "[text]") {
  CHECK(is_utf8("plain \xc3\xa9 \xf0\x9f\x98\x80"));
  CHECK_FALSE(is_utf8("\xc0\xaf"));          // overlong
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));      // a surrogate
  CHECK_FALSE(is_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(is_utf8("\xe2\x82"));          // cut short
}

TEST_CASE("JSON strings are escaped", "[text]") {
  CHECK(json_quoted("a\"b\\c\n") == "\"a\\\"b\\\\c\\u000a\"");
  // DEL, C1 controls (a terminal takes U+009B for the beginning of a sequence), line separators of
  // YAML 1.1, a byte order mark
  CHECK(json_quoted("\x7f\xC2\x9B\xE2\x80\xA8\xEF\xBB\xBF") == "\"\\u007f\\u009b\\u2028\\ufeff\"");
  CHECK(json_quoted("\xC2\xA0\xC3\xA4") == "\"\xC2\xA0\xC3\xA4\"");
  CHECK(json_quoted("\xff") == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("the shortest text of a double reads back as the same double", "[text]") {
  for (const double value : {0.1, 1.0 / 3, 1e300, 5e-324, -2.5, 123456789.0}) {
    CHECK(std::strtod(shortest(value).c_str(), nullptr) == value);
  }
  CHECK(shortest(std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(shortest(-std::numeric_limits<double>::infinity()) == "-inf");
  CHECK(rounded(3.14159, 3) == "3.14");
  CHECK(rounded(131.4, 2) == "130");
  CHECK(rounded(-1742.0, 3) == "-1740");
  CHECK(rounded(1e8, 2) == "1e+08");
}

TEST_CASE("sizes are read and written in powers of 1024", "[text]") {
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(std::int64_t{3} << 30U) == "3.0 GiB");
  CHECK(parse_bytes("8G", "--memory-per-rank") == std::int64_t{8} << 30U);
  CHECK(parse_bytes("512MiB", "x") == 512 << 20);
  CHECK(parse_bytes("1.5K", "x") == 1536);
  CHECK(parse_bytes("100", "x") == 100);
  for (const char* bad : {"", "G", "8X", "-1G", "0", "nan", "1e30G"}) {
    CHECK_THROWS_WITH(
        parse_bytes(bad, "--memory-per-rank"),
        "--memory-per-rank: expected a size such as 8G or 512M, found '" + std::string(bad) + "'");
  }
}

TEST_CASE("the nearest word is close, or there is none", "[text]") {
  const std::vector<std::string> keys{"archive", "method", "min-evals", "no-pool"};
  CHECK(nearest("archiv", keys) == "archive");
  CHECK(nearest("min_evals", keys) == "min-evals");
  CHECK(nearest("zzzzzzz", keys).empty());
}

TEST_CASE("globs match whole names", "[text]") {
  CHECK(glob_match("*", ""));
  CHECK(glob_match("*.mlp.*", "model.layers.1.mlp.up_proj.weight"));
  CHECK(glob_match("layer?", "layer1"));
  CHECK_FALSE(glob_match("layer?", "layer10"));
  CHECK_FALSE(glob_match("mlp", "model.mlp"));
  CHECK(glob_match("a*b*c", "aXXbYYbZZc"));
}

TEST_CASE("names are in natural order", "[text]") {
  CHECK(natural_less("layers.2.w", "layers.10.w"));
  CHECK_FALSE(natural_less("layers.10.w", "layers.2.w"));
  CHECK(natural_less("a", "b"));
  CHECK(natural_less("a", "a1"));
  CHECK(natural_less("x01", "x1") != natural_less("x1", "x01"));
  CHECK_FALSE(natural_less("same", "same"));
  CHECK(natural_less("n18446744073709551616", "n18446744073709551617"));
}

TEST_CASE("split and join are inverses", "[text]") {
  const std::vector<std::string> parts = split("a..b", '.');
  CHECK(parts == std::vector<std::string>{"a", "", "b"});
  CHECK(join(parts, ".") == "a..b");
}

TEST_CASE("the time is UTC in ISO 8601", "[text]") {
  CHECK(std::regex_match(utc_now(), std::regex("20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:"
                                               "[0-5][0-9]:[0-6][0-9]Z")));
}
