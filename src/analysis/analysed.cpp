#include "wishart/analysis/analysed.hpp"

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

namespace wishart::analysis {
namespace {

constexpr std::size_t kMostNamed = 5;

std::string about_text(const Provenance& provenance) {
  const bool whole = provenance.analysis == AnalysisKind::weights;
  return printable(provenance.checkpoint_id) + (whole ? " holds " : " is the ") +
         analysis_text(provenance.analysis, provenance.base_path);
}

}  // namespace

Analysed analysed(const Provenance& provenance) {
  return {provenance.checkpoint_id, provenance.analysis, provenance.base_path};
}

std::string left_out_text(const std::vector<Analysed>& left_out) {
  if (left_out.empty()) return {};
  std::vector<std::string> names;
  for (const Analysed& one : left_out) {
    if (names.size() == kMostNamed) break;
    names.push_back(printable(one.checkpoint) + " (" + analysis_text(one.kind, one.base_path) +
                    ")");
  }
  std::string text = "Left out, because only whole weights are compared here: " + join(names, ", ");
  if (left_out.size() > names.size()) {
    text += ", and " + std::to_string(left_out.size() - names.size()) + " more";
  }
  return text + ". For a report on one of them, use --checkpoint ID.";
}

void check_alike(const Provenance& a, const Provenance& b) {
  if (is_whole(a.analysis) == is_whole(b.analysis)) return;
  throw Error(Blame::usage, about_text(a) + ", " + about_text(b) +
                                ": a change of weights is not compared with whole weights. Name "
                                "two of the same kind");
}

}  // namespace wishart::analysis
