/// @file
/// The change over all layers in sentences.

#include <algorithm>
#include <cmath>

#include "wishart/analysis/paired.hpp"
#include "wishart/core/text.hpp"

#include "words/layer_words.hpp"

namespace wishart::analysis {
namespace {

std::string figure(double value, int digits) {
  return std::isnan(value) ? "-" : rounded(value, digits);
}

/// `(95 %: 0.19 to 0.25)` of a rise or, with `falls`, of the size of a fall.
std::string interval_text(const PairedRow& row, bool falls) {
  const double from = falls ? -row.high : row.low;
  const double to = falls ? -row.low : row.high;
  return "(95 %: " + figure(from, 2) + " to " + figure(to, 2) + ")";
}

std::string sentence_of_one(const PairedRow& row) {
  const std::string verb = row.mean < 0 ? " fell" : " rose";
  return row.metric + verb + " in the only paired layer, by " + figure(std::abs(row.mean), 2) +
         ". A single layer has no interval.";
}

/// For a change whose interval does not contain 0.
std::string sentence_of_shared(const PairedRow& row) {
  const bool falls = row.mean < 0;
  const std::string by = " by " + figure(std::abs(row.mean), 2) + " on average ";
  const std::int64_t same_way = falls ? row.fell : row.rose;
  const std::string verb = row.metric + (falls ? " fell" : " rose");
  if (2 * same_way > row.pairs) {
    return verb + " in " + of_layers(same_way, row.pairs) + "," + by + interval_text(row, falls) +
           ".";
  }
  return verb + by + interval_text(row, falls) + ", but only in " + of_layers(same_way, row.pairs) +
         ": a few layers changed strongly.";
}

std::string sentence_of_mixed(const PairedRow& row) {
  const std::string counts = row.metric + " fell in " + std::to_string(row.fell) + " and rose in " +
                             of_layers(row.rose, row.pairs);
  const std::string mean = figure(row.mean, 2) + " " + interval_text(row, false);
  if (row.sign_p < 0.05) {
    return counts +
           ", more often in one direction than by chance (sign test: p = " + figure(row.sign_p, 2) +
           "). The interval of the mean change contains 0: " + mean + ".";
  }
  return counts + ". The mean change is " + mean + ": the layers have no common direction.";
}

}  // namespace

bool is_shared(const PairedRow& row) { return row.low > 0 || row.high < 0; }

std::string paired_sentence(const PairedRow& row) {
  if (row.pairs == 0) return "No layer has " + row.metric + " in both checkpoints.";
  if (row.tied == row.pairs) {
    return row.metric + " is the same in " +
           (row.pairs == 1 ? "the only paired layer." : "all " + layers_text(row.pairs) + ".");
  }
  if (row.pairs == 1) return sentence_of_one(row);
  std::string text = is_shared(row) ? sentence_of_shared(row) : sentence_of_mixed(row);
  if (row.fell + row.rose < kLeastForSignTest) {
    text += " With fewer than " + std::to_string(kLeastForSignTest) +
            " changed layers, the sign test cannot reach 5 %.";
  }
  return text;
}

const PairedRow* alpha_of_all(const std::vector<PairedRow>& rows) {
  const auto found = std::find_if(rows.begin(), rows.end(), [](const PairedRow& row) {
    return row.group_by == "all" && row.metric == "alpha";
  });
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace wishart::analysis
