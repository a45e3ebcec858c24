/// @file
/// Which kind of change `check` takes a checkpoint for, by its tensors.

#include <catch2/catch.hpp>

#include "commands/check_doubts.hpp"
#include "commands/check_kind.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

Tensor weight(const std::string& name, Dtype dtype, const std::string& stored_as = "") {
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = dtype;
  tensor.shape = {64, 32};
  tensor.num_elements = 64 * 32;
  if (!stored_as.empty()) {
    tensor.encoding = Encoding::codes;
    tensor.stored_as = stored_as;
  }
  return tensor;
}

checkpoint::Catalogue model_of(std::vector<Tensor> tensors) {
  checkpoint::Catalogue catalogue;
  catalogue.tensors = std::move(tensors);
  return catalogue;
}

}  // namespace

TEST_CASE("a copy in fewer bits than a base of few bits is quantised", "[check]") {
  const auto native = model_of(
      {weight("a", Dtype::f8_e4m3), weight("b", Dtype::f8_e4m3), weight("e", Dtype::bf16)});
  const auto tuned =
      model_of({weight("a", Dtype::f8_e4m3), weight("b", Dtype::f8_e4m3), weight("e", Dtype::f32)});
  const auto int4 =
      model_of({weight("a", Dtype::f16, "GPTQ int4 in groups of 128"),
                weight("b", Dtype::f16, "GPTQ int4 in groups of 128"), weight("e", Dtype::bf16)});
  const auto plain = model_of({weight("a", Dtype::bf16), weight("b", Dtype::bf16)});
  CHECK(kind_of(tuned, native) == CheckKind::full);
  CHECK(kind_of(int4, native) == CheckKind::quantised);
  CHECK(kind_of(int4, plain) == CheckKind::quantised);
  CHECK(kind_of(int4, int4) == CheckKind::full);
  CHECK(kind_of(plain, native) == CheckKind::full);  // trained on in 16 bits
  // A few layers that are kept as they are decide nothing.
  CHECK(kind_of(model_of({int4.tensors[0], int4.tensors[1], weight("c", Dtype::f8_e4m3)}),
                model_of({native.tensors[0], native.tensors[1], weight("c", Dtype::f8_e4m3)})) ==
        CheckKind::quantised);
}

TEST_CASE("weights that AWQ stores were rescaled", "[check]") {
  const auto base = model_of({weight("a", Dtype::bf16)});
  CHECK(rescaling_text(model_of({weight("a", Dtype::f16, "AWQ int4 in groups of 128")}), base)
            .starts_with(" But its weights were rescaled before they were rounded (it is stored by "
                         "AWQ), as AWQ and SmoothQuant do"));
  CHECK(rescaling_text(base, base).empty());
}

TEST_CASE("only rules on sizes are void for rescaled weights", "[check]") {
  const std::vector<analysis::Rule> rules = rules_of(CheckKind::quantised);
  std::vector<analysis::RuleVerdict> verdicts;
  for (const analysis::Rule& rule : rules) {
    verdicts.emplace_back();
    verdicts.back().rule = rule.name;
    verdicts.back().passed = true;
  }
  CHECK_FALSE(only_sizes_broken(rules, verdicts));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].metric == "error_ratio" || rules[i].metric == "moved") verdicts[i].passed = false;
  }
  CHECK(only_sizes_broken(rules, verdicts));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].metric == "missing") verdicts[i].passed = false;
  }
  CHECK_FALSE(only_sizes_broken(rules, verdicts));
}

TEST_CASE("experts in an order that is not known are not called missing", "[check]") {
  checkpoint::Catalogue stacks =
      model_of({weight("a", Dtype::bf16), weight("l.0.mlp.experts.gate_up_proj", Dtype::bf16)});
  stacks.tensors[1].shape = {2, 32, 32};
  stacks.root = "/stacks";
  stacks.config.model_type = "next_moe";
  checkpoint::Catalogue single =
      model_of({weight("a", Dtype::bf16), weight("l.0.mlp.experts.1.up_proj.weight", Dtype::bf16)});
  single.root = "/single";
  const std::string refusal =
      "/stacks: 'l.0.mlp.experts.gate_up_proj' stacks experts in an order that is not known for "
      "model type 'next_moe', and /single has a tensor for each expert. Save both in one of these "
      "forms";
  CHECK_THROWS_WITH(check_is_base(stacks, single), refusal);
  CHECK_THROWS_WITH(check_is_base(single, stacks), refusal);
  CHECK_NOTHROW(check_is_base(stacks, stacks));
  stacks.config.hidden_size = 32;
  stacks.config.model_type = "qwen3_moe";
  CHECK_NOTHROW(check_is_base(single, stacks));
  // Nothing but experts in common.
  single.tensors.erase(single.tensors.begin());
  single.tensors[0].shape = {16, 32};
  CHECK_NOTHROW(check_is_base(single, stacks));
  single.tensors[0].shape = {16, 16};
  CHECK_THROWS_WITH(check_is_base(single, stacks),
                    "--base: /single and /stacks have no weight of the same name and shape. Name "
                    "the model that the first was made from");
}

TEST_CASE("stacks of experts that may lie in two ways are refused", "[check]") {
  const std::string name = "l.0.mlp.experts.down_proj";
  const auto stacked = [&](const std::string& root, const std::string& stored_as) {
    checkpoint::Catalogue catalogue =
        model_of({weight("a", Dtype::bf16), weight(name, Dtype::bf16, stored_as)});
    catalogue.tensors[1].shape = {2, 32, 32};
    catalogue.root = root;
    catalogue.config.model_type = "next_moe";
    catalogue.config.hidden_size = 32;
    return catalogue;
  };
  const auto plain = stacked("/plain", "");
  const auto coded = stacked("/coded", "NVFP4");
  const std::string why = ": '" + name +
                          "' stacks experts in an order that is not known for model type "
                          "'next_moe', and ";
  const std::string end = " stores them in another way. Save both in one way";
  CHECK_THROWS_WITH(check_is_base(coded, plain), "/coded" + why + "/plain" + end);
  CHECK_THROWS_WITH(check_is_base(plain, coded), "/plain" + why + "/coded" + end);
  // Blocks of MXFP4 are [out, in]; of the others that is not known.
  const auto blocks = stacked("/blocks", "MXFP4");
  CHECK_THROWS_WITH(check_is_base(blocks, plain), "/plain" + why + "/blocks" + end);
  CHECK_NOTHROW(check_is_base(plain, plain));
  CHECK_NOTHROW(check_is_base(coded, coded));
  CHECK_NOTHROW(check_is_base(blocks, blocks));
}

TEST_CASE("a part of a tensor of few bits has few bits", "[check]") {
  const Tensor coded = weight("a", Dtype::f16, "MLX int8");
  Tensor part = weight("a", Dtype::f16);
  for (const Encoding encoding : {Encoding::view, Encoding::rows}) {
    part.encoding = encoding;
    part.parts = {coded};
    CHECK(has_few_bits(part));
    part.parts = {weight("a", Dtype::f16)};
    CHECK_FALSE(has_few_bits(part));
    part.parts.push_back(coded);
    CHECK(has_few_bits(part));
  }
}
