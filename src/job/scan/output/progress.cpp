#include "scan/output/progress.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <utility>

#include "wishart/core/seconds.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/json_schema.hpp"

namespace wishart::job {
namespace {

constexpr double kTerminalSeconds = 0.2;  ///< between two updates on a terminal
constexpr double kPlainSeconds = 10.0;    ///< between lines; later a tenth of the elapsed time
constexpr double kLongestSeconds = 120;   ///< a log that is silent for longer makes people worry

}  // namespace

std::string clock_text(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
  std::array<char, 48> text{};
  if (total >= 3600) {
    std::snprintf(text.data(), text.size(), "%lld:%02lld:%02lld",
                  static_cast<long long>(total / 3600), static_cast<long long>(total / 60 % 60),
                  static_cast<long long>(total % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%lld:%02lld", static_cast<long long>(total / 60),
                  static_cast<long long>(total % 60));
  }
  return text.data();
}

bool is_log(ProgressStyle style, bool terminal) noexcept {
  return style == ProgressStyle::plain || (style == ProgressStyle::automatic && !terminal);
}

std::string log_line(const std::string& text) { return utc_now() + " " + text + "\n"; }

Progress::Progress(std::ostream& out, ProgressStyle style, bool terminal, std::string checkpoint,
                   Work total, Work before, std::function<double()> elapsed)
    : out_(&out),
      style_(style),
      checkpoint_(std::move(checkpoint)),
      total_(total),
      before_(before),
      done_(before),
      elapsed_(std::move(elapsed)),
      start_(std::chrono::steady_clock::now()) {
  if (style_ == ProgressStyle::automatic) {
    rewrite_ = terminal;
    style_ = ProgressStyle::plain;
  }
  next_show_seconds_ = rewrite_ ? 0 : kPlainSeconds;
}

double Progress::elapsed_seconds() const { return elapsed_ ? elapsed_() : seconds_since(start_); }

void Progress::finished(double flops) {
  ++done_.matrices;
  done_.flops += flops;
  changed_ = true;
}

void Progress::show_if_due() {
  if (style_ == ProgressStyle::none) return;
  const double now = elapsed_seconds();
  if (now < next_show_seconds_) return;
  show();
  next_show_seconds_ =
      now + (rewrite_ ? kTerminalSeconds : std::clamp(now / 10, kPlainSeconds, kLongestSeconds));
}

void Progress::end() {
  if (style_ == ProgressStyle::none) return;
  if (changed_ || rewrite_) show();
  if (rewrite_) *out_ << '\n' << std::flush;
}

void Progress::show() {
  const bool changed = std::exchange(changed_, false);
  const double share = total_.flops > 0 ? done_.flops / total_.flops : 1.0;
  const double elapsed = elapsed_seconds();
  // Only this run tells the speed.
  const double own_flops = done_.flops - before_.flops;
  double left = total_.flops > done_.flops ? -1 : 0;
  if (own_flops > 0) left = elapsed / own_flops * std::max(0.0, total_.flops - done_.flops);
  if (style_ == ProgressStyle::json) {
    *out_ << report::json_opening(report::kProgressSchema)
          << ", \"checkpoint\": " << json_quoted(checkpoint_) << ", \"done\": " << done_.matrices
          << ", \"total\": " << total_.matrices << ", \"share\": " << rounded(share, 6)
          << ", \"elapsed_seconds\": " << rounded(elapsed, 6)
          << ", \"left_seconds\": " << (left < 0 ? "null" : rounded(left, 6)) << "}\n"
          << std::flush;
    return;
  }
  // For people, what is left to this run is all of it.
  const std::int64_t own_matrices = done_.matrices - before_.matrices;
  const std::int64_t all_matrices = total_.matrices - before_.matrices;
  const double all_flops = total_.flops - before_.flops;
  std::array<char, 16> percent{};
  std::snprintf(percent.data(), percent.size(), "%3.0f%%",
                all_flops > 0 ? 100 * own_flops / all_flops : 100.0);
  std::string text = printable(checkpoint_, 60) + ": " + std::to_string(own_matrices) + " of " +
                     std::to_string(all_matrices) + " matrices, " + percent.data() +
                     " of the work, " + clock_text(elapsed) + " elapsed";
  if (left >= 0 && done_.matrices < total_.matrices)
    text += ", about " + clock_text(left) + " left";
  if (rewrite_) {
    *out_ << "\r\x1b[K" << text << std::flush;
    return;
  }
  if (before_.matrices > 0) {
    text += "; " + std::to_string(before_.matrices) + " of " + std::to_string(total_.matrices) +
            " were done before";
  }
  if (!changed && present_) {
    if (const std::string present = present_(); !present.empty()) text += "; " + present;
  }
  *out_ << log_line(text) << std::flush;
}

}  // namespace wishart::job
