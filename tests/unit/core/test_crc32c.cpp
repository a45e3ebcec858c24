/// @file
/// CRC-32C and times in UTC.

#include <string>

#include <catch2/catch.hpp>

#include "wishart/core/crc32c.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/utc.hpp"

using namespace wishart;

TEST_CASE("CRC-32C has the values of RFC 3720", "[crc32c]") {
  // Appendix B.4; its bytes are those of the number, lowest first.
  std::string rising;
  std::string falling;
  for (char c = 0; c < 32; ++c) {
    rising += c;
    falling += static_cast<char>(31 - c);
  }
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43);
  CHECK(crc32c(rising) == 0x46dd794e);
  CHECK(crc32c(falling) == 0x113fdb5c);
  // The check value of the polynomial in the catalogue of parametrised CRC algorithms.
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c("") == 0);
}

TEST_CASE("a time in UTC is read as seconds, and nothing else is a time", "[utc]") {
  CHECK(utc_seconds("1970-01-01T00:00:00Z") == 0);
  CHECK(utc_seconds("2026-01-31T12:00:00Z") == 1769860800);  // date -u -d ... +%s
  CHECK(utc_seconds("2000-02-29T23:59:59Z") == 951868799);
  CHECK(utc_seconds(utc_now()).has_value());
  for (const char* text :
       {"", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z", "x026-01-31T12:00:00Z", "2026-01-31T12:00:00Z "}) {
    CAPTURE(text);
    CHECK_FALSE(utc_seconds(text).has_value());
  }
}
