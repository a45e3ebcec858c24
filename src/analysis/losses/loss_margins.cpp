#include "losses/loss_margins.hpp"

#include <algorithm>

#include "wishart/analysis/trend.hpp"

#include "statistics/student.hpp"

namespace wishart::analysis {

Slope slope_of(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() == 2) return {x[1] > x[0] ? (y[1] - y[0]) / (x[1] - x[0]) : kNan, 0};
  const Trend trend = trend_of(x, y);
  if (!std::isfinite(trend.slope)) return {};
  return {trend.slope, (trend.high - trend.slope) / student95(trend.count - 2)};
}

std::size_t lowest_of(const std::vector<double>& losses) {
  return static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) - losses.begin());
}

bool rises(const std::vector<double>& losses, double start) {
  const std::size_t lowest = lowest_of(losses);
  const std::size_t last = losses.size() - 1;
  const double low = losses[lowest];
  std::size_t above = 0;  // checkpoints at the end that are all above the lowest
  while (above < last - lowest && losses[last - above] - low > kRises.at(low, start)) ++above;
  const Margin& margin = above >= 2 ? kRises : kRisesOnce;
  return losses[last] - low > margin.at(low, start);
}

std::string other_scale_text(const std::string& the_loss, const std::vector<double>& losses,
                             const HistoryRow& first, std::int64_t classes) {
  // So many times a guess is no new model in nats, but a sum over predictions or steps, or bits. Or
  // the weights began far too large.
  constexpr double kFar = 1.2;
  constexpr double kFell = 0.1;
  if (classes <= 1) return {};
  const double guess = std::log(static_cast<double>(classes));
  const double begin = losses.front();
  const double low = losses[lowest_of(losses)];
  const bool fell = begin - low > kFell * begin;
  const bool unseen = first.step != 0 && low > kFar * guess;
  if (!(begin > kFar * guess) || !(fell || unseen)) return {};
  return the_loss + " was " + figure(begin) + " at " + printable(first.checkpoint) + " and is " +
         figure(losses.back()) + ", where a guess among " + std::to_string(classes) + " has " +
         figure(guess) + ": it may be a sum or of another unit, so what is learnt is not known.";
}

bool never_rises(const std::vector<double>& losses) {
  double lowest = losses.front();
  for (const double loss : losses) {
    if (loss - lowest > kFallsOnce.at(lowest, kNan)) return false;
    lowest = std::min(lowest, loss);
  }
  return true;
}

bool falls_on(const std::vector<double>& losses, std::size_t times) {
  const std::size_t last = losses.size() - 1;
  for (std::size_t i = last; i > 0 && i + times > last; --i) {
    if (!(losses[i - 1] - losses[i] > kFallsOnce.at(losses[i], kNan))) return false;
  }
  return last > 0;
}

}  // namespace wishart::analysis
