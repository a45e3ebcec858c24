#pragma once

/// @file
/// Internal: a figure, as it comes from the charts and goes into a page or a file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace wishart::report {

/// How an entry of a legend looks: the mark that it explains.
enum class LegendMark : std::uint8_t { dot, line, area, band, dashed };

/// A name in a legend, and the class of its colour.
struct LegendEntry {
  std::size_t series = 0;  ///< of the colour; without meaning for a band and a dashed line
  std::string name;
  LegendMark mark = LegendMark::dot;
};

/// Texts may be untrusted, except for `svg`, which is markup.
///
/// In `svg`, a mark that stands for one layer has the attribute `data-i`, the index of the layer in
/// its record (in a history: in the record of the last checkpoint). A mark that stands for several
/// layers has `data-role` and `data-block`, and `data-stack` if the model has several stacks.
struct Figure {
  std::string id;       ///< the anchor in a page: `fig-` and letters, digits, hyphens
  std::string caption;  ///< what is drawn, in one line
  std::string svg;      ///< one `<svg>` element with classes only; it has a title and a description
  std::vector<LegendEntry> legend;
  std::string name;         ///< of the kind of figure, as `wishart plot --what` knows it
  std::string group;        ///< figures of one group show the same layers: one of them at a time
  std::string choice;       ///< what this one shows of them: `alpha`; empty outside of a group
  std::string description;  ///< the main numbers in words, for those who cannot see the picture
};

}  // namespace wishart::report
