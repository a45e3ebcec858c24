#pragma once

/// @file
/// Internal: a figure, as it comes from the charts and goes into a page or a file.

#include <cstddef>
#include <string>
#include <vector>

namespace wishart::report {

/// A name in a legend, and the class of its colour.
struct LegendEntry {
  std::size_t series = 0;
  std::string name;
};

/// Texts may be untrusted, except for `svg`, which is markup.
struct Figure {
  std::string id;       ///< the anchor in a page: `fig-` and letters, digits, hyphens
  std::string caption;  ///< what is drawn, in one line
  std::string svg;      ///< one `<svg>` element
  std::vector<LegendEntry> legend;
  std::string name = {};    ///< of the kind of figure, as `wishart plot --what` knows it
  std::string group = {};   ///< figures of one group show the same layers: one of them at a time
  std::string choice = {};  ///< what this one shows of them: `alpha`; empty outside of a group
  std::string description =
      {};  ///< the main numbers in words, for those who cannot see the picture
};

}  // namespace wishart::report
