/// @file
/// What to do with a run, from its losses and from its spectra. The runs of the first test are
/// small language models that were trained with known fates.

#include <cmath>
#include <limits>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/share.hpp"
#include "wishart/record/recorded_loss.hpp"

using namespace wishart;
using namespace wishart::analysis;

namespace {

struct Losses {
  double training;
  double held_out;
};

/// The loss of checkpoint i. Tests give few digits; two that were measured differ in their last.
double measured(double loss, std::size_t i) {
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  return std::isfinite(loss) ? loss * (1 + kEpsilon * static_cast<double>(i)) : loss;
}

/// Checkpoints at steps 0, 100, 200, 400, ..., or from another step than 0 on, each at twice the
/// one before.
std::vector<HistoryRow> run_of(const std::vector<Losses>& losses, std::int64_t first = 0) {
  std::vector<HistoryRow> rows(losses.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].step = first > 0 ? first << i : i == 0 ? 0 : 100LL << (i - 1);
    rows[i].checkpoint = "checkpoint-" + std::to_string(rows[i].step);
    rows[i].loss = measured(losses[i].training, i);
    rows[i].eval_loss = measured(losses[i].held_out, i);
    rows[i].layers = 10;
    rows[i].entropy = 0.8;
    rows[i].stable_rank = 10;
    rows[i].log_norm = 1 + 0.1 * static_cast<double>(i);
    rows[i].log_spectral_norm = 0;
    rows[i].settled_share = 0;
  }
  return rows;
}

/// The conclusion on rows whose checkpoints all have the same layers, so that the changes over the
/// layers are those of the means.
Conclusion concluded(std::vector<HistoryRow> rows, const Trained& trained, std::int64_t window) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    rows[i].spectral_norm_step = rows[i].log_spectral_norm - rows[i - 1].log_spectral_norm;
    rows[i].spectral_norm_risen = rows[i].log_spectral_norm - rows[0].log_spectral_norm;
    rows[i].norm_risen = rows[i].log_norm - rows[0].log_norm;
  }
  return conclude(rows, trained, window);
}

const Trained kBytes{.classes = 256, .language = true};

Advice advice_on(const std::vector<Losses>& losses, const Trained& trained = kBytes) {
  return concluded(run_of(losses), trained, 3).advice;
}

std::vector<HistoryRow> without_losses(std::size_t count = 5) {
  return run_of(std::vector<Losses>(count, {kNan, kNan}));
}

}  // namespace

TEST_CASE("losses decide where there are any", "[advice]") {
  CHECK(advice_on({{kNan, 5.55}, {3.0, 2.9}, {2.4, 2.3}, {1.77, 1.69}}) == Advice::going_on);
  CHECK(advice_on({{kNan, 5.55}, {2.1, 1.9}, {1.9, 1.715}, {1.89, 1.712}, {1.89, 1.71}}) ==
        Advice::settled);
  CHECK(advice_on({{kNan, 5.55}, {2.0, 2.57}, {0.9, 3.1}, {0.24, 3.97}}) == Advice::overfitting);
  CHECK(advice_on({{kNan, 5.55}, {2.1, 2.2}, {1.5, 1.89}, {1.3, 1.9}, {1.12, 1.91}}) ==
        Advice::overfitting);  // mildly, but twice above the lowest
  CHECK(advice_on({{kNan, 5.55}, {2.4, 2.5}, {2.99, 3.03}}) == Advice::diverging);
  CHECK(advice_on({{kNan, 5.56}, {5.55, 5.55}, {5.55, 5.55}}) == Advice::not_learning);
  CHECK(advice_on({{kNan, 5.55}, {4.7, 4.7}, {4.69, 4.695}}) == Advice::not_learning);
}

TEST_CASE("an advice says why, with numbers, and where the lowest loss was", "[advice]") {
  const Conclusion over =
      concluded(run_of({{kNan, 5.55}, {2.0, 2.57}, {0.9, 3.1}, {0.24, 3.97}}), kBytes, 3);
  CHECK(over.basis == Basis::losses);
  CHECK(over.best_checkpoint == "checkpoint-100");
  REQUIRE(over.reasons.size() == 1);
  CHECK(over.reasons[0] ==
        "The eval loss is 3.97, 54 % above its lowest, 2.57 at checkpoint-100; the training loss "
        "fell from 2 to 0.24 meanwhile.");
  const auto first_reason = [](const std::vector<Losses>& losses, const Trained& trained) {
    return concluded(run_of(losses), trained, 3).reasons.at(0);
  };
  CHECK(first_reason({{kNan, 5.55}, {2.4, 2.5}, {2.99, 3.03}}, kBytes) ==
        "The training loss is 2.99; it was 2.4 at checkpoint-100.");
  CHECK(
      first_reason({{kNan, 5.56}, {5.55, 5.55}, {5.55, 5.55}}, kBytes) ==
      "The lowest eval loss is 5.55, not below the 3.604 or so of a model of text that knows only "
      "how frequent each of the 256 tokens is.");
  CHECK(first_reason({{kNan, 5.56}, {3.41, 3.405}, {3.4, 3.4}}, kBytes)
            .find("is 3.4, less than 10 % below the 3.604 or so of a model of text") !=
        std::string::npos);
  CHECK(first_reason({{kNan, 2.31}, {2.3, 2.3}, {2.3, 2.3}}, {.classes = 10}) ==
        "The lowest eval loss is 2.3, less than 10 % below the 2.303 of a guess among 10 classes.");
  CHECK(first_reason({{kNan, 5.55}, {3.0, 2.9}, {2.4, 2.4}, {1.77, 1.9}}, kBytes) ==
        "The eval loss falls by 0.5 per doubling of the steps, 26 % of it.");
}

TEST_CASE("one high value is noise, unless it is far above", "[advice]") {
  CHECK(advice_on({{kNan, 5.55}, {2.1, 2.01}, {2.05, 2.0}, {2.04, 2.015}}) == Advice::settled);
  CHECK(advice_on({{kNan, 5.55}, {2.1, 2.01}, {2.05, 2.0}, {2.0, 2.015}, {1.9, 2.02}}) ==
        Advice::overfitting);
  CHECK(advice_on({{kNan, 5.55}, {2.1, 2.01}, {2.05, 2.0}, {2.0, 2.05}}) == Advice::overfitting);
}

TEST_CASE("fine-tuning has to improve on its base, not on guessing", "[advice]") {
  CHECK(advice_on({{kNan, 3.25}, {2.9, 2.8}, {2.5, 2.4}}) == Advice::going_on);
  CHECK(advice_on({{kNan, 3.25}, {3.25, 3.24}, {3.24, 3.24}}) == Advice::not_learning);
  // Of an adapter the vocabulary is not known.
  const Trained adapter{.of_changes = true};
  CHECK(advice_on({{3.2, 3.25}, {3.25, 3.24}, {3.24, 3.24}}, adapter) == Advice::not_learning);
  CHECK(advice_on({{2.9, 3.0}, {2.7, 2.8}, {2.5, 2.4}}, adapter) == Advice::going_on);
}

TEST_CASE("small losses of a fine-tuning have small margins", "[advice]") {
  // 0.2 % of ln 32000 would be 5 % of such a loss.
  const Trained tokens{.classes = 32000, .language = true};
  std::vector<HistoryRow> rows =
      run_of({{0.40, 0.450}, {0.33, 0.400}, {0.27, 0.407}, {0.22, 0.412}, {0.18, 0.418}}, 100);
  CHECK(concluded(rows, tokens, 3).advice == Advice::overfitting);
  rows = run_of({{0.40, 0.480}, {0.36, 0.462}, {0.33, 0.444}, {0.30, 0.426}}, 100);
  CHECK(concluded(rows, tokens, 3).advice == Advice::going_on);
}

TEST_CASE("a held-out loss that rises beside the training loss has not settled", "[advice]") {
  const Conclusion lost = concluded(
      run_of({{1.90, 2.2}, {1.80, 2.0}, {1.82, 2.15}, {1.84, 2.3}, {1.86, 2.5}}, 100), kBytes, 3);
  CHECK(lost.advice == Advice::diverging);
  CHECK(lost.best_checkpoint == "checkpoint-200");
  CHECK(track_text(lost, kTriedWindow).empty());
  CHECK(lost.reasons.at(0) ==
        "The eval loss is 2.5, 25 % above its lowest, 2 at checkpoint-200; the training loss rose "
        "from 1.8 to 1.86 meanwhile.");
  const Conclusion noise =
      concluded(run_of({{1.90, 2.2}, {1.80, 2.0}, {1.80, 2.03}, {1.81, 2.04}}, 100), kBytes, 3);
  CHECK(noise.advice == Advice::unknown);
  CHECK(noise.reasons.at(0) ==
        "The eval loss is above its lowest, 2 at checkpoint-200, but the training loss did not "
        "fall since: it may be noise.");
}

TEST_CASE("one training loss does not outweigh a held-out loss at its lowest", "[advice]") {
  const std::vector<Losses> losses{
      {2.3, 2.2}, {1.9, 2.0}, {1.52, 1.85}, {1.80, 1.75}, {1.68, 1.68}};
  CHECK(concluded(run_of(losses, 100), kBytes, 3).advice == Advice::going_on);
  // It was at its lowest after the training loss had risen, though not measured again since.
  std::vector<HistoryRow> rows = run_of(losses, 100);
  rows.back().eval_loss = kNan;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::going_on);
  rows.back().eval_loss = rows[3].eval_loss;  // or carried forward
  CHECK(concluded(rows, kBytes, 3).advice == Advice::going_on);
  // But a rise of the training loss alone is a divergence where no newer held-out loss is known.
  rows[3].eval_loss = rows.back().eval_loss = kNan;
  rows[3].loss = 2.6, rows.back().loss = 2.7;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
  CHECK(track_text(concluded(rows, kBytes, 3), kTriedWindow).empty());
}

TEST_CASE("a training loss that rises beside a held-out loss that does not is no divergence",
          "[advice][losses]") {
  // The mixture of the data was changed.
  const Conclusion other = concluded(
      run_of({{2.30, 2.31}, {2.22, 2.24}, {2.15, 2.18}, {2.62, 2.181}, {2.60, 2.182}}, 10000),
      kBytes, 3);
  CHECK(other.advice == Advice::unknown);
  CHECK(other.basis == Basis::losses);
  CHECK(other.reasons.at(0) ==
        "The training loss rose from 2.15 at checkpoint-40000 to 2.6, but the eval loss did not "
        "rise: the data are others, or it is noise.");
  // Both rose.
  CHECK(concluded(
            run_of({{2.30, 2.31}, {2.22, 2.24}, {2.15, 2.18}, {2.62, 2.5}, {2.60, 2.52}}, 10000),
            kBytes, 3)
            .advice == Advice::diverging);
  // Losses of single batches: the held-out one was at its lowest when that of training had risen.
  CHECK(concluded(run_of({{0.981, 0.9561}, {0.842, 0.9313}, {0.951, 0.9290}, {0.972, 0.9285}}, 100),
                  kBytes, 3)
            .advice == Advice::settled);
}

TEST_CASE("without held-out losses two training losses in a row have to rise", "[advice][losses]") {
  const auto concluded_on = [](const std::vector<double>& training) {
    std::vector<Losses> losses;
    losses.reserve(training.size());
    for (const double loss : training) losses.push_back({loss, kNan});
    return concluded(run_of(losses, 100), kBytes, 3);
  };
  CHECK(concluded_on({2.4, 2.0, 1.8, 2.6, 2.7}).advice == Advice::diverging);
  const Conclusion once = concluded_on({2.4, 2.0, 1.8, 1.7, 2.6});
  CHECK(once.advice == Advice::unknown);
  CHECK(once.reasons.at(0) ==
        "The training loss is 2.6; it was 1.7 at checkpoint-800. That may be noise: no held-out "
        "loss has been measured since.");
  // A single low loss is noise as well.
  CHECK(concluded_on({0.981, 0.842, 0.951, 0.972}).advice == Advice::unknown);
  CHECK(concluded_on({1.0, 1.02, 0.99, 1.01, 0.90, 1.0, 1.02}).advice == Advice::unknown);
  // The spectra may confirm it.
  std::vector<HistoryRow> rows =
      run_of({{2.4, kNan}, {2.0, kNan}, {1.8, kNan}, {1.7, kNan}, {2.6, kNan}}, 100);
  rows.back().log_spectral_norm = 2;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
}

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

TEST_CASE("checkpoints close together do not tell whether the loss still falls", "[advice]") {
  const auto dense = [](const std::vector<double>& held_out) {
    std::vector<HistoryRow> rows(held_out.size(), run_of({{kNan, kNan}}).front());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].step = 200000 + 1000 * static_cast<std::int64_t>(i);
      rows[i].checkpoint = "checkpoint-" + std::to_string(rows[i].step);
      rows[i].eval_loss = held_out[i];
    }
    return concluded(rows, kBytes, 3);
  };
  const Conclusion up = dense({2.3104, 2.3096, 2.3090, 2.3092, 2.3094});
  CHECK(up.advice == Advice::unknown);
  CHECK(up.reasons.at(0) ==
        "The eval loss is known from checkpoint-200000 on, over less than half a doubling of the "
        "steps: too close together to tell whether it still falls.");
  CHECK(dense({2.3104, 2.3096, 2.3094, 2.3092, 2.3088}).advice == Advice::unknown);
  CHECK(dense({2.60, 2.52, 2.45, 2.39, 2.34}).advice == Advice::going_on);  // it does by itself
  // Where there are more, the trend goes back as far as it needs.
  std::vector<double> many;
  for (int i = 0; i < 100; ++i) many.push_back(2.4 - 0.0008 * i + (i % 2 == 0 ? 0.001 : 0));
  const Conclusion falls = dense(many);
  CHECK(falls.advice == Advice::going_on);
  CHECK(falls.reasons.at(0).starts_with("The eval loss falls by 0.1"));
}

TEST_CASE("a trend within its noise is none", "[advice]") {
  const Conclusion noisy = concluded(
      run_of({{kNan, 2.5}, {kNan, 2.1}, {kNan, 2.3}, {kNan, 2.0}, {kNan, 2.09}}, 100), kBytes, 3);
  CHECK(noisy.advice == Advice::overfitting);  // far above its lowest
  const Conclusion open =
      concluded(run_of({{kNan, 2.5}, {kNan, 2.06}, {kNan, 2.12}, {kNan, 2.01}}, 100), kBytes, 3);
  CHECK(open.advice == Advice::unknown);
  CHECK(open.reasons.at(0) ==
        "The eval loss falls by 0.025 per doubling of the steps, give or take 0.09815: too "
        "uncertain to tell whether it still falls.");
  const Conclusion settled =
      concluded(run_of({{kNan, 2.5}, {kNan, 2.01}, {kNan, 2.012}, {kNan, 2.014}}, 100), kBytes, 3);
  CHECK(settled.advice == Advice::settled);
  CHECK(settled.reasons.at(0) ==
        "The eval loss rises by 0.002 per doubling of the steps, 0.099 % of it.");
}

TEST_CASE("a held-out loss that rises again and again has not settled", "[advice]") {
  const std::vector<Losses> losses{{2.30, 2.350},  {2.22, 2.300},  {2.15, 2.2900},
                                   {2.10, 2.2930}, {2.05, 2.2960}, {2.0, 2.2995}};
  const Conclusion found = concluded(run_of(losses, 1000), kBytes, 3);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.reasons.at(0) ==
        "The eval loss rose at each of the last three measurements, and the training loss fell: "
        "it may be over-fitting.");
  CHECK(concluded(run_of({losses.begin(), losses.end() - 1}, 1000), kBytes, 3).advice ==
        Advice::settled);
}

TEST_CASE("a run whose loss falls at each checkpoint is learning", "[advice]") {
  const Trained tokens{.classes = 32000, .language = true};
  const Conclusion warm_up =
      concluded(run_of({{kNan, 10.41}, {8.9, 8.8}, {7.5, 7.4}, {6.5, 6.4}}), tokens, 3);
  CHECK(warm_up.advice == Advice::unknown);
  CHECK(warm_up.reasons.at(0) ==
        "The lowest eval loss is 6.4. Of text that would be a model that knows hardly more than "
        "how frequent each of the 32000 tokens is (6.743 or so); of tokens of images or sounds it "
        "may be a good one. But it still falls from checkpoint to checkpoint: it is too early.");
  CHECK(concluded(run_of({{kNan, 5.55}, {4.9, 4.8}, {4.1, 4.0}, {3.6, 3.5}}), kBytes, 3)
            .reasons.at(0) ==
        "The lowest eval loss is 3.5, less than 10 % below the 3.604 or so of a model of text that "
        "knows only how frequent each of the 256 tokens is. But it still falls from checkpoint to "
        "checkpoint: it is too early.");
  CHECK(concluded(run_of({{kNan, 1.800}, {1.79, 1.791}, {1.78, 1.783}, {1.775, 1.776}}), tokens, 3)
            .advice == Advice::unknown);
  // It has fallen, but does no longer.
  CHECK(
      concluded(run_of({{kNan, 5.55}, {3.6, 3.42}, {3.5, 3.405}, {3.5, 3.4}}), kBytes, 3).advice ==
      Advice::not_learning);
  CHECK(concluded(run_of({{kNan, 1.800}, {1.79, 1.791}, {1.79, 1.790}, {1.79, 1.789}}), tokens, 3)
            .advice == Advice::not_learning);
}

TEST_CASE("who has not seen the beginning does not say that nothing was learnt", "[advice]") {
  const Trained adapter{.of_changes = true};
  std::vector<HistoryRow> rows =
      run_of({{1.12, 1.150}, {1.10, 1.143}, {1.09, 1.138}, {1.08, 1.134}}, 500);
  const Conclusion flat = concluded(rows, adapter, 3);
  CHECK(flat.advice == Advice::unknown);
  CHECK(flat.reasons.at(0) ==
        "The eval loss has hardly changed since checkpoint-500, and what it is of a model that has "
        "learnt nothing is not known.");
  // A language model may have its low loss from a base, or a loss of another kind, as of DPO.
  const Trained tokens{.classes = 32000, .language = true};
  CHECK(concluded(rows, tokens, 3).advice == Advice::unknown);
  CHECK(concluded(run_of({{.6933, .69316}, {.6929, .69312}, {.6931, .69318}, {.6934, .69314}}, 100),
                  tokens, 3)
            .advice == Advice::unknown);
  CHECK(concluded(run_of({{1.32, 1.350}, {1.10, 1.143}, {1.09, 1.138}, {1.08, 1.134}}, 500), tokens,
                  3)
            .advice == Advice::settled);
  CHECK(concluded(run_of({{.31, .320}, {.31, .318}, {.31, .317}, {.31, .3165}}, 500),
                  {.classes = 10}, 3)
            .advice == Advice::settled);
  CHECK(advice_on({{1.12, 1.150}, {1.10, 1.143}, {1.09, 1.142}, {1.08, 1.141}}, adapter) ==
        Advice::not_learning);
}

TEST_CASE("training losses alone do not show over-fitting; the spectra are asked", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{kNan, kNan}, {2.0, kNan}, {0.9, kNan}, {0.24, kNan}});
  CHECK(concluded(rows, kBytes, 3).advice == Advice::going_on);
  CHECK(concluded(rows, kBytes, 3).best_checkpoint == "checkpoint-400");
  CHECK(track_text(concluded(rows, kBytes, 3), kTriedWindow).empty());
  rows[3].trained = 10;
  rows[3].drowned = 4;
  const Conclusion found = concluded(rows, kBytes, 3);
  CHECK(found.advice == Advice::suspect);
  CHECK(found.basis == Basis::spectra);
  CHECK(found.reasons.size() == 2);
}

TEST_CASE("too few losses, or losses that end early, are not trusted", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{3, 3}, {2, 2}, {kNan, kNan}, {kNan, kNan}, {kNan, kNan}});
  rows.back().settled_share = 1;
  CHECK(concluded(rows, kBytes, 3).basis == Basis::spectra);
  rows = run_of({{3, 3}, {2.5, 2.5}, {2, 2}, {kNan, kNan}});
  CHECK(concluded(rows, kBytes, 3).basis == Basis::losses);
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

TEST_CASE("a training loss that rises is seen, whatever held-out losses there are",
          "[advice][losses]") {
  std::vector<HistoryRow> rows = run_of({{2, 2.1}, {1.5, 1.6}, {1.4, kNan}, {6, kNan}, {9, kNan}});
  rows.back().settled_share = 1;
  const Conclusion found = conclude(rows, kBytes, 3);
  CHECK(found.advice == Advice::diverging);
  CHECK(found.basis == Basis::losses);
  CHECK(found.reasons.at(0) == "The training loss is 9; it was 1.4 at checkpoint-200.");
  // Nor does it take a new one.
  rows = run_of({{2, kNan}, {1.4, kNan}, {9, kNan}, {9.1, kNan}, {9.1, kNan}, {9.1, kNan}});
  rows[5].loss = rows[4].loss = rows[3].loss;
  rows.back().settled_share = 1;
  CHECK(conclude(rows, kBytes, 3).advice == Advice::diverging);
  CHECK(conclude(std::span(rows).subspan(1, 2), kBytes, 3).advice == Advice::unknown);
  // One may be noise, even if there are too few for anything else.
  rows = run_of({{kNan, kNan}, {kNan, kNan}, {1.4, kNan}, {kNan, kNan}, {9, kNan}});
  rows.back().settled_share = 1;
  CHECK(conclude(rows, kBytes, 3).advice == Advice::unknown);
  CHECK(conclude(rows, kBytes, 3).reasons.at(0).starts_with("The training loss is 9; it was 1.4"));
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

TEST_CASE("losses of an earlier stage are not compared with those of the last", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{2, 2}, {1.5, 1.5}, {3.5, 3.5}, {3.0, 3.0}, {2.5, 2.5}});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].checkpoint = (i < 2 ? "stage1-step" : "stage2-step") + std::to_string(i);
  }
  const Conclusion found = concluded(rows, kBytes, 3);
  CHECK(found.advice == Advice::going_on);
  CHECK(found.best_checkpoint == "stage2-step4");
}

TEST_CASE("weights that are not finite outweigh every loss", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{kNan, 5.55}, {3.0, 2.9}, {2.4, 2.3}});
  rows.back().nonfinite = 3;
  const Conclusion found = concluded(rows, kBytes, 3);
  CHECK(found.advice == Advice::diverging);
  CHECK(found.reasons.at(0) == "3 of 10 layers have weights that are NaN or infinite.");
  // Its loss is the lowest, but nobody should go back to NaN.
  CHECK(found.best_checkpoint == "checkpoint-100");
  CHECK(advice_text(found).find("Go back to checkpoint-100, which has the lowest loss of those "
                                "with finite weights.") != std::string::npos);
  rows[1].nonfinite = 1;
  CHECK(concluded(rows, kBytes, 3).reasons.at(0) ==
        "3 of 10 layers have weights that are NaN or infinite.");
  CHECK(concluded(rows, kBytes, 3).best_checkpoint == "checkpoint-0");
  rows.back().nonfinite = 0;  // loaded anew
  CHECK(concluded(rows, kBytes, 3).best_checkpoint == "checkpoint-200");
}

TEST_CASE("without losses and without evidence there is no advice", "[advice]") {
  std::vector<HistoryRow> rows = without_losses();
  const Conclusion found = concluded(rows, {}, 3);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.basis == Basis::none);
  CHECK(found.best_checkpoint.empty());
  REQUIRE(found.reasons.size() == 2);
  CHECK(found.reasons[0] == "The layers still change: 0 % of those that are trained have settled.");
  CHECK(found.reasons[1] ==
        "Spectra alone cannot tell whether that is for the better: record held-out losses.");
  rows.back().settled_share = kNan;
  CHECK(concluded(rows, {}, 3).reasons.at(0) ==
        "Too few checkpoints to see whether layers have settled.");
}

TEST_CASE("without losses the spectra speak where their evidence is strong", "[advice]") {
  std::vector<HistoryRow> rows = without_losses();
  const auto advice = [&](const Trained& trained = {}) {
    return concluded(rows, trained, 3).advice;
  };

  SECTION("settled layers") {
    rows.back().settled_share = 0.9;
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::settled);
    CHECK(found.basis == Basis::spectra);
    CHECK(found.reasons.at(0) == "90 % of the layers that are trained have settled.");
    CHECK(advice_text(found) ==
          "The spectra no longer change. Whether it still learns they do not show: look at a "
          "held-out loss before you stop it.");
    CHECK(track_text(found, kTriedWindow).find("had a held-out loss that no longer fell") !=
          std::string::npos);
  }
  SECTION("checkpoints too close together for anything to change") {
    rows.back().settled_share = 1;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].step = 300000 + 500 * static_cast<std::int64_t>(i);
    }
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::unknown);
    CHECK(found.basis == Basis::none);
    CHECK(found.reasons.at(0) ==
          "100 % of the layers that are trained have not changed over the last 3 checkpoints, "
          "which are less than half a doubling of the steps apart: too close together to tell "
          "(--window).");
  }
  SECTION("a jump that the run survived") {
    rows = without_losses(8);
    rows[2].log_spectral_norm = 1;
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::unknown);
    REQUIRE(found.reasons.size() == 3);
    CHECK(found.reasons[1] ==
          "From checkpoint-100 to checkpoint-200 the largest eigenvalues of the layers grew by a "
          "factor of 10 on average, and have since recovered.");
    rows.back().settled_share = 1;
    CHECK(advice() == Advice::settled);
    for (std::size_t i = 3; i < rows.size(); ++i) rows[i].log_spectral_norm = 0.6;  // not by half
    CHECK(advice() == Advice::diverging);
    // It has only just come down.
    for (HistoryRow& row : rows) row.log_spectral_norm = 0;
    rows[6].log_spectral_norm = 1;
    CHECK(advice() == Advice::diverging);
  }
  SECTION("frozen layers are not settled ones") {
    rows.back().fixed = 8;
    rows.back().settled_share = 0.8;
    CHECK(advice() == Advice::unknown);
    rows.back().fixed = 10;
    rows.back().settled_share = 1;
    CHECK(advice() == Advice::settled);
  }
  SECTION("a jump of the largest eigenvalues") {
    rows[3].log_spectral_norm = rows[4].log_spectral_norm = 2;
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::diverging);
    CHECK(found.reasons.at(0) ==
          "From checkpoint-200 to checkpoint-400 the largest eigenvalues of the layers grew by a "
          "factor of 100 on average.");
    rows[3].log_spectral_norm = rows[4].log_spectral_norm = 0.84;
    CHECK(advice() == Advice::unknown);
    // Checkpoints far apart have had time to grow.
    rows[3].log_spectral_norm = rows[4].log_spectral_norm = 2;
    rows[3].step = rows[2].step * 64, rows[4].step = rows[2].step * 128;
    CHECK(advice() == Advice::unknown);
    // The first step may be large.
    for (std::size_t i = 1; i < rows.size(); ++i) rows[i].log_spectral_norm = 2;
    CHECK(advice() == Advice::unknown);
  }
  SECTION("a run that starts late rises once, a broken one twice") {
    rows.front().like_noise = 10;
    rows[3].log_spectral_norm = rows[4].log_spectral_norm = 2;
    CHECK(advice() == Advice::unknown);
    rows[1].log_spectral_norm = rows[2].log_spectral_norm = 0.4;
    CHECK(advice() == Advice::diverging);
  }
  SECTION("weights that stay where they began") {
    rows.back().norm_moved = 0.03;
    rows.back().spectral_norm_moved = 0.1;
    rows.back().settled_share = 1;
    CHECK(advice() == Advice::settled);
    rows.front().like_noise = 6;
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::not_learning);
    CHECK(found.reasons.at(0) ==
          "Since checkpoint-0, where the weights were like noise, the squared norms of the layers "
          "have changed by 7.15 % on average, the largest eigenvalues by 25.9 %.");
    rows.back().spectral_norm_moved = 0.3;  // directions were learnt
    CHECK(advice() == Advice::settled);
    rows.back().spectral_norm_moved = 0.1;
    rows.back().norm_moved = 0.1;
    CHECK(advice() == Advice::settled);
  }
  SECTION("few directions hold all") {
    rows.back().entropy = 0.49;
    CHECK(advice() == Advice::not_learning);
    // Where the norms fell, weight decay or SGD may have done it; these runs may be healthy.
    rows.back().log_norm = 0.5;
    CHECK(advice() == Advice::unknown);
    rows.back().entropy = 0.1;
    CHECK(advice() == Advice::not_learning);
  }
  SECTION("what was above noise drowns") {
    rows.back().trained = 10;
    rows.back().drowned = 3;
    const Conclusion found = concluded(rows, {}, 3);
    CHECK(found.advice == Advice::suspect);
    CHECK(found.reasons.at(0) ==
          "3 of 10 trained layers have lost all eigenvalues above noise, which they had before: "
          "what is learnt now is spread like noise.");
    CHECK(advice({.of_changes = true}) == Advice::unknown);  // an adapter
    rows.back().trained = 16;                                // 3 of them are few
    CHECK(advice() == Advice::unknown);
    rows.back().trained = 3;
    rows.back().drowned = 2;  // one or two layers may do so by chance
    CHECK(advice() == Advice::unknown);
  }
}

TEST_CASE("too few checkpoints give no advice, and say so", "[advice]") {
  CHECK(concluded({}, {}, 3).advice == Advice::unknown);
  const Conclusion found = concluded(without_losses(2), {}, 3);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.basis == Basis::none);
  CHECK(found.reasons.at(0) == "An advice needs 3 checkpoints of one stage; there are 2.");
}

TEST_CASE("every advice has a name of its own", "[advice]") {
  std::set<std::string_view> names;
  for (const Advice advice : kAdvices) names.insert(advice_name(advice));
  CHECK(names.size() == kAdvices.size());
}

TEST_CASE("Wilson's interval of a share", "[advice]") {
  // 9 of 10, by Wilson's formula with z = 1.959964.
  const Share share = share_of(9, 10);
  CHECK(share.value == 0.9);
  CHECK(share.low == Approx(0.5958499732047615).epsilon(1e-6));
  CHECK(share.high == Approx(0.9821237869049271).epsilon(1e-6));
  CHECK(share_of(0, 5).low == 0);
  CHECK(share_of(5, 5).high == 1);
  CHECK(std::isnan(share_of(0, 0).value));
}

TEST_CASE("what a run of an incomplete checkpoint comes to is not surer than that", "[advice]") {
  std::vector<HistoryRow> rows = without_losses();
  rows.back().missing = 4;
  rows.back().layers = 6;
  rows.back().settled_share = 1;
  const Conclusion calm = concluded(rows, {}, 3);
  CHECK(calm.advice == Advice::unknown);
  CHECK(calm.basis == Basis::none);
  CHECK(calm.reasons.at(0) ==
        "checkpoint-800 is incomplete: it has 6 of the 10 layers of its run.");
  rows.back().entropy = 0.1;
  CHECK(concluded(rows, {}, 3).advice == Advice::unknown);
  rows.back().log_spectral_norm = 2;
  const Conclusion broken = concluded(rows, {}, 3);
  CHECK(broken.advice == Advice::diverging);
  CHECK(broken.reasons.back() == calm.reasons.front());
}
