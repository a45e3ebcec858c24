#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/change.hpp"
#include "wishart/core/error.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

const std::vector<Change> kAll{
    Change::same,     Change::changed,  Change::rearranged, Change::misplaced, Change::added,
    Change::removed,  Change::reshaped, Change::grown,      Change::shrunk,    Change::tied,
    Change::replaced, Change::mtp,      Change::narrowed,   Change::left_out,  Change::unknown};

/// The words of those for which `holds` is true.
template <class F>
std::set<std::string> words_of(const F& holds) {
  std::set<std::string> words;
  for (const Change change : kAll) {
    if (holds(change)) words.emplace(change_name(change));
  }
  return words;
}

}  // namespace

TEST_CASE("each change has its word, which tables and JSON show", "[analysis]") {
  CHECK(words_of([](Change) { return true; }) ==
        std::set<std::string>{"same", "changed", "rearranged", "misplaced", "added", "removed",
                              "reshaped", "grown", "shrunk", "tied", "replaced", "mtp", "narrowed",
                              "left-out", "unknown"});
  CHECK_THROWS_AS(change_name(static_cast<Change>(200)), Error);
}

TEST_CASE("what is lost, and what is gone or of one checkpoint only for a reason", "[analysis]") {
  CHECK(words_of(is_lost) == std::set<std::string>{"removed", "reshaped"});
  CHECK(words_of(is_lawfully_gone) == std::set<std::string>{"tied", "replaced", "mtp"});
  CHECK(words_of(is_of_one_only) ==
        std::set<std::string>{"added", "removed", "tied", "replaced", "mtp"});
}

TEST_CASE("which changes are of a vocabulary, and which keep the answers", "[analysis]") {
  CHECK(words_of([](Change change) { return has_other_vocabulary(change); }) ==
        std::set<std::string>{"grown", "shrunk"});
  CHECK(words_of(keeps_answers) == std::set<std::string>{"same", "tied", "mtp"});
}
