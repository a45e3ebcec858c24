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
  CHECK(advice_on({{kNan, 5.55}, {5.3, 5.2}, {4.73, 4.66}}) == Advice::not_learning);
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
  CHECK(first_reason({{kNan, 5.56}, {5.55, 5.55}, {5.55, 5.55}}, kBytes) ==
        "The lowest eval loss is 5.55, not below the 3.604 or so of a model that knows only how "
        "frequent each of the 256 tokens is.");
  CHECK(first_reason({{kNan, 5.56}, {3.5, 3.5}, {3.4, 3.4}}, kBytes)
            .find("is 3.4, less than 10 % below the 3.604 or so of a model") != std::string::npos);
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
  // But a rise of the training loss alone is a divergence where no newer held-out loss is known.
  std::vector<HistoryRow> rows = run_of(losses, 100);
  rows.back().eval_loss = kNan;
  CHECK(concluded(rows, kBytes, 3).advice == Advice::diverging);
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
  CHECK(concluded(rows, {.classes = 32000, .language = true}, 3).advice == Advice::settled);
  CHECK(advice_on({{1.12, 1.150}, {1.10, 1.143}, {1.09, 1.138}, {1.08, 1.134}}, adapter) ==
        Advice::not_learning);
}

TEST_CASE("training losses alone do not show over-fitting; the spectra are asked", "[advice]") {
  std::vector<HistoryRow> rows = run_of({{kNan, kNan}, {2.0, kNan}, {0.9, kNan}, {0.24, kNan}});
  CHECK(concluded(rows, kBytes, 3).advice == Advice::going_on);
  CHECK(concluded(rows, kBytes, 3).best_checkpoint == "checkpoint-400");
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
  // Nor does it take a window of training losses, or a new one.
  rows = run_of({{kNan, kNan}, {kNan, kNan}, {1.4, kNan}, {kNan, kNan}, {9, kNan}});
  rows.back().settled_share = 1;
  CHECK(conclude(rows, kBytes, 3).advice == Advice::diverging);
  rows = run_of({{2, kNan}, {1.4, kNan}, {9, kNan}, {9, kNan}, {9, kNan}});
  rows[4].loss = rows[3].loss = rows[2].loss;
  CHECK(conclude(rows, kBytes, 3).advice == Advice::diverging);
  CHECK(conclude(std::span(rows).subspan(1, 2), kBytes, 3).advice == Advice::unknown);
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
  CHECK(reason({{kNan, -1}, {kNan, -2}, {kNan, -1.5}, {kNan, -1.2}})
            .starts_with("The eval loss is -1.2, 0.8 above its lowest, -2 at checkpoint-100."));
  CHECK(reason({{kNan, 1}, {kNan, 0}, {kNan, 0.5}, {kNan, 0.75}})
            .starts_with("The eval loss is 0.75, 0.75 above its lowest, 0 at checkpoint-100."));
  CHECK(reason({{kNan, -1}, {kNan, -2}, {kNan, -3}, {kNan, -4}}) ==
        "The eval loss falls by 1 per doubling of the steps.");
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
