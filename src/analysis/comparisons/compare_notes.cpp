/// @file
/// Why two checkpoints may not be comparable.

#include <string>
#include <vector>

#include "wishart/analysis/compare.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/analysed.hpp"

namespace wishart::analysis {
namespace {

/// The place after the list that begins at `at`. Patterns may hold brackets.
std::size_t end_of_list(const std::string& json, std::size_t at) {
  bool quoted = false;
  for (; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      quoted = !quoted;
    } else if (json[at] == ']' && !quoted) {
      return at + 1;
    }
  }
  return json.size();
}

/// The options that shape spectra, without the base that the notes name already and the choice of
/// layers, which the rows tell. A quote in a path is escaped, so the next member begins at the next
/// `, "`.
std::string comparable_options(std::string options) {
  if (const std::size_t at = options.find(", \"layers\": ["); at != std::string::npos) {
    options.erase(at, end_of_list(options, at) - at);
  }
  for (const char* member : {", \"base\": ", ", \"with_base\": "}) {
    const std::size_t at = options.find(member);
    if (at == std::string::npos) continue;
    const std::size_t next = options.find(", \"", at + 1);
    options.erase(at, (next == std::string::npos ? options.rfind('}') : next) - at);
  }
  return options;
}

}  // namespace

std::vector<std::string> notes_on(const Provenance& a, const Provenance& b,
                                  const std::string& name_a, const std::string& name_b) {
  std::vector<std::string> notes;
  if (a.mode != b.mode) {
    notes.push_back(name_a + " was analysed in mode " + printable(a.mode) + ", " + name_b +
                    " in mode " + printable(b.mode) + ": their metrics are defined differently");
  }
  if (comparable_options(a.options) != comparable_options(b.options)) {
    notes.emplace_back("the spectra were computed with different options");
  }
  if (analysed(a).fit != analysed(b).fit) {
    notes.emplace_back(
        "the metrics were computed with different options or versions: `wishart refit` both");
  }
  return notes;
}

}  // namespace wishart::analysis
