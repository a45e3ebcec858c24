#include "wishart/analysis/analysed.hpp"

#include <algorithm>
#include <map>

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

const char* reason_text(LeftOut why) {
  switch (why) {
    case LeftOut::change:
      return "only whole weights are compared here";
    case LeftOut::mode:
      return "only one mode is compared here";
    case LeftOut::fit:
      return "the options or the version of their fits are not those of the others (`wishart "
             "refit` makes them the same)";
    case LeftOut::twice:
      return "the same checkpoint is here under another name";
    case LeftOut::run:
      return "their names or folders are those of another run";
    case LeftOut::step:
      return "another checkpoint of the same step is here";
    case LeftOut::place:
      return "no step is known, so it has no place in a run";
    case LeftOut::no:
      break;
  }
  return "";
}

std::string name_text(const Analysed& one) {
  const std::string name = printable(one.checkpoint);
  if (one.why == LeftOut::change) {
    return name + " (" + analysis_text(one.kind, one.base_path) + ")";
  }
  return one.why == LeftOut::mode ? name + " (mode " + printable(one.mode) + ")" : name;
}

}  // namespace

std::string mixed_runs_text(const std::vector<Analysed>& left_out, const std::string& kept) {
  std::map<std::size_t, const Analysed*> first;
  for (const Analysed& one : left_out) {
    if (one.why != LeftOut::run || one.run == 0) continue;
    const Analysed& other = *first.try_emplace(one.run, &one).first->second;
    if (one.step == other.step) continue;
    return "This may be more than one run: " + printable(other.checkpoint) + " and " +
           printable(one.checkpoint) + " are of another than " + printable(kept) +
           ", as their names or folders tell. Keep an archive for each run.";
  }
  return {};
}

std::string unplaced_text(const std::vector<Analysed>& left_out) {
  std::vector<std::string> names;
  for (const Analysed& one : left_out) {
    if (one.why == LeftOut::place) names.push_back(printable(one.checkpoint));
  }
  if (names.empty()) return {};
  if (names.size() == 1) return names.front() + " has no step and is not part of the run.";
  return std::to_string(names.size()) + " checkpoints without a step, such as " + names.front() +
         ", are not part of the run.";
}

std::string left_out_text(const std::vector<Analysed>& left_out) {
  std::vector<std::string> sentences;
  for (const LeftOut why : {LeftOut::change, LeftOut::mode, LeftOut::fit, LeftOut::twice,
                            LeftOut::run, LeftOut::step, LeftOut::place}) {
    std::vector<std::string> names;
    for (const Analysed& one : left_out) {
      if (one.why == why) names.push_back(name_text(one));
    }
    if (names.empty()) continue;
    const std::size_t more = names.size() - std::min(names.size(), kMostNamed);
    names.resize(names.size() - more);
    std::string text = std::string("Left out, because ") + reason_text(why) + ": ";
    text += join(names, ", ");
    if (more > 0) text += ", and " + std::to_string(more) + " more";
    sentences.push_back(std::move(text));
  }
  if (sentences.empty()) return {};
  return join(sentences, ". ") + ". For a report on one of them, use --checkpoint ID.";
}

void check_alike(const Provenance& a, const Provenance& b) {
  if (is_whole(a.analysis) == is_whole(b.analysis)) return;
  throw Error(Blame::usage, about_text(a) + ", " + about_text(b) +
                                ": a change of weights is not compared with whole weights. Name "
                                "two of the same kind");
}

}  // namespace wishart::analysis
