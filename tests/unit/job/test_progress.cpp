/// @file
/// The progress of a scan: plain lines, a line that is rewritten, JSON, nothing.

#include <regex>
#include <sstream>

#include <catch2/catch.hpp>

#include "scan/output/progress.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

/// What is written over three matrices of 1, 1 and 2 flop, the first two finished, then the last.
std::string written(ProgressStyle style, bool terminal, const std::string& checkpoint = "step-1") {
  std::ostringstream out;
  Progress progress(out, style, terminal, checkpoint, {3, 4});
  progress.show_if_due();
  progress.finished(1);
  progress.show_if_due();
  progress.finished(1);
  progress.finished(2);
  progress.end();
  return out.str();
}

/// Lines of a log without their times.
std::string without_times(const std::string& text) {
  static const std::regex time("(^|\n)20..-..-..T..:..:..Z ");
  return std::regex_replace(text, time, "$1");
}

}  // namespace

TEST_CASE("times are shown as a clock shows them", "[progress]") {
  CHECK(clock_text(0) == "0:00");
  CHECK(clock_text(75) == "1:15");
  CHECK(clock_text(59.6) == "1:00");
  CHECK(clock_text(3599) == "59:59");
  CHECK(clock_text(4000) == "1:06:40");
  CHECK(clock_text(360000) == "100:00:00");
  CHECK(clock_text(-3) == "0:00");
}

TEST_CASE("plain progress is whole lines, the last one at the end", "[progress]") {
  // The first line is due after ten seconds.
  const std::string line = "step-1: 3 of 3 matrices, 100% of the work, 0:00 elapsed\n";
  for (const bool terminal : {false, true}) {
    CHECK(without_times(written(ProgressStyle::plain, terminal)) == line);
    CHECK(written(ProgressStyle::plain, terminal) != line);
  }
  CHECK(without_times(written(ProgressStyle::automatic, false)) == line);
}

TEST_CASE("without a terminal nothing moves the cursor", "[progress]") {
  for (const ProgressStyle style :
       {ProgressStyle::automatic, ProgressStyle::plain, ProgressStyle::json}) {
    const std::string text = written(style, false, "\x1b[2J\nx\r");
    CHECK(text.find('\x1b') == std::string::npos);
    CHECK(text.find('\r') == std::string::npos);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  }
  CHECK(without_times(written(ProgressStyle::plain, false, "\x1b[2J")).find("\\x1b[2J: 3 of 3") ==
        0);
}

TEST_CASE("on a terminal one line is rewritten and ended at the end", "[progress]") {
  const std::string text = written(ProgressStyle::automatic, true);
  CHECK(text.find("\r\x1b[Kstep-1: 0 of 3 matrices,   0% of the work, 0:00 elapsed") == 0);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(text.ends_with("\r\x1b[Kstep-1: 3 of 3 matrices, 100% of the work, 0:00 elapsed\n"));
}

TEST_CASE("JSON progress is an object a line", "[progress]") {
  const std::string text = written(ProgressStyle::json, true, "a\"b");
  INFO(text);
  CHECK(std::regex_match(text,
                         std::regex("\\{\"schema\": \"wishart/progress/1\", \"checkpoint\": "
                                    "\"a\\\\\"b\", \"done\": 3, \"total\": 3, \"share\": 1, "
                                    "\"elapsed_seconds\": [-0-9.e]+, \"left_seconds\": 0\\}\n")));
}

TEST_CASE("a resumed scan counts what is left to it, and tells what was done before",
          "[progress]") {
  std::ostringstream out;
  Progress progress(out, ProgressStyle::plain, false, "step-1", {23, 100}, {2, 50});
  progress.finished(25);
  progress.end();
  CHECK(without_times(out.str()) ==
        "step-1: 1 of 21 matrices,  50% of the work, 0:00 elapsed, about 0:00 left; 2 of 23 were "
        "done "
        "before\n");
}

TEST_CASE("no progress is no output", "[progress]") {
  CHECK(written(ProgressStyle::none, false).empty());
  CHECK(written(ProgressStyle::none, true).empty());
}

TEST_CASE("the share counts work, not matrices, and the time left is told until all is done",
          "[progress]") {
  std::ostringstream out;
  Progress progress(out, ProgressStyle::plain, false, "x", {10, 200});
  progress.finished(50);
  progress.end();
  CHECK(without_times(out.str()) ==
        "x: 1 of 10 matrices,  25% of the work, 0:00 elapsed, about 0:00 left\n");
}

TEST_CASE("before anything is done the time left is not known", "[progress]") {
  std::ostringstream plain;
  Progress(plain, ProgressStyle::plain, false, "x", {10, 200}).end();
  CHECK(without_times(plain.str()) == "x: 0 of 10 matrices,   0% of the work, 0:00 elapsed\n");
  std::ostringstream json;
  Progress(json, ProgressStyle::json, false, "x", {10, 200}).end();
  CHECK(json.str().find("\"left_seconds\": null}") != std::string::npos);
}

TEST_CASE("a job without work is done", "[progress]") {
  std::ostringstream out;
  Progress(out, ProgressStyle::plain, false, "x", {0, 0}).end();
  CHECK(without_times(out.str()) == "x: 0 of 0 matrices, 100% of the work, 0:00 elapsed\n");
}

TEST_CASE("a log is never silent for long, and says what is being computed", "[progress]") {
  std::ostringstream out;
  double now = 0;
  Progress progress(out, ProgressStyle::plain, false, "x", {2, 200}, {}, [&] { return now; });
  progress.set_present(
      [] { return std::string("computing a.weight (9 x 8) on 4 ranks for 0:09"); });
  std::vector<double> shown;
  for (; now < 4000; ++now) {
    const std::size_t before = out.str().size();
    if (now == 25) progress.finished(100);
    progress.show_if_due();
    if (out.str().size() > before) shown.push_back(now);
  }
  REQUIRE(shown.size() > 3);
  CHECK(std::vector<double>(shown.begin(), shown.begin() + 4) ==
        std::vector<double>{10, 20, 30, 40});
  for (std::size_t i = 1; i < shown.size(); ++i) CHECK(shown[i] - shown[i - 1] <= 121);
  CHECK(shown.back() > 3800);
  CHECK(without_times(out.str()).find(
            "x: 0 of 2 matrices,   0% of the work, 0:10 elapsed\n"
            "x: 0 of 2 matrices,   0% of the work, 0:20 elapsed; computing a.weight (9 x 8) "
            "on 4 ranks for 0:09\n"
            "x: 1 of 2 matrices,  50% of the work, 0:30 elapsed, about 0:30 left\n"
            "x: 1 of 2 matrices,  50% of the work, 0:40 elapsed, about 0:40 left; computing "
            "a.weight") == 0);
}

TEST_CASE("a log is for people, and not on a terminal that is rewritten", "[progress]") {
  CHECK(is_log(ProgressStyle::plain, true));
  CHECK(is_log(ProgressStyle::plain, false));
  CHECK(is_log(ProgressStyle::automatic, false));
  CHECK_FALSE(is_log(ProgressStyle::automatic, true));
  CHECK_FALSE(is_log(ProgressStyle::json, false));
  CHECK_FALSE(is_log(ProgressStyle::none, false));
}
