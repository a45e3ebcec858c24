#include "wishart/analysis/change.hpp"

#include "wishart/core/error.hpp"
#include "wishart/record/left_out.hpp"

namespace wishart::analysis {

std::string_view change_name(Change change) {
  switch (change) {
    case Change::same:
      return "same";
    case Change::changed:
      return "changed";
    case Change::rearranged:
      return "rearranged";
    case Change::misplaced:
      return "misplaced";
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
    case Change::reshaped:
      return "reshaped";
    case Change::grown:
      return "grown";
    case Change::shrunk:
      return "shrunk";
    case Change::tied:
      return "tied";
    case Change::replaced:
      return "replaced";
    case Change::mtp:
      return "mtp";
    case Change::narrowed:
      return "narrowed";
    case Change::left_out:
      return kLeftOut;
    case Change::unknown:
      return "unknown";
  }
  throw Error(Blame::bug, "a change of a layer has no name");
}

bool is_lost(Change change) { return change == Change::removed || change == Change::reshaped; }

bool is_lawfully_gone(Change change) {
  return change == Change::tied || change == Change::replaced || change == Change::mtp;
}

bool is_of_one_only(Change change) {
  return change == Change::added || change == Change::removed || is_lawfully_gone(change);
}

bool has_other_vocabulary(Change change) {
  return change == Change::grown || change == Change::shrunk;
}

bool keeps_answers(Change change) {
  return change == Change::same || change == Change::tied || change == Change::mtp;
}

}  // namespace wishart::analysis
