/// @file
/// Losses beside learning rates that rise again or are spent, and bases that know their data: none
/// of them is a reason to stop.

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"

#include "advice_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

namespace {

struct Point {
  std::int64_t step;
  double training;
  double held_out;
  double rate = kNan;
};

const Trained kTokens{.classes = 400, .language = true};

Conclusion on(const std::vector<Point>& points, const Trained& trained = kTokens) {
  std::vector<Losses> losses;
  for (const Point& point : points) losses.push_back({point.training, point.held_out});
  std::vector<HistoryRow> rows = run_of(losses);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].step = points[i].step;
    rows[i].checkpoint = "checkpoint-" + std::to_string(rows[i].step);
    rows[i].learning_rate = points[i].rate;
  }
  return concluded(rows, trained, 3);
}

/// `advice: first reason`
std::string told(const Conclusion& conclusion) {
  return std::string(advice_name(conclusion.advice)) + ": " + conclusion.reasons.at(0);
}

/// A run whose rate falls to 1e-6 at its lowest loss, and is as before thereafter.
std::vector<Point> resumed(const std::vector<Losses>& since) {
  std::vector<Point> points{
      {1000, 2.45, 2.40, 3e-4}, {2000, 2.35, 2.30, 2e-4}, {3000, 2.30, 2.25, 1e-6}};
  for (const Losses& one : since) {
    points.push_back({points.back().step + 1000, one.training, one.held_out, 3e-4});
  }
  return points;
}

}  // namespace

TEST_CASE("a held-out loss that falls again after a rate was warmed up is no reason to stop",
          "[advice][rates]") {
  const std::string rate =
      ". The learning rate rose from 1e-06 at checkpoint-3000 to 0.0003 at checkpoint-4000.";
  const Conclusion back = on(resumed({{2.36, 2.33}, {2.33, 2.31}, {2.295, 2.29}}));
  CHECK(told(back) ==
        "unknown: The eval loss is 2.29, 1.8 % above its lowest, 2.25 at checkpoint-3000, but "
        "has fallen again since checkpoint-4000" +
            rate);
  CHECK(back.best_checkpoint == "checkpoint-3000");
  // At the first checkpoint since, it has had no time to; at the second, one fall is enough.
  CHECK(told(on(resumed({{2.36, 2.33}}))) ==
        "unknown: The eval loss is 2.33, 3.6 % above its lowest, 2.25 at checkpoint-3000" + rate);
  CHECK(on(resumed({{2.36, 2.33}, {2.33, 2.31}})).advice == Advice::unknown);
  // Both losses far above: the next phase after a decay.
  const Conclusion phase = on({{1000, 3.1, 3.1, 1e-3},
                               {8000, 2.7, 2.7, 1e-3},
                               {9000, 2.48, 2.48, 1e-6},
                               {10000, 2.67, 2.67, 1e-3},
                               {12000, 2.65, 2.65, 1e-3},
                               {14000, 2.63, 2.63, 1e-3}});
  CHECK(phase.advice == Advice::unknown);
  CHECK(
      phase.reasons.at(0).ends_with("rose from 1e-06 at checkpoint-9000 to 0.001 at "
                                    "checkpoint-10000."));
}

TEST_CASE("a held-out loss that falls again is no reason to stop, whatever the rates",
          "[advice][rates]") {
  CHECK(told(on({{0, kNan, 2.10},
                 {250, 2.30, 2.26},
                 {500, 2.27, 2.23},
                 {1000, 2.24, 2.20},
                 {2000, 2.21, 2.17},
                 {4000, 2.18, 2.14}})) ==
        "unknown: The eval loss is 2.14, 1.9 % above its lowest, 2.1 at checkpoint-0, but has "
        "fallen again since checkpoint-250, as where a learning rate is warmed up again or the "
        "data change.");
  // A training loss alone is noise, unless the rates tell.
  std::vector<Point> phase{{1000, 3.1, kNan, 1e-3},   {8000, 2.7, kNan, 1e-3},
                           {9000, 2.48, kNan, 1e-6},  {10000, 2.97, kNan, 1e-3},
                           {12000, 2.95, kNan, 1e-3}, {14000, 2.93, kNan, 1e-3}};
  CHECK(on(phase).advice == Advice::unknown);
  for (Point& point : phase) point.rate = kNan;
  CHECK(on(phase).advice == Advice::diverging);
}

TEST_CASE("warming up again excuses neither over-fitting nor a loss of what was learnt",
          "[advice][rates]") {
  // Rises on.
  CHECK(on(resumed({{2.1, 2.33}, {1.9, 2.38}, {1.7, 2.45}})).advice == Advice::overfitting);
  CHECK(on(resumed({{2.45, 2.43}, {2.5, 2.48}, {2.6, 2.55}})).advice == Advice::diverging);
  // More than half of the way to a guess is lost, however it falls.
  CHECK(on(resumed({{3.6, 3.5}, {3.5, 3.4}, {3.4, 3.3}})).advice == Advice::diverging);
  // The first warm-up: a rate that it has never had before.
  CHECK(on({{100, 3.0, 3.0, 1e-4}, {200, 2.9, 2.9, 2e-4}, {300, 3.1, 3.1, 1e-3}}).advice ==
        Advice::diverging);
  // It levels off: a thirtieth of the rise is made good.
  CHECK(on({{500, kNan, 2.3},
            {1000, kNan, 2.15},
            {2000, kNan, 2.0},
            {3000, kNan, 2.6},
            {4000, kNan, 2.59},
            {5000, kNan, 2.58}})
            .advice != Advice::unknown);
  // Learnt by heart: the training loss falls all along, though the held-out one falls a little.
  CHECK(on({{0, kNan, 5.9}, {100, 2.0, 2.2}, {200, 1.2, 2.7}, {400, 0.6, 2.68}, {800, 0.3, 2.66}})
            .advice == Advice::overfitting);
}

TEST_CASE("at the end of its schedule a run does not go on", "[advice][rates]") {
  const auto at_rate = [](double last) {
    return on({{1000, 3.1, 3.1, 1e-3},
               {4000, 2.82, 2.82, 1e-3},
               {8000, 2.7, 2.7, 1e-3},
               {9000, 2.55, 2.55, 5e-4},
               {10000, 2.48, 2.48, last}});
  };
  const Conclusion ended = at_rate(0);
  CHECK(ended.advice == Advice::settled);
  CHECK(ended.reasons.at(0).ends_with(
      " of it. The learning rate is 0, and was 0.001 at checkpoint-1000: the schedule is over, and "
      "the fall is that of its decay."));
  CHECK(track_text(ended, kTriedWindow).empty());
  CHECK(advice_text(ended) == "Training may be stopped: its learning rate has come to its end.");
  CHECK(at_rate(9e-8).advice == Advice::settled);
  CHECK(at_rate(9e-6).advice == Advice::going_on);  // may be the next plateau
  CHECK(at_rate(1e-4).advice == Advice::going_on);  // a usual floor
  CHECK(at_rate(kNan).advice == Advice::going_on);
  // A small rate that was chosen: another phase in the same folder.
  CHECK(on({{1000, 3.1, 3.1, 1e-3},
            {4000, 2.82, 2.82, 1e-6},
            {8000, 2.7, 2.7, 1e-6},
            {16000, 2.6, 2.6, 1e-6}})
            .advice == Advice::going_on);
  // Decays step by step, rises in between, drops to a plateau, and the foot of another warm-up.
  const auto with_rates = [](const std::vector<double>& rates) {
    std::vector<Point> steps;
    double loss = 3.1;
    std::int64_t step = 1000;
    for (const double rate : rates) {
      steps.push_back({step, loss, loss, rate});
      loss -= 0.2, step *= 2;
    }
    return on(steps).advice;
  };
  CHECK(with_rates({1e-3, 3e-4, 6e-5, 9e-6}) == Advice::settled);
  CHECK(with_rates({3e-4, 1e-6, 3e-4, 1e-6}) == Advice::going_on);
  CHECK(with_rates({0.1, 0.1, 1e-2, 1e-3, 1e-4}) == Advice::going_on);
  CHECK(with_rates({3e-4, 3e-4, 3e-4, 1e-7}) == Advice::going_on);
  // Restarts of a cosine: it has come back from nothing before.
  CHECK(with_rates({3e-4, 1.5e-4, 0, 3e-4, 1.5e-4, 0}) == Advice::going_on);
  CHECK(with_rates({3e-4, 1.5e-4, 0, 1e-4, 5e-5, 0}) == Advice::going_on);
  CHECK(with_rates({0, 3e-4, 1.5e-4, 0}) == Advice::settled);   // the first warm-up is none
  CHECK(with_rates({3e-4, 1e-7, 1e-6, 0}) == Advice::settled);  // nor is so little
  CHECK(with_rates({3e-4, 3e-4, 2e-4, 0, 0}) == Advice::settled);
  const auto without_rates = on({{1000, 3.1, 3.1, 0}, {2000, 2.9, 2.9, 0}, {4000, 2.7, 2.7, 0}});
  CHECK(without_rates.advice == Advice::going_on);  // never recorded as anything but 0
}

TEST_CASE("a base that knew its data may learn little", "[advice][rates]") {
  const auto last = [](double loss, const Trained& trained = kTokens) {
    return on({{0, kNan, 2.1},
               {250, 2.1, 2.083},
               {500, 2.08, 2.076},
               {1000, 2.08, 2.072},
               {2000, 2.08, 2.071},
               {4000, 2.08, loss}},
              trained);
  };
  CHECK(told(last(2.0705)) ==
        "unknown: The eval loss fell from 2.1 at checkpoint-0 to 2.071 only, by 1.4 %. The base "
        "was a good model already: that is too little to tell a learning rate that is too low from "
        "a base that knew such data.");
  CHECK(last(2.073).advice == Advice::unknown);                              // within noise
  CHECK(last(2.077).advice == Advice::not_learning);                         // up and down
  CHECK(last(2.0705, {.of_changes = true}).advice == Advice::not_learning);  // not known
  CHECK(on({{0, kNan, 2.1}, {250, 2.1, 2.098}, {500, 2.1, 2.096}, {1000, 2.1, 2.095}}).advice ==
        Advice::not_learning);
}
