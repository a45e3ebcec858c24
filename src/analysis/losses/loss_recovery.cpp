#include "losses/loss_recovery.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "losses/learning_rate.hpp"
#include "losses/loss_margins.hpp"

namespace wishart::analysis {
namespace {

/// Of a loss that has risen to more times its lowest, most is taken to be lost where the loss of a
/// guess is not known.
constexpr double kLost = 1.5;

/// The loss above which most of what had been learnt is lost: half the way to that of a guess.
double most_of(double low, const Trained& trained) {
  if (trained.classes <= 1) return kLost * low;
  const double guess = std::log(static_cast<double>(trained.classes));
  return (low + (trained.language ? kFrequencies : 1) * guess) / 2;
}

/// True if a tenth of the rise since the lowest is made good: less is a loss that levels off.
bool has_regained(const std::vector<double>& losses, std::size_t lowest) {
  constexpr double kRegained = 0.1;
  const double highest =
      *std::max_element(losses.begin() + static_cast<std::ptrdiff_t>(lowest), losses.end());
  return highest - losses.back() >= kRegained * (highest - losses[lowest]);
}

/// A rise that was one step, and a good part of which has been made good since, without a rise on
/// the way: other data, or a spike. Runs that diverge rise on, or stay where they are.
constexpr double kWellRegained = 0.25;
constexpr std::size_t kFallsSinceRise = 2;

}  // namespace

bool has_come_back(const AboveLowest& above, const Trained& trained) {
  const std::vector<double>& losses = above.losses;
  const std::size_t lowest = lowest_of(losses);
  const std::size_t last = losses.size() - 1;
  const auto highest = static_cast<std::size_t>(
      std::max_element(losses.begin() + static_cast<std::ptrdiff_t>(lowest), losses.end()) -
      losses.begin());
  if (highest + kFallsSinceRise > last) return false;
  // Up to the rise it was near its lowest.
  for (std::size_t i = lowest; i < highest; ++i) {
    if (losses[i] - losses[lowest] > kDiverged.at(losses[lowest], kNan)) return false;
  }
  for (std::size_t i = highest; i < last; ++i) {
    const bool early = i < highest + kFallsSinceRise;
    const double fall = losses[i] - losses[i + 1];
    if (early ? !(fall > kFallsOnce.at(losses[i], kNan)) : -fall > kRisesOnce.at(losses[i], kNan)) {
      return false;
    }
  }
  return losses[last] < most_of(losses[lowest], trained) &&
         losses[highest] - losses[last] >= kWellRegained * (losses[highest] - losses[lowest]);
}

std::string above_text(const AboveLowest& above) {
  const std::size_t lowest = lowest_of(above.losses);
  const double low = above.losses[lowest];
  const double now = above.losses.back();
  return "The " + above.name + " is " + figure(now) + ", " +
         // A share of what is not above zero says nothing.
         (low > 0 ? rounded(percent(now - low, low), 2) + " %" : figure(now - low)) +
         " above its lowest, " + figure(low) + " at " +
         printable(above.rows[above.at[lowest]].checkpoint);
}

bool recovers(const AboveLowest& above, const Trained& trained) {
  const std::size_t lowest = lowest_of(above.losses);
  if (!(above.losses.back() < most_of(above.losses[lowest], trained))) return false;
  if (falls_on(above.losses, kFallsInARow) && has_regained(above.losses, lowest)) return true;
  return is_warmed_again(above.rows, above.at[lowest]) &&
         (lowest + 2 == above.losses.size() || falls_on(above.losses, 1));
}

std::string recovery_text(const AboveLowest& above) {
  const std::vector<double>& losses = above.losses;
  std::size_t from = losses.size() - 1;
  while (from > 0 && losses[from - 1] > losses[from]) --from;
  std::string text = above_text(above);
  if (from + 1 < losses.size()) {
    text += ", but has fallen again since " + printable(above.rows[above.at[from]].checkpoint);
  }
  const std::string rate = rise_of_rate_text(above.rows, above.at[lowest_of(losses)]);
  return text + (rate.empty() ? ", as where a learning rate is warmed up again or the data change."
                              : ". " + rate);
}

}  // namespace wishart::analysis
