/// @file
/// The option `layers`: globs that include, globs that exclude, and patterns that match nothing.

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::model;
using namespace wishart::test;

namespace {

const std::vector<Tensor> kTensors{tensor("model.layers.0.mlp.up_proj.weight", {32, 32}),
                                   tensor("model.layers.0.mlp.experts.w1", {3, 32, 32}),
                                   tensor("model.layers.1.mlp.up_proj.weight", {32, 32}),
                                   tensor("model.layers.1.self_attn.q_proj.weight", {32, 32}),
                                   tensor("model.norm.weight", {32}),
                                   tensor("lm_head.weight", {32, 32})};

Selection chosen(const std::vector<std::string>& layers) {
  SelectionOptions options;
  options.layers = layers;
  return select_matrices(catalogue(kTensors), options);
}

/// The message that refuses the patterns.
std::string refusal(const std::vector<std::string>& layers) {
  try {
    (void)chosen(layers);
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("without patterns everything is taken", "[layers]") {
  CHECK(chosen({}).matrices.size() == 7);
}

TEST_CASE("a matrix stays if any pattern matches its tensor or key", "[layers]") {
  CHECK(keys_of(chosen({"lm_head.weight"})) == std::vector<std::string>{"lm_head.weight"});
  CHECK(keys_of(chosen({"*.up_proj.*", "lm_head*"})) ==
        std::vector<std::string>{"lm_head.weight", "model.layers.0.mlp.up_proj.weight",
                                 "model.layers.1.mlp.up_proj.weight"});
  CHECK(chosen({"*experts.w1"}).matrices.size() == 3);
  CHECK(keys_of(chosen({"*experts.w1[2]"})) ==
        std::vector<std::string>{"model.layers.0.mlp.experts.w1[2]"});
}

TEST_CASE("a leading - excludes, from everything or from what is included", "[layers]") {
  CHECK(chosen({"-lm_head.weight"}).matrices.size() == 6);
  CHECK(chosen({"-*experts*", "-*.1.*"}).matrices.size() == 2);
  CHECK(keys_of(chosen({"model.layers.1.*", "-*q_proj*"})) ==
        std::vector<std::string>{"model.layers.1.mlp.up_proj.weight"});
  CHECK(keys_of(chosen({"-*q_proj*", "model.layers.1.*"})) ==
        std::vector<std::string>{"model.layers.1.mlp.up_proj.weight"});
  CHECK(chosen({"-*"}).matrices.empty());
}

TEST_CASE("matrices excluded by patterns are listed as skipped, with their size", "[layers]") {
  const Selection selection = chosen({"lm_head.weight"});
  CHECK(skipped_of(selection) ==
        std::vector<std::string>{"model.layers.0.mlp.experts.w1[0]: left-out",
                                 "model.layers.0.mlp.experts.w1[1]: left-out",
                                 "model.layers.0.mlp.experts.w1[2]: left-out",
                                 "model.layers.0.mlp.up_proj.weight: left-out",
                                 "model.layers.1.mlp.up_proj.weight: left-out",
                                 "model.layers.1.self_attn.q_proj.weight: left-out",
                                 "model.norm.weight: one-dimensional"});
  CHECK(selection.skipped[0].num_params == 1024);
  CHECK(selection.skipped[0].detail == "excluded by --layers");
}

TEST_CASE("a pattern that matches no matrix is refused with the nearest name", "[layers]") {
  CHECK(refusal({"lm_haed.weight"}) ==
        "--layers 'lm_haed.weight': no matrix of this checkpoint matches. Did you mean "
        "'lm_head.weight'?");
  CHECK(refusal({"xyz"}) == "--layers 'xyz': no matrix of this checkpoint matches");
  CHECK(refusal({"*", "-lm_haed.weight"}) ==
        "--layers '-lm_haed.weight': no matrix of this checkpoint matches. Did you mean "
        "'-lm_head.weight'?");
  CHECK(refusal({"*", "*.bias"}) == "--layers '*.bias': no matrix of this checkpoint matches");
  // A tensor that is skipped anyway is not a matrix.
  CHECK(refusal({"model.norm.weight"}) ==
        "--layers 'model.norm.weight': no matrix of this checkpoint matches");
  CHECK(refusal({"\x1b[31m"}) == "--layers '\\x1b[31m': no matrix of this checkpoint matches");
}

TEST_CASE("one pattern without a match is enough to be refused", "[layers]") {
  CHECK(refusal({"lm_head.weight", "zzzzzz"}).find("'zzzzzz'") != std::string::npos);
  CHECK(refusal({""}).find("--layers '': no matrix of this checkpoint matches") == 0);
  CHECK(refusal({"-"}).find("no matrix of this checkpoint matches") != std::string::npos);
}
