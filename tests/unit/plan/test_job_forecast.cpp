/// @file
/// What a whole scan waits for.

#include <catch2/catch.hpp>

#include "wishart/plan/job_forecast.hpp"

using namespace wishart;
using namespace wishart::plan;

namespace {

Matrix dense(std::int64_t rows, std::int64_t cols) {
  Matrix matrix;
  matrix.key = "w";
  matrix.rows = rows;
  matrix.cols = cols;
  matrix.views = {View{0, cols, 1}};
  matrix.tensor.dtype = Dtype::bf16;
  matrix.tensor.shape = {rows, cols};
  matrix.tensor.num_elements = rows * cols;
  return matrix;
}

JobForecast forecast_of(const std::vector<Matrix>& matrices, int ranks, const SharedRates& rates) {
  const Plan plan = make_plan(matrices, {.ranks = ranks});
  double alone = 0;
  for (const Matrix& matrix : matrices) alone += cost_seconds(matrix, Way{}, Rates{});
  return forecast_job(plan, matrices, item_seconds(plan, matrices, Rates{}), alone, rates);
}

}  // namespace

TEST_CASE("what is read is what is stored", "[job_forecast]") {
  CHECK(read_bytes(dense(100, 60)) == 12000);
  Matrix expert = dense(50, 60);  // one of a stack of eight
  expert.tensor.num_elements = 8 * 50 * 60;
  CHECK(read_bytes(expert) == 6000);
  Matrix change = dense(100, 60);  // a difference reads both
  change.tensor.encoding = Encoding::sum;
  change.tensor.parts = {dense(100, 60).tensor, dense(100, 60).tensor};
  CHECK(read_bytes(change) == 24000);
  Matrix coded = dense(100, 60);  // codes of 4 bits in bytes, and scales
  coded.tensor.encoding = Encoding::codes;
  coded.tensor.parts = {dense(100, 30).tensor, dense(100, 2).tensor};
  coded.tensor.parts[0].dtype = Dtype::u8;
  coded.tensor.parts[1].dtype = Dtype::u8;
  CHECK(read_bytes(coded) == 3200);
  CHECK(read_bytes(Matrix{}) == 0);
}

TEST_CASE("a job is limited by what takes longest", "[job_forecast]") {
  const std::vector<Matrix> many(200, dense(4096, 4096));
  CHECK(forecast_of(many, 4, {}).bound == Bound::compute);

  std::vector<Matrix> uneven(8, dense(512, 512));
  uneven.push_back(dense(30000, 16384));
  const JobForecast held_up = forecast_of(uneven, 64, {});
  CHECK(held_up.bound == Bound::largest_matrix);
  CHECK(held_up.longest == 8);
  CHECK(held_up.longest_seconds > 0.9 * held_up.matrices.makespan_seconds);

  SharedRates slow;
  slow.read_gbytes = 0.01;
  const JobForecast reading = forecast_of(many, 4, slow);
  CHECK(reading.bound == Bound::reading);
  CHECK(reading.reading_seconds == Approx(200 * 2 * 4096.0 * 4096.0 / 1e7));
  CHECK(reading.seconds() >= reading.reading_seconds);

  const std::vector<Matrix> tiny(20000, dense(64, 64));
  CHECK(forecast_of(tiny, 512, {}).bound == Bound::rank_zero);
}

TEST_CASE("the end of a scan is shared by the ranks", "[job_forecast]") {
  const std::vector<Matrix> many(1000, dense(4096, 2048));
  const double alone = forecast_of(many, 1, {}).ending_seconds;
  const double shared = forecast_of(many, 16, {}).ending_seconds;
  CHECK(shared < 0.5 * alone);
  CHECK(forecast_of(many, 1, SharedRates{}.scaled(2)).ending_seconds == Approx(alone / 2));
}

TEST_CASE("no matrices take no time", "[job_forecast]") {
  const JobForecast nothing = forecast_of({}, 4, {});
  CHECK(nothing.seconds() == 0);
  CHECK(nothing.longest == -1);
}
