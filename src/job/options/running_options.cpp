#include "options/running_options.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::job {
namespace {

/// Longer waits are mistyped, and would not fit into the clocks.
constexpr double kMostSeconds = 1e9;

/// 90, 90s, 15m, 2h, 1:30 (hours and minutes) or 1:30:00 in seconds; nothing for any other text.
std::optional<double> duration_of(const std::string& text) {
  const auto number = [](const std::string& part) -> std::optional<double> {
    double value = -1;
    const char* const last = part.data() + part.size();
    const auto [end, status] = std::from_chars(part.data(), last, value, std::chars_format::fixed);
    if (status != std::errc{} || end != last || !(value >= 0) || !std::isfinite(value)) return {};
    return value;
  };
  const std::vector<std::string> parts = split(text, ':');
  if (text.empty() || parts.size() > 3) return {};
  if (parts.size() > 1) {
    double seconds = 0;
    double unit = 3600;
    for (const std::string& part : parts) {
      const auto value = number(part);
      if (!value) return {};
      seconds += unit * *value;
      unit /= 60;
    }
    return seconds;
  }
  const std::string head = text.substr(0, text.size() - 1);
  double unit = 0;
  if (text.back() == 's') unit = 1;
  if (text.back() == 'm') unit = 60;
  if (text.back() == 'h') unit = 3600;
  const auto value = number(unit > 0 ? head : text);
  return value ? std::optional(*value * std::max(unit, 1.0)) : std::nullopt;
}

/// False for days such as the 30th of February, which the C library takes for one in March.
bool is_in_calendar(const std::tm& parts) {
  namespace chrono = std::chrono;
  return chrono::year_month_day{chrono::year(parts.tm_year + 1900),
                                chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                chrono::day(static_cast<unsigned>(parts.tm_mday))}
      .ok();
}

/// Seconds since 1970 of `2026-01-31T06:00`, with or without seconds: local time, or UTC with a Z.
std::optional<std::int64_t> moment_of(std::string text) {
  const bool utc = text.ends_with('Z');
  if (utc) text.pop_back();
  for (const char* form : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"}) {
    std::tm parts{};
    const char* const end = ::strptime(text.c_str(), form, &parts);
    if (end == nullptr || *end != '\0' || !is_in_calendar(parts)) continue;
    parts.tm_isdst = -1;
    const std::time_t seconds = utc ? ::timegm(&parts) : std::mktime(&parts);
    if (seconds > 0) return seconds;
  }
  return {};
}

void take_until(ScanOptions& options, const std::string& text) {
  options.until_is_told = true;
  if (text == "none") return;
  if (const auto duration = duration_of(text); duration && *duration <= kMostSeconds) {
    options.until_seconds = std::time(nullptr) + static_cast<std::int64_t>(*duration);
  } else if (const auto moment = moment_of(text)) {
    options.until_seconds = *moment;
  } else {
    throw Error(Blame::usage,
                "--until: expected a moment such as 2026-01-31T06:00, a time from now such as 2h, "
                "or none; found '" +
                    printable(text) + "'");
  }
}

}  // namespace

double seconds_of(const char* option, const std::string& text) {
  const std::optional<double> seconds = duration_of(text);
  if (seconds && *seconds <= kMostSeconds) return *seconds;
  throw Error(Blame::usage, "--" + std::string(option) +
                                ": expected a time such as 45m, 2h or 1:30:00, found '" +
                                printable(text) + "'");
}

void add_wait_option(po::options_description& options) {
  options.add_options()("wait-for-lock", po::value<std::string>()->value_name("TIME"),
                        "how long to wait for checkpoints that another job is working on, e.g. 10m "
                        "(default: not at all)");
}

double wait_seconds_of(const po::variables_map& values) {
  if (values.count("wait-for-lock") == 0) return 0;
  return seconds_of("wait-for-lock", values["wait-for-lock"].as<std::string>());
}

void add_running_options(po::options_description& options) {
  options.add_options()(
      "time-limit", po::value<std::string>()->value_name("TIME"),
      "stop after this time with exit code 75, e.g. 45m, 2h, 1:30:00 or 600 (seconds); the same "
      "command resumes")(
      "until", po::value<std::string>()->value_name("WHEN"),
      "the end of the job: begin no matrix that is expected to end later. A moment "
      "(2026-01-31T06:00), a time from now (2h), or none (default: what Slurm says)");
  add_wait_option(options);
  options.add_options()("stage-dir", po::value<std::string>()->value_name("DIR"),
                        "copy the files of the checkpoint to this folder of each host first, such "
                        "as a local disk, and remove them afterwards");
  options.add_options()("progress",
                        po::value<std::string>()->default_value("auto")->value_name("STYLE"),
                        "progress on standard error: auto, plain, json or none");
}

void take_running_options(ScanOptions& options, const po::variables_map& values) {
  if (values.count("time-limit") > 0) {
    options.time_limit_seconds = seconds_of("time-limit", values["time-limit"].as<std::string>());
  }
  if (values.count("until") > 0) take_until(options, values["until"].as<std::string>());
  options.wait_for_lock_seconds = wait_seconds_of(values);
  if (values.count("stage-dir") > 0) options.stage_dir = values["stage-dir"].as<std::string>();
  options.progress = choice<ProgressStyle>("--progress", values["progress"].as<std::string>(),
                                           {{"auto", ProgressStyle::automatic},
                                            {"plain", ProgressStyle::plain},
                                            {"json", ProgressStyle::json},
                                            {"none", ProgressStyle::none}});
}

}  // namespace wishart::job
