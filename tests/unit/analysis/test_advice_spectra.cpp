/// @file
/// What to do with a run of which the losses say nothing, from its spectra.

#include <catch2/catch.hpp>

#include "wishart/analysis/advice.hpp"

#include "advice_samples.hpp"

using namespace wishart;
using namespace wishart::analysis;
using namespace wishart::test;

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
  SECTION("a change of weights begins at zero and grows") {
    // Adam at a constant rate, and with a warm-up: 0.6 and 1.2 decades per doubling.
    for (const double growth : {0.6, 0.95, 1.2}) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i].log_spectral_norm = growth * static_cast<double>(i);
      }
      CHECK(advice({.of_changes = true}) == Advice::unknown);
      CHECK(advice() == (growth > 0.85 ? Advice::diverging : Advice::unknown));
    }
    rows[4].log_spectral_norm = rows[3].log_spectral_norm + 2;
    CHECK(advice({.of_changes = true}) == Advice::diverging);
    // Later a jump is one.
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].step = 1000 + 100 * static_cast<std::int64_t>(i * i);
      rows[i].log_spectral_norm = i < 4 ? 0 : 1.5;
    }
    CHECK(advice({.of_changes = true}) == Advice::diverging);
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
