/// @file
/// What to do with a run, from its losses. The runs of the first test are small language models
/// that were trained with known fates.

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"
#include "wishart/analysis/share.hpp"

#include "advice_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

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

TEST_CASE("a training loss that rose once and comes down since is of other data",
          "[advice][losses]") {
  const auto advice = [](const std::vector<double>& training) {
    std::vector<Losses> losses;
    for (const double loss : training) losses.push_back({loss, kNan});
    return advice_on(losses, {.classes = 512, .language = true});
  };
  const Conclusion found = concluded(run_of({{4, kNan},
                                             {2.5, kNan},
                                             {2.05, kNan},
                                             {1.95, kNan},
                                             {2.75, kNan},
                                             {2.6, kNan},
                                             {2.5, kNan},
                                             {2.42, kNan}},
                                            100),
                                     kBytes, 3);
  CHECK(found.advice == Advice::unknown);
  CHECK(found.reasons.at(0) ==
        "The training loss is 2.42, 24 % above its lowest, 1.95 at checkpoint-800, but has fallen "
        "again since checkpoint-1600, as where a learning rate is warmed up again or the data "
        "change.");
  // It may level off there.
  CHECK(advice({4, 2.5, 2.0, 1.95, 2.75, 2.5, 2.3, 2.29, 2.3, 2.295}) == Advice::unknown);
  // Rises again, does not come down, has lost most, or went up by several steps.
  CHECK(advice({4, 2.5, 2.0, 1.95, 2.75, 2.5, 2.3, 2.4, 2.5}) == Advice::diverging);
  CHECK(advice({4, 2.5, 2.0, 1.95, 2.75, 2.7, 2.68, 2.66}) == Advice::diverging);
  CHECK(advice({4, 2.5, 2.0, 1.95, 5.6, 4.9, 4.4, 4.2}) == Advice::diverging);
  CHECK(advice({4, 2.5, 2.0, 1.95, 2.3, 2.75, 2.6, 2.5, 2.4}) == Advice::diverging);
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

TEST_CASE("too few losses, or losses that end early, are not trusted", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{3, 3}, {2, 2}, {kNan, kNan}, {kNan, kNan}, {kNan, kNan}});
  rows.back().settled_share = 1;
  CHECK(concluded(rows, kBytes, 3).basis == Basis::spectra);
  rows = run_of({{3, 3}, {2.5, 2.5}, {2, 2}, {kNan, kNan}});
  CHECK(concluded(rows, kBytes, 3).basis == Basis::losses);
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
