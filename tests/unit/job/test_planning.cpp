/// @file
/// A part of a checkpoint is planned as in a scan of everything.

#include <catch2/catch.hpp>

#include "scan/work/planning.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

std::vector<Matrix> square_matrices(int count, std::int64_t side) {
  std::vector<Matrix> matrices(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    Matrix& matrix = matrices[static_cast<std::size_t>(i)];
    matrix.key = "m" + std::to_string(i);
    matrix.rows = matrix.cols = side;
    matrix.views = {{0, side, 1}};
  }
  return matrices;
}

}  // namespace

TEST_CASE("the way of a matrix does not depend on which others are asked for", "[planning]") {
  // Sixteen matrices keep four ranks busy, one each; one by itself would be shared by all four.
  const std::vector<Matrix> everything = square_matrices(16, 16'384);
  const std::vector<Matrix> wanted{everything[11]};
  const plan::PlanOptions options{.ranks = 4};
  REQUIRE(plan::make_plan(wanted, options).items[0].way.team_size > 1);
  const plan::Plan plan = plan_within(everything, wanted, options);
  REQUIRE(plan.items.size() == 1);
  CHECK(plan.items[0].way.team_size == 1);
  CHECK(plan.items[0].matrix == 0);
  CHECK(plan.total_flops == plan.items[0].cost_flops);
}

TEST_CASE("what is left out need not fit", "[planning]") {
  std::vector<Matrix> everything = square_matrices(2, 1000);
  everything[0].rows = everything[0].cols = 30'000;
  const std::vector<Matrix> wanted{everything[1]};
  const plan::PlanOptions options{.ranks = 2, .memory_per_rank_bytes = std::int64_t{64} << 20U};
  CHECK_THROWS(plan::make_plan(everything, options));
  CHECK(plan_within(everything, wanted, options).items.size() == 1);
  CHECK_THROWS(plan_within(everything, {&everything[0], 1}, options));
}
