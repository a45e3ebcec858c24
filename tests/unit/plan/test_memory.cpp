/// @file
/// One rule of memory: what a plan asks for is enough for the scan's own limit.

#include <algorithm>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/plan/memory.hpp"
#include "wishart/plan/plan.hpp"

using namespace wishart;
using namespace wishart::plan;

namespace {

constexpr std::int64_t kMib = std::int64_t{1} << 20U;

Matrix dense(std::int64_t rows, std::int64_t cols) {
  Matrix matrix;
  matrix.key = std::to_string(rows) + "x" + std::to_string(cols);
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = {View{0, cols, 1}};
  matrix.tensor.dtype = Dtype::bf16;
  return matrix;
}

/// Seven matrices a block, and one for the vocabulary, as in a Llama.
std::vector<Matrix> model_of(std::int64_t width, int blocks) {
  std::vector<Matrix> matrices{dense(8 * width, width)};
  for (int block = 0; block < blocks; ++block) {
    for (int i = 0; i < 4; ++i) matrices.push_back(dense(width, width));
    for (int i = 0; i < 3; ++i) matrices.push_back(dense(13 * width / 4, width));
  }
  return matrices;
}

double seconds_of(const Plan& plan) {
  std::vector<double> seconds;
  for (const PlanItem& item : plan.items) seconds.push_back(item.seconds);
  return forecast(plan, seconds).makespan_seconds;
}

}  // namespace

TEST_CASE("matrices may use four fifths of what the program leaves", "[memory]") {
  const std::int64_t share = 1128 * kMib;
  CHECK(usable_bytes({share, share, 1}, 0) == 800 * kMib);
  CHECK(usable_bytes({share, share, 1}, 100 * kMib) == 720 * kMib);  // rank 0's results
  CHECK(usable_bytes({share, share, 4}, 100 * kMib) == 780 * kMib);  // shared by its host's ranks
  CHECK(usable_bytes({share, 2 * share, 1}, 100 * kMib) == 800 * kMib);  // another host has less
  CHECK(usable_bytes({0, 0, 1}, 100 * kMib) == 0);                       // unknown: no limit
  CHECK(usable_bytes({100 * kMib, 100 * kMib, 1}, 0) == 40 * kMib);  // hardly room for the program
  CHECK(usable_bytes({kMib, kMib, 1}, 100 * kMib) > 0);
}

TEST_CASE("what is asked for is enough, found with or without what ranks already use", "[memory]") {
  std::int64_t compared = 0;
  for (const std::int64_t need : {std::int64_t{1}, 3 * kMib, 45 * kMib, 777 * kMib, 9000 * kMib}) {
    for (const std::int64_t zero : {std::int64_t{0}, 10 * kMib, 1700 * kMib}) {
      for (const std::int64_t ranks : {1, 2, 3, 32, 128}) {
        const std::int64_t asked = asked_bytes(need, zero, ranks);
        CHECK(asked % kMib == 0);
        for (const std::int64_t used : {std::int64_t{0}, kProgramBytes / 2, kProgramBytes}) {
          CAPTURE(need, zero, ranks, used);
          CHECK(usable_bytes({asked - used, asked - used, ranks}, zero) >= need);
          ++compared;
        }
      }
    }
  }
  CHECK(compared == 5 * 3 * 5 * 3);
}

TEST_CASE("the scan's planner takes the memory that a plan asks for, and is as fast", "[memory]") {
  struct Case {
    std::vector<Matrix> matrices;
    int ranks;
  };
  std::vector<Case> cases{{std::vector<Matrix>(2, dense(16384, 16384)), 2},
                          {model_of(16384, 126), 128}};  // as large as a Llama-3-405B
  for (const std::int64_t width : {512, 2048, 4096, 8192}) {
    for (const int ranks : {1, 2, 3, 7, 16, 64, 100}) cases.push_back({model_of(width, 6), ranks});
  }
  for (const Case& one : cases) {
    for (const std::int64_t per_host : {1, 4, 32}) {
      CAPTURE(one.matrices.front().key, one.ranks, per_host);
      const std::int64_t zero = rank_zero_bytes(one.matrices);
      PlanOptions options{.ranks = one.ranks};
      const Plan free = make_plan(one.matrices, options);
      std::int64_t need = 0;
      for (const PlanItem& item : free.items) need = std::max(need, item.memory_bytes);
      const std::int64_t asked = asked_bytes(need, zero, per_host);
      // As a scan finds it: by Slurm's limit, or by the control group, which counts the ranks.
      for (const std::int64_t used : {std::int64_t{0}, kProgramBytes}) {
        options.memory_per_rank_bytes = usable_bytes({asked - used, asked - used, per_host}, zero);
        Plan scan;
        REQUIRE_NOTHROW(scan = make_plan(one.matrices, options));
        std::int64_t most = 0;
        for (const PlanItem& item : scan.items) most = std::max(most, item.memory_bytes);
        CHECK(most <= options.memory_per_rank_bytes);
        CHECK(seconds_of(scan) <= 1.1 * seconds_of(free));
      }
    }
  }
}
