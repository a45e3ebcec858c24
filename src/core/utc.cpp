#include "wishart/core/utc.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <ctime>
#include <system_error>

#include "wishart/core/words.hpp"

namespace wishart {
namespace {

constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";

/// @pre all characters are digits
int number_at(std::string_view text, std::size_t begin, std::size_t length) {
  int value = 0;
  std::from_chars(text.data() + begin, text.data() + begin + length, value);
  return value;
}

}  // namespace

std::optional<std::int64_t> utc_seconds(std::string_view text) {
  if (text.size() != kForm.size()) return {};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = is_digit(text[i]);
    if (kForm[i] == 'd' ? !digit : text[i] != kForm[i]) return {};
  }
  using namespace std::chrono;
  const year_month_day date{year(number_at(text, 0, 4)),
                            month(static_cast<unsigned>(number_at(text, 5, 2))),
                            day(static_cast<unsigned>(number_at(text, 8, 2)))};
  const int hour = number_at(text, 11, 2);
  const int minute = number_at(text, 14, 2);
  const int second = number_at(text, 17, 2);
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return {};
  const seconds time =
      sys_days(date).time_since_epoch() + hours(hour) + minutes(minute) + seconds(second);
  return time.count();
}

std::string utc_text(std::int64_t seconds) {
  constexpr std::int64_t kFirst = -62167219200;  // 0000-01-01T00:00:00Z
  constexpr std::int64_t kLast = 253402300799;   // 9999-12-31T23:59:59Z
  if (seconds < kFirst || seconds > kLast) return std::to_string(seconds);
  const std::time_t time = seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace wishart
