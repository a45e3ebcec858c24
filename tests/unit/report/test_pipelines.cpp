/// @file
/// Files for axolotl, PEFT and mergekit, and the mapped table.

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"
#include "wishart/report/pipelines.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

LayerRow with_snr(const std::string& key, double snr, const std::string& role = "mlp.up") {
  LayerRow row = layer(key);
  row.layer_type = "dense";
  row.role = role;
  row.snr = snr;
  return row;
}

/// Four blocks with two types of layers, embedding and head.
CheckpointRecord llama() {
  std::vector<LayerRow> layers{with_snr("lm_head.weight", 1, "head"),
                               with_snr("model.embed_tokens.weight", 2, "embedding.token")};
  layers[1].layer_type = "embedding";
  for (int block = 0; block < 4; ++block) {
    const std::string name = "model.layers." + std::to_string(block);
    layers.push_back(with_snr(name + ".mlp.up_proj.weight", 0.5 + 0.25 * (block % 3)));
    layers.push_back(with_snr(name + ".self_attn.q_proj.weight", 4.0 - block));
  }
  CheckpointRecord record = record_of(layers);
  record.provenance.checkpoint_id = "llama";
  record.provenance.format = "safetensors";
  return record;
}

template <class F>
std::string refusal(F&& f) {
  try {
    (void)f();
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::usage);
    return error.what();
  }
  return "no error";
}

analysis::LinearMap alpha_map() { return {"alpha", 0.5, 1.5}; }

}  // namespace

TEST_CASE("axolotl gets snr and type of each module", "[pipelines]") {
  CheckpointRecord record = llama();
  record.layers.resize(3);
  CHECK(axolotl_json(record).text ==
        "{\n"
        "    \"lm_head\": {\"snr\": 1, \"type\": \"lm_head\"},\n"
        "    \"model.embed_tokens\": {\"snr\": 2, \"type\": \"model.embed_tokens\"},\n"
        "    \"model.layers.0.mlp.up_proj\": {\"snr\": 0.5, \"type\": \"mlp.up_proj\"}\n"
        "}\n");
  CHECK(axolotl_json(record).notes.empty());
}

TEST_CASE("axolotl trains the best share of each type, rounded down", "[pipelines]") {
  CHECK(axolotl_yaml(llama(), 50).text ==
        "# llama: the 50 % of the layers of each type with the highest signal-to-noise ratio "
        "(Spectrum, arXiv 2406.06623), by wishart\n"
        "unfrozen_parameters:\n"
        "- ^lm_head.weight$\n"
        "- ^model.embed_tokens.weight$\n"
        "# mlp.up_proj layers\n"
        "- ^model.layers.2.mlp.up_proj.\n"
        "- ^model.layers.1.mlp.up_proj.\n"
        "# self_attn.q_proj layers\n"
        "- ^model.layers.0.self_attn.q_proj.\n"
        "- ^model.layers.1.self_attn.q_proj.\n");
  CHECK(count(axolotl_yaml(llama(), 74).text, "q_proj.\n") == 2);
  CHECK(count(axolotl_yaml(llama(), 75).text, "q_proj.\n") == 3);
  CHECK(count(axolotl_yaml(llama(), 100).text, "q_proj.\n") == 4);
  CHECK(refusal([] { return axolotl_yaml(llama(), 24); }) ==
        "--top 24%: less than one layer of every type, so nothing is chosen. Choose a larger "
        "share");
}

TEST_CASE("29 of 100 layers are 29 %", "[pipelines]") {
  CheckpointRecord record = record_of({});
  for (int i = 0; i < 100; ++i) {
    record.layers.push_back(with_snr("h." + std::to_string(i) + ".up.weight", i));
  }
  CHECK(count(axolotl_yaml(record, 29).text, "- ") == 29);
}

TEST_CASE("a name that begins another does not mean it", "[pipelines]") {
  CheckpointRecord record =
      record_of({with_snr("l.0.mlp.gate.weight", 1), with_snr("l.0.mlp.gate_proj.weight", 2),
                 with_snr("l.0.mlp.up.weight", 3), with_snr("l.0.mlp.up.a.weight", 3)});
  const std::string text = axolotl_json(record).text;
  CHECK(count(text, "\"l.0.mlp.gate.\": ") == 1);
  CHECK(count(text, "\"l.0.mlp.gate_proj\": ") == 1);
  CHECK(count(text, "\"l.0.mlp.up\": ") == 1);
}

TEST_CASE("characters that mean something are escaped", "[pipelines]") {
  CheckpointRecord record = record_of({with_snr("a+(b).0.w\"#: [x].weight", 1)});
  CHECK(axolotl_json(record).text ==
        "{\n    \"a\\\\+\\\\(b\\\\).0.w\\\"#: \\\\[x\\\\]\": {\"snr\": 1, "
        "\"type\": \"w\\\"#: [x]\"}\n}\n");
  CHECK(count(axolotl_yaml(record, 100).text,
              "- \"^a\\\\+\\\\(b\\\\).0.w\\\"#: \\\\[x\\\\].\"\n") == 1);
  record.layers[0].alpha = 3;
  CHECK(count(mergekit_yaml(record, alpha_map(), "weight").text,
              "  - filter: \"a+(b).0.w\\\"#: [x].weight\"\n    value: 1.0\n") == 1);
}

TEST_CASE("parts, unknown values and convolutions are left out and named", "[pipelines]") {
  CheckpointRecord record = llama();
  record.layers[2].key += "[3]";
  record.layers[3].snr = kNan;
  record.layers[4].layer_type = "conv2d";
  const PipelineFile file = axolotl_json(record);
  REQUIRE(file.notes.size() == 2);
  CHECK(file.notes[0] ==
        "2 layers are left out, no matrices that a module has by itself: "
        "model.layers.0.mlp.up_proj.weight[3], model.layers.1.mlp.up_proj.weight");
  CHECK(file.notes[1] ==
        "1 layer is left out, without a signal-to-noise ratio: "
        "model.layers.0.self_attn.q_proj.weight");
  CHECK(count(file.text, "snr") == 7);
  for (LayerRow& row : record.layers) row.snr = kNan;
  CHECK(refusal([&] {
          return axolotl_json(record);
        }).starts_with("no layer of llama has a signal-to-noise ratio. 2 layers are left out"));
}

TEST_CASE("changes of weights and other names are refused", "[pipelines]") {
  CheckpointRecord record = llama();
  record.provenance.analysis = AnalysisKind::difference;
  record.provenance.base_path = "/models/base";
  CHECK(refusal([&] { return axolotl_yaml(record, 50); }) ==
        "llama is an analysis of difference to /models/base; the signal-to-noise ratio is that of "
        "whole weights. Name a checkpoint that was scanned without --base");
  record.provenance.analysis = AnalysisKind::weights;
  record.provenance.format = "gguf";
  CHECK(refusal([&] { return axolotl_json(record); }) ==
        "llama: its layers have the names of a gguf checkpoint, axolotl knows those of "
        "transformers. Scan the checkpoint in the layout of Hugging Face");
  CHECK(refusal([&] { return mergekit_yaml(record, alpha_map(), "t"); }) != "no error");
  CHECK(mapped_table(record, alpha_map(), TableFormat::csv).notes.empty());
}

TEST_CASE("PEFT gets ranks, and modules that did not change", "[pipelines]") {
  CheckpointRecord record =
      record_of({with_snr("encoder.0.q.weight", 1), with_snr("model.encoder.0.q.weight", 1),
                 with_snr("z.0.q.weight", 1)});
  record.provenance.analysis = AnalysisKind::difference;
  const std::vector<std::int64_t> ranks{3, 7, 0};
  const PipelineFile file = peft_json(record, ranks);
  // PEFT takes the first pattern that matches the end of a name.
  CHECK(file.text ==
        "{\n"
        "  \"rank_pattern\": {\n    \"model.encoder.0.q\": 7,\n    \"encoder.0.q\": 3\n  },\n"
        "  \"alpha_pattern\": {\n    \"model.encoder.0.q\": 7,\n    \"encoder.0.q\": 3\n  },\n"
        "  \"exclude_modules\": [\"z.0.q\"]\n"
        "}\n");
  CHECK(file.notes.empty());
  record.provenance.analysis = AnalysisKind::weights;
  CHECK(peft_json(record, ranks).notes.size() == 1);
}

TEST_CASE("mergekit gets a filter for each tensor, and the mean for the others", "[pipelines]") {
  CheckpointRecord record =
      record_of({with_snr("a.weight", 1), with_snr("b.weight", 1), with_snr("x.a.weight", 1)});
  record.layers[0].alpha = 2;
  record.layers[1].alpha = 4;
  record.layers[2].alpha = 3;
  CHECK(mergekit_yaml(record, alpha_map(), "density").text ==
        "parameters:\n"
        "  \"density\":\n"
        "  - filter: \"x.a.weight\"\n    value: 1.0\n"
        "  - filter: \"a.weight\"\n    value: 0.5\n"
        "  - filter: \"b.weight\"\n    value: 1.5\n"
        "  - value: 1.0\n");
  // YAML 1.1 takes 1e-07 for a text.
  CHECK(count(mergekit_yaml(record, {"alpha", 1e-7, 1}, "t").text, "value: 1.0e-07\n") == 1);
}

TEST_CASE("a mapped column is a table of layer and value", "[pipelines]") {
  CheckpointRecord record = llama();
  record.layers.resize(4);
  for (std::size_t i = 0; i < 4; ++i) record.layers[i].alpha = 2.0 + static_cast<double>(i);
  record.layers[1].key += "[q]";  // parts have values too
  record.layers[3].alpha = kNan;
  const PipelineFile file = mapped_table(record, {"alpha", 1, 0}, TableFormat::csv);
  CHECK(file.text ==
        "layer,value\nlm_head.weight,1\nmodel.embed_tokens.weight[q],0.5\n"
        "model.layers.0.mlp.up_proj.weight,0\n");
  REQUIRE(file.notes.size() == 1);
  CHECK(file.notes[0] ==
        "1 layer is left out, without a value of 'alpha': model.layers.0.self_attn.q_proj.weight");
  CHECK(refusal([&] {
          return mapped_table(record, {"num_intruders", 0, 1}, TableFormat::csv);
        }) == "no layer of llama has a value of 'num_intruders'");
}
