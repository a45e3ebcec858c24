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
};

}  // namespace wishart::report
