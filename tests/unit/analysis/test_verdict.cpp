/// @file
/// The verdict on planted records: every level, for every kind of report.

#include <catch2/catch.hpp>

#include "wishart/analysis/verdict.hpp"

#include "samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

TEST_CASE("a checkpoint without warnings is good", "[verdict]") {
  const Verdict verdict = verdict_of(sample_checkpoint());
  CHECK(level_name(verdict.level) == "good");
  CHECK(verdict.sentence == "None of the 3 layers needs attention.");
}
