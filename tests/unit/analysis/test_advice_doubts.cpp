/// @file
/// Losses that are not those of a model of text, of the weights beside them, or of any measurement.

#include <limits>

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"
#include "wishart/record/recorded_loss.hpp"

#include "advice_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

TEST_CASE("a loss that is no likelihood is not judged", "[advice][losses]") {
  const auto losses = [](const std::vector<double>& training) {
    std::vector<Losses> all;
    all.reserve(training.size());
    for (const double loss : training) all.push_back({loss, kNan});
    return all;
  };
  const std::vector<double> policy{0.0011, 0.0021, -0.0008, 0.0014, 0.0032, 0.0017};
  const Conclusion found = concluded(run_of(losses(policy), 50), kBytes, 3);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.basis == Basis::none);
  CHECK(found.best_checkpoint.empty());
  CHECK(found.reasons.at(0) ==
        "The training loss is negative at checkpoint-200, as in reinforcement learning: it is no "
        "likelihood, and not judged.");
  CHECK(found.reasons.at(1).starts_with("The layers still change"));
  std::vector<HistoryRow> rows = run_of(losses({0, 0, 0, 0}), 50);
  rows.back().settled_share = 1;
  const Conclusion zero = concluded(rows, kBytes, 3);
  CHECK(zero.advice == Advice::settled);  // by the spectra, which do not say that it may be stopped
  CHECK(zero.basis == Basis::spectra);
  CHECK(track_text(zero, kTriedWindow).empty());
  CHECK(zero.reasons.at(0) ==
        "The training loss is at most 0.05 throughout, as in reinforcement learning: it is no "
        "likelihood, and not judged.");
  CHECK(concluded(run_of(losses({-0.010, -0.021, -0.035, -0.044}), 50), kBytes, 3).advice ==
        Advice::unknown);
  // Data that are learnt by heart end there, but do not begin there.
  CHECK(concluded(run_of(losses({0.4, 0.1, 0.04, 0.02}), 50), kBytes, 3).advice ==
        Advice::going_on);
  // The held-out losses are judged all the same.
  rows = run_of({{0.001, 2.9}, {-0.002, 2.4}, {0.003, 1.9}, {0.1, 1.5}}, 50);
  CHECK(concluded(rows, kBytes, 3).advice == Advice::going_on);
  CHECK(concluded(rows, kBytes, 3).reasons.at(1).starts_with("The training loss is negative at "));
  // NaN stays what it is.
  rows = run_of(losses({0.001, -0.002, 0.003, kRecordedNan}), 50);
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
}

TEST_CASE("a loss that was carried forward was not measured anew", "[advice][losses]") {
  // Held-out losses of the first two checkpoints only; the log carries the second on.
  std::vector<HistoryRow> rows =
      run_of({{3, 3.1}, {2, 2.1}, {1.8, 2.1}, {1.6, 2.1}, {1.5, 2.1}, {1.4, 2.1}});
  for (std::size_t i = 2; i < rows.size(); ++i) rows[i].eval_loss = rows[1].eval_loss;
  const Conclusion found = conclude(rows, kBytes, 3);
  CHECK(found.advice == Advice::going_on);
  CHECK(found.reasons.at(0).starts_with("The training loss falls by "));
  CHECK(found.best_checkpoint == "checkpoint-1600");
  // Of every second checkpoint they are enough.
  rows = run_of({{3, 3.1}, {2.5, 3.1}, {2, 2.1}, {1.8, 2.1}, {1.6, 1.7}, {1.5, 1.7}});
  for (std::size_t i = 1; i < rows.size(); i += 2) rows[i].eval_loss = rows[i - 1].eval_loss;
  CHECK(conclude(rows, kBytes, 3).reasons.at(0).starts_with("The eval loss falls by "));
  CHECK(conclude(rows, kBytes, 3).best_checkpoint == "checkpoint-800");
  // Nor do training losses that stand still tell that nothing is learnt any more.
  rows = run_of(std::vector<Losses>(5, {2, kNan}));
  for (HistoryRow& row : rows) row.loss = 2;
  CHECK(conclude(rows, kBytes, 3).basis == Basis::none);
}

TEST_CASE("a loss of few decimals may be the same at two measurements", "[advice][losses]") {
  const auto rounded_to = [](const std::vector<Losses>& losses) {
    std::vector<HistoryRow> rows = run_of(losses, 100);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].loss = losses[i].training, rows[i].eval_loss = losses[i].held_out;
    }
    return rows;
  };
  const std::vector<Losses> level{{4, 4},       {3, 3},       {2.5, 2.5},   {2.3, 2.3},
                                  {2.21, 2.21}, {2.20, 2.19}, {2.15, 2.19}, {2.10, 2.19},
                                  {2.05, 2.19}, {2.00, 2.19}};
  std::vector<HistoryRow> rows = rounded_to(level);
  CHECK(concluded(rows, kBytes, 3).advice == Advice::settled);
  CHECK(concluded(rows, kBytes, 3).reasons.at(0) == "The eval loss has not changed.");
  // Carried: the log has nothing else that is new, it was not measured at each checkpoint before,
  // it still moved by much, or has all its digits.
  for (std::size_t i = 6; i < rows.size(); ++i) rows[i].loss = rows[5].loss;
  CHECK(concluded(rows, kBytes, 3).basis == Basis::none);
  rows = rounded_to(level);
  rows[1].eval_loss = 4;
  CHECK(concluded(rows, kBytes, 3).reasons.at(0).starts_with("The training loss falls by "));
  rows = rounded_to(level);
  rows[4].eval_loss = 2.25;
  CHECK(concluded(rows, kBytes, 3).reasons.at(0).starts_with("The training loss falls by "));
  rows = rounded_to(level);
  for (std::size_t i = 5; i < rows.size(); ++i) rows[i].eval_loss = 2.1912345;
  CHECK(concluded(rows, kBytes, 3).reasons.at(0).starts_with("The training loss falls by "));
}

TEST_CASE("a loss that was recorded as NaN or infinite is divergence", "[advice][losses]") {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (const Losses last : {Losses{kRecordedNan, kRecordedNan}, Losses{kRecordedNan, 1.2},
                            Losses{kInf, kNan}, Losses{1.1, kRecordedNan}, Losses{1.1, -kInf}}) {
    CAPTURE(last.training, last.held_out);
    std::vector<HistoryRow> rows = run_of({{kNan, 5.55}, {2, 2.1}, {1.5, 1.6}, last});
    rows.back().settled_share = 1;
    const Conclusion found = conclude(rows, kBytes, 3);
    CHECK(found.advice == Advice::diverging);
    CHECK(found.basis == Basis::losses);
    CHECK(found.best_checkpoint == "checkpoint-200");
    CHECK(found.reasons.at(0).ends_with(" at checkpoint-400."));
    // It is the last word, though the log goes on without a loss or carries it forward.
    rows.push_back(rows.back());
    rows.back().checkpoint = "checkpoint-800";
    CHECK(conclude(rows, kBytes, 3).advice == Advice::diverging);
    rows.back().loss = rows.back().eval_loss = kNan;
    CHECK(conclude(rows, kBytes, 3).reasons == found.reasons);
    rows.back().loss = rows.back().eval_loss = 1.05;  // it recovered
    CHECK(conclude(rows, kBytes, 3).advice == Advice::going_on);
  }
  const std::vector<HistoryRow> rows =
      run_of({{kNan, 5.55}, {2, 2.1}, {1.5, 1.6}, {kRecordedNan, kInf}});
  CHECK(conclude(rows, kBytes, 3).reasons.at(0) == "The training loss is NaN at checkpoint-400.");
  CHECK(advice_on({{kNan, 5.55}, {2, 2.1}, {1.5, 1.6}, {kNan, kNan}}) == Advice::going_on);
  CHECK(advice_on({{kRecordedNan, kNan}}) == Advice::diverging);  // one is enough
}

TEST_CASE("a held-out loss that was never finite tells of its evaluation", "[advice][losses]") {
  std::vector<HistoryRow> rows = run_of({{4, kRecordedNan},
                                         {3, kRecordedNan},
                                         {2.6, kRecordedNan},
                                         {2.4, kRecordedNan},
                                         {2.2, kRecordedNan}},
                                        100);
  const Conclusion broken = concluded(rows, kBytes, 3);
  CHECK(broken.advice == Advice::going_on);
  CHECK(broken.best_checkpoint == "checkpoint-1600");
  CHECK(broken.reasons.at(0).starts_with("The training loss falls by "));
  CHECK(broken.reasons.at(1) ==
        "The eval loss is NaN at each of the 5 checkpoints with one and never was finite: look at "
        "its "
        "evaluation (masked labels, half precision), not at the run.");
  CHECK(track_text(broken, kTriedWindow).empty());
  // Finite once, or a training loss that is not: the run.
  rows[0].eval_loss = 4.1;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
  rows[0].eval_loss = kRecordedNan;
  rows[4].loss = kRecordedNan;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
  // Nor does the training loss excuse what it shows itself.
  rows = run_of({{4, kNan}, {2, kRecordedNan}, {3.9, kNan}, {4.2, kNan}}, 100);
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
  rows = run_of({{kNan, kRecordedNan}, {kNan, kNan}, {kNan, kNan}}, 100);
  CHECK(concluded(rows, kBytes, 3).advice == Advice::unknown);
  CHECK(concluded(rows, kBytes, 3)
            .reasons.at(0)
            .starts_with(
                "The eval loss is NaN at checkpoint-100, the only checkpoint with one and never"));
}

TEST_CASE("of losses that are not above zero no shares are told", "[advice][losses]") {
  const auto reason = [](const std::vector<Losses>& losses) {
    return conclude(run_of(losses), {}, 3).reasons.at(0);
  };
  CHECK(reason({{kNan, 1}, {kNan, 0.04}, {kNan, 0}, {kNan, 0.75}})
            .starts_with("The eval loss is 0.75, 0.75 above its lowest, 0 at checkpoint-200."));
  CHECK(reason({{kNan, 1.0}, {kNan, 0.52}, {kNan, 0.04}, {kNan, 0}}) ==
        "The eval loss falls by 0.26 per doubling of the steps.");
}

TEST_CASE("losses that fall beside weights that stand still are no good news",
          "[advice][same-weights]") {
  std::vector<HistoryRow> rows =
      run_of({{2.4, 2.5}, {2.1, 2.2}, {1.9, 2.0}, {1.75, 1.85}, {1.6, 1.72}}, 100);
  const auto weights = [&](const std::vector<std::string>& hashes) {
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].weights = hashes[i];
    return concluded(rows, kBytes, 3);
  };
  CHECK(weights({"a", "b", "c", "d", "e"}).advice == Advice::going_on);
  CHECK(weights({"", "", "", "", ""}).advice == Advice::going_on);  // not known
  CHECK(weights({"a", "a", "c", "d", "e"}).advice == Advice::going_on);
  const Conclusion stale = weights({"a", "a", "a", "a", "a"});
  CHECK(stale.advice == Advice::unknown);
  CHECK(stale.basis == Basis::none);
  CHECK(stale.reasons.at(0) ==
        "None of the 10 matrices has changed since checkpoint-100: old weights were written, or "
        "only what is no matrix here is trained, such as vectors or a small head.");
  CHECK(stale.reasons.at(1).starts_with("The eval loss falls by "));
  CHECK(advice_text(stale) == "No advice: the last checkpoint has the weights of checkpoint-100.");
  CHECK(track_text(stale, kTriedWindow).empty());
  CHECK(weights({"a", "b", "c", "d", "d"}).same_as == "checkpoint-800");
  CHECK(weights({"a", "a", "", "a", "a"}).reasons == stale.reasons);
  rows[2].missing = 1;
  CHECK(weights({"a", "a", "half", "a", "a"}).reasons == stale.reasons);
  rows[2].missing = 0;
  // Updates stopped, and the held-out loss is that of before in all its bits.
  rows[4].eval_loss = rows[3].eval_loss;
  CHECK(weights({"a", "b", "c", "d", "d"}).advice == Advice::unknown);
  // Nor do spectra or too few checkpoints say more of it.
  for (HistoryRow& row : rows) row.loss = row.eval_loss = kNan;
  rows.back().settled_share = 1;
  CHECK(weights({"a", "b", "c", "d", "d"}).same_as == "checkpoint-800");
  // What is bad stays so, for its losses are of weights that nobody may have saved.
  rows = run_of({{2.4, 2.5}, {2.1, 2.2}, {1.7, 2.1}, {1.2, 2.6}, {0.6, 3.9}}, 100);
  const Conclusion bad = weights({"a", "a", "a", "a", "a"});
  CHECK(bad.advice == Advice::overfitting);
  CHECK(bad.reasons.back().starts_with("None of the 10 matrices has changed since"));
}

TEST_CASE("weights that were loaded again have not the losses beside them",
          "[advice][same-weights]") {
  std::vector<HistoryRow> rows =
      run_of({{2.4, 2.5}, {2.1, 2.2}, {1.7, 2.1}, {1.2, 2.6}, {0.9, 3.0}}, 100);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].weights = std::to_string(i);
  rows[4].checkpoint = "final";
  CHECK(concluded(rows, kBytes, 3).advice == Advice::overfitting);
  rows[4].weights = rows[2].weights;
  const Conclusion best = concluded(rows, kBytes, 3);
  CHECK(best.advice == Advice::unknown);
  CHECK(best.best_checkpoint == "checkpoint-400");
  CHECK(best.reasons.at(0) ==
        "The matrices of final are those of checkpoint-400, which has the lowest loss: they were "
        "loaded again, and what the run learnt since is not in it.");
  CHECK(advice_text(best) ==
        "No advice: the last checkpoint has the weights of checkpoint-400, which has the lowest "
        "loss.");
  rows[4].weights = rows[1].weights;
  CHECK(advice_text(concluded(rows, kBytes, 3)) ==
        "No advice: the last checkpoint has the weights of checkpoint-200.");
  // A run that goes on from there is judged by its own losses.
  rows = run_of({{2.4, 2.5}, {2.1, 2.2}, {1.7, 1.9}, {3.9, 4.1}, {1.5, 1.7}, {1.3, 1.5}}, 100);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].weights = std::to_string(i);
  rows[3].weights = rows[1].weights;
  const Conclusion again = concluded(rows, kBytes, 3);
  CHECK(again.advice == Advice::going_on);
  CHECK(again.reasons.back() ==
        "The losses recorded with checkpoint-800 are not judged: its weights are those of "
        "checkpoint-200.");
  // Weights that are not finite are no better for having been there before.
  rows.back().weights = rows[1].weights;
  rows.back().nonfinite = 1;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
}

TEST_CASE("nobody is sent back to a checkpoint that is damaged", "[advice]") {
  std::vector<HistoryRow> rows =
      run_of({{2.4, 2.5}, {2.1, 2.2}, {1.7, 2.1}, {1.2, 2.6}, {0.6, 3.9}}, 100);
  rows[2].zero = 7;
  const Conclusion found = concluded(rows, kBytes, 3);
  CHECK(found.advice == Advice::overfitting);
  CHECK(found.best_checkpoint == "checkpoint-200");
  CHECK(found.reasons.at(1) == "checkpoint-400 has a lower loss, but 7 of its 10 layers are zero.");
  CHECK(advice_text(found) ==
        "Stop: what it learns now no longer holds for held-out data. Go back to checkpoint-200, "
        "which has the lowest loss of those that are whole.");
  rows[2].zero = 0;
  rows[2].missing = 2;
  CHECK(concluded(rows, kBytes, 3).reasons.at(1) ==
        "checkpoint-400 has a lower loss, but 2 of its layers are missing.");
  rows[2].missing = 0;
  rows[2].nonfinite = 1;
  CHECK(concluded(rows, kBytes, 3).reasons.at(1) ==
        "checkpoint-400 has a lower loss, but 1 of its 10 layers is not finite.");
  for (HistoryRow& row : rows) row.zero = 1;
  CHECK(concluded(rows, kBytes, 3).best_checkpoint.empty());
  CHECK(advice_text(concluded(rows, kBytes, 3)) ==
        "Stop: what it learns now no longer holds for held-out data.");
}

TEST_CASE("nobody is let resume from weights that were NaN for a while", "[advice]") {
  std::vector<HistoryRow> rows =
      run_of({{2.4, 2.5}, {2.1, 2.2}, {1.8, 2.0}, {1.5, 1.8}, {1.2, 1.6}}, 100);
  rows[2].nonfinite = 1;
  const Conclusion found = concluded(rows, kBytes, 3);
  CHECK(found.advice == Advice::going_on);
  CHECK(found.reasons.at(0).starts_with("The eval loss falls by "));
  CHECK(found.reasons.at(1) ==
        "checkpoint-400 holds NaN or infinite weights in 1 of its 10 layers: do not resume from "
        "it.");
  rows[3].nonfinite = 2;
  CHECK(
      concluded(rows, kBytes, 3).reasons.at(1) ==
      "checkpoint-400 holds NaN or infinite weights in 1 of its 10 layers, and so does 1 more: do "
      "not resume from them.");
  rows[4].nonfinite = 2;
  CHECK(concluded(rows, kBytes, 3).reasons.size() == 1);
}

TEST_CASE("a loss of exactly zero beside others far above it is no measurement",
          "[advice][losses]") {
  const auto losses = [](const std::vector<Losses>& all) {
    return concluded(run_of(all, 100), kBytes, 3);
  };
  const Conclusion zero =
      losses({{2.4, kNan}, {2.1, kNan}, {1.9, kNan}, {1.75, kNan}, {0.0, kNan}});
  CHECK(zero.advice == Advice::unknown);
  CHECK(zero.best_checkpoint == "checkpoint-800");
  CHECK(zero.reasons.at(0) ==
        "The training loss is exactly 0 at checkpoint-1600, beside 1.75: that is no measurement. "
        "Look for gradients that overflow, or labels that are all masked.");
  CHECK(losses({{2.4, kNan}, {2.1, kNan}, {1.9, kNan}, {0.0, kNan}, {0.0, kNan}}).advice ==
        Advice::unknown);
  CHECK(losses({{2.4, 2.5}, {2.1, 2.2}, {1.9, 2.0}, {1.75, 1.9}, {1.7, 0.0}}).advice ==
        Advice::unknown);
  // A held-out loss that was measured meanwhile is the word on the run; one zero before is past.
  CHECK(losses({{2.4, 2.5}, {2.1, 2.2}, {1.9, 2.0}, {1.75, 1.9}, {0.0, 1.7}}).advice ==
        Advice::going_on);
  CHECK(losses({{0.0, kNan}, {2.1, kNan}, {1.9, kNan}, {1.75, kNan}, {1.5, kNan}}).advice ==
        Advice::going_on);
  // It is no lowest loss, above which the others would be.
  CHECK(
      losses({{2.4, kNan}, {0.0, kNan}, {1.9, kNan}, {1.75, kNan}, {1.5, kNan}}).best_checkpoint ==
      "checkpoint-1600");
  // What is learnt by heart comes to zero by small losses.
  CHECK(losses({{0.5, kNan}, {0.2, kNan}, {0.04, kNan}, {0.0, kNan}}).advice == Advice::going_on);
}

TEST_CASE("a run of tokens that begins next to zero is none of likelihoods", "[advice][losses]") {
  std::vector<HistoryRow> rows =
      run_of({{0.004, kNan}, {0.013, kNan}, {0.028, kNan}, {0.047, kNan}, {0.071, kNan}}, 100);
  const Conclusion policy = concluded(rows, kBytes, 3);
  CHECK(policy.advice == Advice::unknown);
  CHECK(policy.reasons.at(0) ==
        "The training loss is 0.004 at first, at checkpoint-100, as in reinforcement learning: it "
        "is no likelihood, and not judged.");
  CHECK(concluded(rows, {.classes = 10}, 3).advice == Advice::diverging);  // an easy classification
}

TEST_CASE("of tokens that may be no words only a guess is known to have learnt nothing",
          "[advice]") {
  const Trained images{.classes = 16384, .language = true};
  const std::vector<Losses> healthy{{9.71, 9.71}, {8.60, 8.63}, {8.05, 8.09},
                                    {7.84, 7.89}, {7.80, 7.86}, {7.79, 7.853}};
  for (const int from : {0, 1}) {
    std::vector<HistoryRow> rows = run_of(healthy);
    rows.erase(rows.begin(), rows.begin() + from);
    const Conclusion found = concluded(rows, images, 3);
    CHECK(found.advice == Advice::unknown);
    CHECK(
        found.reasons.at(0) ==
        "The lowest eval loss is 7.853. Of text that would be a model that knows hardly more than "
        "how frequent each of the 16384 tokens is (6.308 or so); of tokens of images or sounds it "
        "may be a good one.");
  }
  const Conclusion none =
      concluded(run_of({{kNan, 9.71}, {9.71, 9.70}, {9.70, 9.70}, {9.70, 9.70}}), images, 3);
  CHECK(none.advice == Advice::not_learning);
  CHECK(none.reasons.at(0) ==
        "The lowest eval loss is 9.7, less than 10 % below the 9.704 of a guess among 16384 "
        "tokens.");
}

TEST_CASE("a loss far above that of a guess is on another scale", "[advice][losses]") {
  const Trained tokens{.classes = 512, .language = true};
  const auto scaled = [&](const std::vector<double>& nats, double scale, std::int64_t first = 0) {
    std::vector<Losses> losses;
    for (const double loss : nats) losses.push_back({scale * loss, kNan});
    return concluded(run_of(losses, first), tokens, 3);
  };
  const std::vector<double> plateau{6.24, 4.0, 3.2, 2.75, 2.69, 2.69, 2.691, 2.689};
  const Conclusion found = scaled(plateau, 4);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.reasons.back() ==
        "The training loss was 24.96 at checkpoint-0 and is 10.76, where a guess among 512 has "
        "6.238: it may be a sum or of another unit, so what is learnt is not known.");
  CHECK(scaled(plateau, 1).advice == Advice::settled);
  CHECK(scaled({6.24, 5.5, 4.6, 4.0, 3.5, 3.1}, 4).advice == Advice::going_on);
  // Who did not see the beginning cannot tell.
  CHECK(scaled({2.75, 2.70, 2.69, 2.691, 2.689}, 4, 100).advice == Advice::unknown);
  // No fall is one on no scale, and what begins at a guess is of none.
  CHECK(scaled({6.24, 6.24, 6.23, 6.24, 6.23}, 4).advice == Advice::not_learning);
  CHECK(scaled({6.3, 6.24, 6.23, 6.24, 6.23}, 1).advice == Advice::not_learning);
  CHECK(scaled({6.24, 6.23, 6.24, 6.23}, 1, 100).advice == Advice::not_learning);
}
