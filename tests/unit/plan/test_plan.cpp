/// @file
/// The team tree and the choice of teams.

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/plan/plan.hpp"

using namespace wishart;
using namespace wishart::plan;

namespace {

Matrix dense(std::int64_t rows, std::int64_t cols, const std::string& key = "w") {
  Matrix matrix;
  matrix.key = key;
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = {View{0, cols, 1}};
  return matrix;
}

std::string text_of(const std::vector<Matrix>& matrices, const PlanOptions& options, Blame blame) {
  try {
    (void)make_plan(matrices, options);
  } catch (const Error& error) {
    CHECK(error.blame() == blame);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("teams are halves, powers of two on the left", "[plan]") {
  struct Expected {
    int ranks;
    std::vector<int> sizes;
    std::size_t teams;
  };
  const std::vector<Expected> table{
      {1, {1}, 1},           {2, {1, 2}, 3},           {3, {1, 2, 3}, 5},    {4, {1, 2, 4}, 7},
      {6, {1, 2, 4, 6}, 11}, {7, {1, 2, 3, 4, 7}, 13}, {8, {1, 2, 4, 8}, 15}};
  for (const auto& [ranks, sizes, teams] : table) {
    const std::vector<Team> tree = team_tree(ranks);
    CHECK(team_sizes(tree) == sizes);
    CHECK(tree.size() == teams);
  }
}

TEST_CASE("the memory that a refusal asks for is enough", "[plan]") {
  for (std::int64_t side = 1000; side < 40'000; side = side * 21 / 20) {
    const std::vector<Matrix> matrices{dense(side, side)};
    PlanOptions options;
    options.memory_per_rank_bytes = 1;
    const std::string text = text_of(matrices, options, Blame::resource);
    const std::size_t at = text.find("needs ") + 6;
    const std::string unit = text.substr(text.find(' ', at) + 1, 3);
    const double factor = unit == "MiB" ? 0x1p20 : 0x1p30;
    options.memory_per_rank_bytes = static_cast<std::int64_t>(std::stod(text.substr(at)) * factor);
    INFO(text);
    CHECK(make_plan(matrices, options).items.size() == 1);
  }
}

TEST_CASE("a team's children divide its ranks among them", "[plan]") {
  for (int ranks = 1; ranks <= 70; ++ranks) {
    const std::vector<Team> tree = team_tree(ranks);
    std::vector<int> covered(tree.size(), 0);
    for (const Team& team : tree) {
      if (team.parent < 0) continue;
      const Team& parent = tree[static_cast<std::size_t>(team.parent)];
      CHECK(team.first >= parent.first);
      CHECK(team.first + team.size <= parent.first + parent.size);
      CHECK(team.depth == parent.depth + 1);
      covered[static_cast<std::size_t>(team.parent)] += team.size;
    }
    for (std::size_t i = 0; i < tree.size(); ++i) {
      CHECK(covered[i] == (tree[i].size == 1 ? 0 : tree[i].size));
    }
  }
}

TEST_CASE("many equal matrices each stay on one rank", "[plan]") {
  const std::vector<Matrix> matrices(64, dense(4096, 4096));
  const Plan plan = make_plan(matrices, {.ranks = 8});
  for (const PlanItem& item : plan.items) CHECK(item.way.team_size == 1);
}

TEST_CASE("a matrix that would delay the end of the job gets a team", "[plan]") {
  std::vector<Matrix> matrices(8, dense(1024, 1024));
  matrices.push_back(dense(128256, 4096));
  const Plan plan = make_plan(matrices, {.ranks = 4});
  CHECK(plan.items.front().matrix == 8);
  CHECK(plan.items.front().way.team_size == 4);
  CHECK(plan.items.back().way.team_size == 1);
}

TEST_CASE("a matrix too large for one rank gets the smallest team that holds it", "[plan]") {
  const std::vector<Matrix> matrices(16, dense(16384, 16384));
  const std::int64_t limit = std::int64_t{1500} << 20U;
  const Plan plan = make_plan(matrices, {.ranks = 8, .memory_per_rank_bytes = limit});
  for (const PlanItem& item : plan.items) {
    // On a team of two, a rank would hold half of the matrix, and the same again while it is
    // reduced.
    CHECK(item.way.team_size == 4);
    CHECK(item.way.distributed);
    CHECK(item.memory_bytes <= limit);
  }
  CHECK(memory_bytes(matrices[0], Way{}) > limit);
}

TEST_CASE("items are ordered by team, then cost, then matrix", "[plan]") {
  const std::vector<Matrix> matrices{dense(100, 50), dense(400, 300), dense(100, 50),
                                     dense(300, 400)};
  const Plan plan = make_plan(matrices, {.ranks = 2});
  std::vector<std::int64_t> order;
  for (const PlanItem& item : plan.items) order.push_back(item.matrix);
  CHECK(order == std::vector<std::int64_t>{1, 3, 0, 2});
}

TEST_CASE("a matrix that does not fit anywhere stops the job before any work", "[plan]") {
  const std::vector<Matrix> matrices{dense(16384, 16384, "lm_head.weight")};
  CHECK(text_of(matrices, {.ranks = 2, .memory_per_rank_bytes = std::int64_t{1} << 29U},
                Blame::resource) ==
        "lm_head.weight (16384 x 16384): needs 2.4 GiB per rank on all 2 ranks, the limit is 512 "
        "MiB. "
        "Use more ranks, or raise --memory-per-rank");
}

TEST_CASE("a forced team must exist", "[plan]") {
  const std::vector<Matrix> matrices{dense(64, 64)};
  CHECK(text_of(matrices, {.ranks = 2, .team_size = 4}, Blame::usage) ==
        "--team-size 4: this job has 2 ranks. Start more ranks or use a smaller team");
  CHECK(text_of(matrices, {.ranks = 6, .team_size = 3}, Blame::usage) ==
        "--team-size 3: 6 ranks divide into teams of 1, 2, 4, 6. Use one of these sizes");
  CHECK(make_plan(matrices, {.ranks = 6, .team_size = 4}).items[0].way.team_size == 4);
}

TEST_CASE("replicas of the fits are part of the time", "[plan]") {
  const std::vector<Matrix> matrices{dense(4096, 1024)};
  const auto seconds = [&](std::int64_t bootstrap, std::int64_t gof) {
    PlanOptions options;
    options.bootstrap = bootstrap;
    options.gof = gof;
    return make_plan(matrices, options).items.front().seconds;
  };
  const Rates rates;
  const double without = seconds(0, 0);
  CHECK(seconds(50, 0) - without == Approx(50 * 1024 * rates.bootstrap_ns * 1e-9));
  CHECK(seconds(0, 1000) - without == Approx(1000 * 1024 * rates.gof_ns * 1e-9));
}

TEST_CASE("a random order costs the steps of the next power of four", "[plan]") {
  Rates rates;
  Way plain;
  Way ordered;
  ordered.randomize = 1;
  ordered.held = true;
  const auto seconds_per_element = [&](std::int64_t rows, std::int64_t cols) {
    const Matrix matrix = dense(rows, cols);
    const double spectrum = cost_seconds(matrix, plain, rates);
    const double fits = static_cast<double>(cols) * rates.fit_ns * 1e-9;
    return (cost_seconds(matrix, ordered, rates) - 2 * spectrum + fits) /
           static_cast<double>(rows * cols);
  };
  CHECK(seconds_per_element(256, 256) == Approx(rates.held_ns * 1e-9));
  CHECK(seconds_per_element(768, 192) == Approx(16 / 9.0 * rates.held_ns * 1e-9));
  CHECK(seconds_per_element(257, 256) == Approx(4 * 256 / 257.0 * rates.held_ns * 1e-9));
}

TEST_CASE("elements in random order are held in memory if they fit, otherwise read in passes",
          "[plan]") {
  const std::vector<Matrix> matrices{dense(4096, 1024)};
  PlanOptions options;
  options.ranks = 1;
  options.randomize = 3;
  const PlanItem held = make_plan(matrices, options).items.front();
  CHECK(held.way.held);
  CHECK(held.way.randomize == 3);
  // Elements of F32: 4 bytes each.
  Way plain;
  CHECK(held.memory_bytes == memory_bytes(matrices[0], plain) + 4 * 4096 * 1024);
  CHECK(held.seconds > 4 * cost_seconds(matrices[0], plain, Rates{}));
  // A matrix larger than the window, on a rank with room for the window only.
  const std::vector<Matrix> large{dense(400'000, 1024)};
  options.memory_per_rank_bytes = memory_bytes(large[0], plain) + (std::int64_t{300} << 20U);
  const PlanItem passed = make_plan(large, options).items.front();
  CHECK_FALSE(passed.way.held);
  CHECK(passed.way.randomize == 3);
  // The vectors of five traps and of the mean need more than what the spectrum leaves.
  const std::int64_t vectors = 8 * 6 * (400'000 + 1024);
  const std::int64_t window = std::int64_t{256} << 20U;
  CHECK(passed.memory_bytes > memory_bytes(large[0], plain) + window);
  CHECK(passed.memory_bytes < memory_bytes(large[0], plain) + window + vectors);
  Way by_memory = passed.way;
  by_memory.held = true;
  CHECK(passed.seconds > cost_seconds(large[0], by_memory, Rates{}));
}

TEST_CASE("products are formed from integers where that is asked for, or pays", "[plan]") {
  const auto way_of = [](Dtype dtype, std::int64_t rows, std::int64_t cols, PlanOptions options) {
    Matrix matrix = dense(rows, cols);
    matrix.tensor.dtype = dtype;
    return make_plan(std::vector<Matrix>{matrix}, options).items.front().way;
  };
  const auto products_of = [&](Dtype dtype, std::int64_t rows, std::int64_t cols,
                               const PlanOptions& options) {
    return way_of(dtype, rows, cols, options).products;
  };
  PlanOptions options;
  CHECK(products_of(Dtype::bf16, 4096, 4096, options) == Products::float64);
  options.paying_bytes = 8;
  CHECK(products_of(Dtype::bf16, 4096, 4096, options) == Products::integer);
  CHECK(products_of(Dtype::f8_e4m3, 1024, 9000, options) == Products::integer);
  CHECK(products_of(Dtype::bf16, 900, 9000, options) == Products::float64);  // too small to gain
  CHECK(products_of(Dtype::f32, 4096, 4096, options) == Products::float64);
  CHECK(products_of(Dtype::f16, 4096, 4096, options) == Products::integer);
  options.paying_bytes = 5;  // those of F16 need eight
  CHECK(products_of(Dtype::f16, 4096, 4096, options) == Products::float64);
  CHECK(products_of(Dtype::bf16, 4096, 4096, options) == Products::integer);
  options.products = Products::float64;
  CHECK(products_of(Dtype::bf16, 4096, 4096, options) == Products::float64);
  options.products = Products::integer;
  options.paying_bytes = 0;
  CHECK(products_of(Dtype::bf16, 40, 90, options) == Products::integer);
  CHECK(products_of(Dtype::f32, 40, 90, options) == Products::float64);
  options.precision = Precision::float32;
  CHECK(products_of(Dtype::bf16, 40, 90, options) == Products::float64);
  options.precision = Precision::float64;
  options.method = Method::svd;
  CHECK(products_of(Dtype::bf16, 40, 90, options) == Products::float64);
  // Where memory is short, float64; but not for who asks for integers.
  options = {};
  options.paying_bytes = 8;
  Matrix large = dense(9000, 4096);
  large.tensor.dtype = Dtype::bf16;
  const std::int64_t needed = memory_bytes(large, Way{.products = Products::integer});
  options.memory_per_rank_bytes = needed - 1;
  CHECK(products_of(Dtype::bf16, 9000, 4096, options) == Products::float64);
  options.memory_per_rank_bytes = needed;
  CHECK(products_of(Dtype::bf16, 9000, 4096, options) == Products::integer);
  // Distributed Gram matrices are PDSYRK's.
  options.paying_bytes = 0;
  options.products = Products::integer;
  options.method = Method::gram;
  options.ranks = 4;
  options.memory_per_rank_bytes = std::int64_t{900} << 20U;
  const Way shared = way_of(Dtype::bf16, 12000, 12000, options);
  CHECK(shared.distributed);
  CHECK(shared.products == Products::float64);
}

TEST_CASE("integer products take a bounded amount of memory more", "[plan]") {
  Matrix matrix = dense(128256, 4096);
  for (const Dtype dtype : {Dtype::bf16, Dtype::f16, Dtype::f8_e5m2}) {
    matrix.tensor.dtype = dtype;
    Way way;
    const std::int64_t plain = memory_bytes(matrix, way);
    way.products = Products::integer;
    CHECK(memory_bytes(matrix, way) <= plain + (std::int64_t{64} << 20U));
    CHECK(memory_bytes(matrix, way) > plain);
  }
}

TEST_CASE("a matrix is compared with its base if the Gram matrices fit", "[plan]") {
  std::vector<Matrix> matrices{dense(4096, 2048)};
  PlanOptions options;
  options.ranks = 1;
  options.compare = true;
  // A layer that an adapter leaves alone has no other side.
  CHECK_FALSE(make_plan(matrices, options).items.front().way.compare);
  matrices.front().tensor.encoding = Encoding::sum;
  matrices.front().tensor.parts.resize(2);
  const PlanItem all = make_plan(matrices, options).items.front();
  CHECK(all.way.compare);
  CHECK(all.memory_bytes > 3 * 8 * 2048 * 2048);
  options.memory_per_rank_bytes = all.memory_bytes - 1;
  const PlanItem less = make_plan(matrices, options).items.front();
  CHECK_FALSE(less.way.compare);
  CHECK(less.seconds < all.seconds);
}

TEST_CASE("compat mode takes the faster of a checked Gram matrix and the SVD", "[plan]") {
  // The last has its smallest value out of the Gram matrix's reach, the second is done at once.
  const std::vector<Matrix> matrices{dense(16384, 1024), dense(64, 64), dense(2048, 2048)};
  PlanOptions options{.ranks = 1, .checked = true, .or_svd = true};
  const Plan plan = make_plan(matrices, options);
  for (const PlanItem& item : plan.items) {
    CHECK((item.way.method == Method::gram) == (item.matrix == 0));
    CHECK(item.way.checked == (item.matrix == 0));
  }
  // The memory is that of the SVD, which may follow.
  Way way;
  way.checked = true;
  const std::int64_t both = memory_bytes(matrices[0], way);
  CHECK(both == memory_bytes(matrices[0], by_svd(way)));
  CHECK(cost_seconds(matrices[0], way, Rates{}) < cost_seconds(matrices[0], by_svd(way), Rates{}));
  CHECK(cost_seconds(matrices[2], way, Rates{}) > cost_seconds(matrices[2], by_svd(way), Rates{}));
  options.memory_per_rank_bytes = both - 1;
  CHECK(text_of({matrices[0]}, options, Blame::resource).starts_with("w (16384 x 1024): needs "));
  // Gram for every matrix, if that is asked for.
  options = {.ranks = 1, .checked = true};
  for (const PlanItem& item : make_plan(matrices, options).items) {
    CHECK(item.way.method == Method::gram);
    CHECK(item.way.checked);
  }
}

TEST_CASE("a team whose ranks cannot hold the Gram matrix takes the SVD in compat mode", "[plan]") {
  const std::vector<Matrix> matrices{dense(8192, 4096)};
  PlanOptions options{
      .ranks = 8, .checked = true, .or_svd = true, .solver = Solver::local, .team_size = 8};
  CHECK(make_plan(matrices, options).items.front().way.method == Method::gram);
  Way way;
  way.team_size = 8;
  way.solver = Solver::local;
  const std::int64_t svd = memory_bytes(matrices[0], by_svd(way));
  REQUIRE(svd < memory_bytes(matrices[0], way));
  options.memory_per_rank_bytes = svd;
  CHECK(make_plan(matrices, options).items.front().way.method == Method::svd);
}

TEST_CASE("ten thousands of matrices are planned for ten thousands of ranks", "[plan]") {
  std::vector<Matrix> matrices(40000, dense(7168, 2048));
  for (int i = 0; i < 200; ++i) matrices.push_back(dense(18432, 7168));
  const Plan plan = make_plan(matrices, {.ranks = 16384});
  CHECK(plan.items.size() == matrices.size());
  std::vector<double> seconds;
  double work = 0;
  for (const PlanItem& item : plan.items) {
    seconds.push_back(item.seconds);
    work += item.seconds * item.way.team_size;
  }
  const Forecast outcome = forecast(plan, seconds);
  CHECK(outcome.busy_seconds == Approx(work));
  CHECK(outcome.makespan_seconds >= work / 16384);
}
