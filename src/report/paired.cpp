#include "paired.hpp"

#include <algorithm>
#include <cmath>

#include "text/numbers.hpp"

namespace wishart::report {
namespace {

using analysis::PairedRow;

std::string of_layers(std::int64_t count, std::int64_t pairs) {
  return std::to_string(count) + " of " + plural(pairs, "layer");
}

/// `(95 %: 0.19 to 0.25)` of a rise or, with `falls`, of the size of a fall.
std::string interval_text(const PairedRow& row, bool falls) {
  const double from = falls ? -row.high : row.low;
  const double to = falls ? -row.low : row.high;
  return "(95 %: " + number(from, 2) + " to " + number(to, 2) + ")";
}

std::string sentence_of_one(const PairedRow& row) {
  const std::string verb = row.mean < 0 ? " fell" : " rose";
  return row.metric + verb + " in the only paired layer, by " + number(std::abs(row.mean), 2) +
         ". A single layer has no interval.";
}

/// For a change whose interval does not contain 0.
std::string sentence_of_shared(const PairedRow& row) {
  const bool falls = row.mean < 0;
  const std::string by = " by " + number(std::abs(row.mean), 2) + " on average ";
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
  const std::string mean = number(row.mean, 2) + " " + interval_text(row, false);
  if (row.sign_p < 0.05) {
    return counts +
           ", more often in one direction than by chance (sign test: p = " + number(row.sign_p, 2) +
           "). The interval of the mean change contains 0: " + mean + ".";
  }
  return counts + ". The mean change is " + mean + ": the layers have no common direction.";
}

std::string signed_text(double value) { return (value > 0 ? "+" : "") + number(value, 3); }

std::string range_text(const PairedRow& row) {
  if (std::isnan(row.low)) return "-";
  return signed_text(row.low) + " to " + signed_text(row.high);
}

/// The cells common to both tables.
std::vector<std::string> cells_of(const PairedRow& row) {
  return {std::to_string(row.pairs), std::to_string(row.left_out), signed_text(row.mean),
          range_text(row),           signed_text(row.median),      std::to_string(row.fell),
          std::to_string(row.rose),  std::to_string(row.tied),     number(row.sign_p, 2)};
}

TextTable table_with(const char* first, const std::vector<std::string>& more) {
  TextTable table;
  table.header = {first,    "layers", "left out", "mean change", "95 % interval",
                  "median", "fell",   "rose",     "tied",        "sign test p"};
  table.header.insert(table.header.end(), more.begin(), more.end());
  table.right_aligned.assign(table.header.size(), true);
  table.right_aligned.front() = false;
  return table;
}

TextTable metrics_table(const std::vector<PairedRow>& rows) {
  TextTable table = table_with("metric", {});
  for (const PairedRow& row : rows) {
    if (row.group_by != "all") continue;
    std::vector<std::string> cells = cells_of(row);
    cells.insert(cells.begin(), row.metric);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

/// All columns for alpha, and the mean change of the other metrics.
TextTable roles_table(const std::vector<PairedRow>& rows) {
  const std::vector<std::string> others{"D", "log_norm", "log_spectral_norm", "stable_rank"};
  TextTable table = table_with("role", others);
  for (const PairedRow& row : rows) {
    if (row.group_by != "role") continue;
    if (row.metric == "alpha") {
      std::vector<std::string> cells = cells_of(row);
      cells.insert(cells.begin(), row.group);
      table.rows.push_back(std::move(cells));
    } else if (std::find(others.begin(), others.end(), row.metric) != others.end()) {
      table.rows.back().push_back(signed_text(row.mean));
    }
  }
  return table;
}

}  // namespace

bool is_shared(const PairedRow& row) { return row.low > 0 || row.high < 0; }

std::string paired_sentence(const PairedRow& row) {
  if (row.pairs == 0) return "No layer has " + row.metric + " in both checkpoints.";
  if (row.tied == row.pairs) {
    return row.metric + " is the same in " +
           (row.pairs == 1 ? "the only paired layer." : "all " + plural(row.pairs, "layer") + ".");
  }
  if (row.pairs == 1) return sentence_of_one(row);
  std::string text = is_shared(row) ? sentence_of_shared(row) : sentence_of_mixed(row);
  if (row.fell + row.rose < analysis::kLeastForSignTest) {
    text += " With fewer than " + std::to_string(analysis::kLeastForSignTest) +
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

void add_paired(Page& page, const std::vector<PairedRow>& rows) {
  page.heading("Change over all layers, B - A");
  page.table(metrics_table(rows));
  const TextTable roles = roles_table(rows);
  if (!roles.rows.empty()) {
    page.heading("Change of alpha by role, and mean change of other metrics");
    page.table(roles);
  }
  page.paragraph(
      "layers: number with a value in A and in B. left out: in one only, reshaped, or without a "
      "fit. 95 % interval: of the mean, from a paired t test, which assumes that the layers are "
      "exchangeable and independent. Layers of one model are trained together and are not "
      "independent, so the interval holds for these layers only, not for another run. sign test p: "
      "two-sided and exact, from the layers that fell or rose.");
}

}  // namespace wishart::report
