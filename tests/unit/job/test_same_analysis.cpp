/// @file
/// When two analyses of a checkpoint are the same one.

#include <catch2/catch.hpp>

#include "wishart/job/options.hpp"

#include "scan/archived/same_analysis.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

/// The provenance of a scan of the same files with these options.
Provenance provenance_of(const ScanOptions& options = {}) {
  Provenance provenance;
  provenance.checkpoint_identity = "1";
  provenance.options = options.result_options_json();
  provenance.fit_version = 2;
  return provenance;
}

}  // namespace

TEST_CASE("options that shape spectra make another analysis, and are named", "[same_analysis]") {
  const Provenance there = provenance_of();
  ScanOptions options;
  CHECK(why_another(there, provenance_of(options)).empty());
  options.method = Method::qr;
  options.randomize = 3;
  CHECK(why_another(there, provenance_of(options)) ==
        "method \"gram\" in the archive, \"qr\" now; randomize none in the archive, 3 now; seed "
        "none in the archive, " +
            std::to_string(options.fit.seed) + " now");
  options = {};
  options.precision = Precision::float32;
  CHECK(why_another(there, provenance_of(options)) ==
        "precision \"float64\" in the archive, \"float32\" now");
  options = {};
  options.selection.split_fused = true;
  CHECK(why_another(there, provenance_of(options)) == "split_fused none in the archive, true now");
  options = {};
  options.selection.weightwatcher = true;
  CHECK(why_another(there, provenance_of(options)) ==
        "mode \"corrected\" in the archive, \"weightwatcher\" now");
}

TEST_CASE("layers, and how a base is spelled, make none", "[same_analysis]") {
  ScanOptions options;
  options.selection.layers = {"*mlp*", ", \"method\": \"qr\""};
  options.selection.base = "../base";
  ScanOptions other;
  other.selection.base = "/run/base";
  Provenance there = provenance_of(options);
  Provenance here = provenance_of(other);
  for (Provenance* one : {&there, &here}) one->analysis = AnalysisKind::difference;
  there.base_path = "../base";
  here.base_path = "/run/base";
  CHECK(why_another(there, here).empty());
  CHECK(same_settings(there, here));
  CHECK_FALSE(same_layers(there.options, here.options));
}

TEST_CASE("options of earlier versions are read as they were meant", "[same_analysis]") {
  Provenance there = provenance_of();
  there.options =
      R"({"mode": "corrected", "method": "gram", "pool": true, "min_evals": 10, "team_size": 0, )"
      R"("tolerance": 0.1, "layers": []})";
  there.fit_version = 1;
  CHECK(why_another(there, provenance_of()).empty());
  there.fit_version = 2;
  CHECK(why_another(there, provenance_of()) == "tolerance 0.1 in the archive, none now");
  there.options = "{\"mode";  // cut short by a stranger
  CHECK_FALSE(why_another(there, provenance_of()).empty());
}

TEST_CASE("in compat mode spectra by svd serve a scan that would take gram too",
          "[same_analysis]") {
  const auto compat = [](Method method, bool or_svd) {
    ScanOptions options;
    options.selection.weightwatcher = true;
    options.method = method;
    options.or_svd = or_svd;
    return provenance_of(options);
  };
  const Provenance automatic = compat(Method::gram, true);
  const Provenance gram = compat(Method::gram, false);
  const Provenance svd = compat(Method::svd, false);
  for (const Provenance* here : {&automatic, &gram}) {
    for (const Provenance* there : {&automatic, &gram, &svd}) {
      CHECK(why_another(*there, *here).empty());
      CHECK(same_settings(*there, *here));
    }
  }
  CHECK(why_another(automatic, svd) == "method \"auto\" in the archive, \"svd\" now");
  CHECK(why_another(gram, svd) == "method \"gram\" in the archive, \"svd\" now");
  CHECK_FALSE(same_settings(automatic, svd));
  // Not in corrected mode.
  ScanOptions options;
  options.method = Method::svd;
  CHECK_FALSE(same_settings(provenance_of(options), provenance_of()));
}

TEST_CASE("changed files are told from changed bases", "[same_analysis]") {
  const Provenance there = provenance_of();
  Provenance here = there;
  here.checkpoint_identity = "2";
  CHECK(why_another(there, here) == "its files have changed since then");
  CHECK(only_files_changed(there, here));
  here.base_identity = "b";
  CHECK(why_another(there, here) == "its files or those of its base have changed since then");
  Provenance known = there;
  known.base_identity = "a";
  CHECK(why_another(known, here) == "the files of its base have changed since then");
  here.analysis = AnalysisKind::adapter;
  CHECK(why_another(there, here) == "whole weights in the archive, adapter alone now");
  CHECK_FALSE(only_files_changed(there, here));
}

TEST_CASE("what was added to the layers asked for is kept", "[same_analysis]") {
  ScanOptions options;
  const auto with = [&](const std::vector<std::string>& layers) {
    options.selection.layers = layers;
    return options.result_options_json();
  };
  const std::string head = with({}).substr(0, with({}).size() - 3);
  std::string now = with_layers_added(with({"*mlp*"}), with({"*q*", "-*7*"}), false);
  CHECK(now == head + R"(["*mlp*"], "more_layers": [["*q*", "-*7*"]]})");
  now = with_layers_added(now, with({"*k*"}), false);
  CHECK(now == head + R"(["*mlp*"], "more_layers": [["*q*", "-*7*"], ["*k*"]]})");
  CHECK(with_layers_added(now, with({"*q*", "-*7*"}), false) == now);
  CHECK(with_layers_added(now, with({"*mlp*"}), false) == now);
  CHECK(with_layers_added(now, with({}), true) == with({}));
  CHECK(with_layers_added(with({"*mlp*"}), with({"*mlp*"}), false) == with({"*mlp*"}));
}
