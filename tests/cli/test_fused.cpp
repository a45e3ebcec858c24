/// @file
/// Parts of fused tensors as a user asks for them: the numbers of tensors stored apart, in the
/// archive what was asked for, and nothing split where config and shapes disagree.

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kCols = 24;

using Rows = std::vector<float>;

/// Rows [begin, begin + count) of `whole`.
Rows rows_of(const Rows& whole, std::int64_t begin, std::int64_t count) {
  return {whole.begin() + begin * kCols, whole.begin() + (begin + count) * kCols};
}

Rows& operator+=(Rows& rows, const Rows& more) {
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

TensorToWrite tensor_of(const std::string& name, const Rows& values) {
  return {name, {std::ssize(values) / kCols, kCols}, values};
}

/// Writes the model and its config into a folder `name`.
void write_model(const TempFolder& temp, const std::string& name, const TensorToWrite& tensor,
                 const std::string& config) {
  write_bytes(temp / (name + "/model.safetensors"), safetensors_bytes({tensor}));
  temp.write(name + "/config.json", config);
}

Outcome scan(const TempFolder& temp, const std::string& name,
             const std::vector<std::string>& more = {"--split-fused"}) {
  std::vector<std::string> words{"scan",       (temp / name).string(),
                                 "--archive",  (temp / "archive").string(),
                                 "--progress", "none",
                                 "--no-reuse"};
  words.insert(words.end(), more.begin(), more.end());
  return run_wishart(words);
}

CsvTable scanned(const TempFolder& temp, const std::string& name,
                 const std::vector<std::string>& more = {"--split-fused"}) {
  const Outcome outcome = scan(temp, name, more);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return parse_csv(run_wishart({"export", (temp / "archive").string(), "--checkpoint", name}).out);
}

/// Every tensor stored apart must have the numbers of the part of the same name.
void check_parts(const TempFolder& temp, const std::string& name,
                 const std::vector<TensorToWrite>& apart, const std::string& fused) {
  const CsvTable split = scanned(temp, name);
  write_bytes(temp / (name + "-apart/model.safetensors"), safetensors_bytes(apart));
  const CsvTable expected = scanned(temp, name + "-apart", {});
  REQUIRE(expected.rows.size() == apart.size());
  CHECK(split.rows.size() == apart.size() + 1);  // the whole too
  for (const auto& row : expected.rows) {
    const std::string key = fused + "[" + row.at("key") + "]";
    CAPTURE(key);
    int found = 0;
    for (const auto& ours : split.rows) {
      if (ours.at("key") != key) continue;
      ++found;
      for (const char* column : {"hash", "rows", "cols", "num_evals", "spectral_norm", "alpha"}) {
        CHECK(ours.at(column) == row.at(column));
      }
    }
    CHECK(found == 1);
  }
}

const std::string kQkv = "model.layers.0.self_attn.query_key_value.weight";
const std::string kGateUp = "model.layers.0.mlp.gate_up_proj.weight";
const char* const kNeox =
    R"({"model_type": "gpt_neox", "hidden_size": 24, "num_attention_heads": 2})";

}  // namespace

TEST_CASE("contiguous parts have the numbers of tensors stored apart", "[fused]") {
  const TempFolder temp;
  // 2 queries, 1 key and 1 value of 12 rows each.
  const Rows whole = noise_values(48 * kCols, 1);
  write_model(temp, "phi", tensor_of(kQkv, whole),
              R"({"model_type": "phi3", "hidden_size": 24, "num_attention_heads": 2,)"
              R"( "num_key_value_heads": 1})");
  check_parts(temp, "phi",
              {tensor_of("q", rows_of(whole, 0, 24)), tensor_of("k", rows_of(whole, 24, 12)),
               tensor_of("v", rows_of(whole, 36, 12))},
              kQkv);
  const Rows both = noise_values(40 * kCols, 2);
  write_model(temp, "mlp", tensor_of(kGateUp, both),
              R"({"model_type": "phi3", "intermediate_size": 20})");
  check_parts(temp, "mlp",
              {tensor_of("gate", rows_of(both, 0, 20)), tensor_of("up", rows_of(both, 20, 20))},
              kGateUp);
}

TEST_CASE("interleaved parts have the numbers of tensors stored apart", "[fused]") {
  const TempFolder temp;
  // For each of two heads 12 rows of its query, then of its key, then of its value.
  const Rows whole = noise_values(72 * kCols, 3);
  std::vector<Rows> parts(3);
  for (std::int64_t head = 0; head < 2; ++head) {
    for (std::int64_t part = 0; part < 3; ++part) {
      parts[static_cast<std::size_t>(part)] += rows_of(whole, (3 * head + part) * 12, 12);
    }
  }
  write_model(temp, "neox", tensor_of(kQkv, whole), kNeox);
  check_parts(temp, "neox",
              {tensor_of("q", parts[0]), tensor_of("k", parts[1]), tensor_of("v", parts[2])}, kQkv);
}

TEST_CASE("where config and shapes disagree nothing is split", "[fused]") {
  const TempFolder temp;
  const TensorToWrite fused = tensor_of(kQkv, noise_values(72 * kCols, 4));
  const std::vector<std::string> configs{
      "{}",
      R"({"model_type": "unheard_of", "hidden_size": 24, "num_attention_heads": 2})",
      R"({"model_type": "gpt_neox", "hidden_size": 48, "num_attention_heads": 2})",  // 144 rows
      R"({"model_type": "gpt_neox", "hidden_size": 24, "num_attention_heads": 5})",  // no width
      R"({"model_type": "phi3", "hidden_size": 24, "num_attention_heads": 2,)"
      R"( "num_key_value_heads": 1})",                                                // 48 rows
      R"({"model_type": "gpt_neox", "hidden_size": -24, "num_attention_heads": 2})",  // nonsense
  };
  for (std::size_t i = 0; i < configs.size(); ++i) {
    CAPTURE(configs[i]);
    const std::string name = "m" + std::to_string(i);
    write_model(temp, name, fused, configs[i]);
    const CsvTable table = scanned(temp, name);
    REQUIRE(table.rows.size() == 1);
    CHECK(table.rows[0].at("key") == kQkv);
  }
}

TEST_CASE("the archive keeps that parts were asked for", "[fused]") {
  const TempFolder temp;
  write_model(temp, "neox", tensor_of(kQkv, noise_values(72 * kCols, 5)), kNeox);
  const auto options = [&] {
    return run_wishart({"report", (temp / "archive").string(), "--format", "json"}).out;
  };
  CHECK(scanned(temp, "neox", {}).rows.size() == 1);
  CHECK(options().find("split_fused") == std::string::npos);
  // What was computed without it does not do for a scan with it, nor the other way round.
  CHECK(scan(temp, "neox").err.find("split_fused none in the archive, true now") !=
        std::string::npos);
  CHECK(scanned(temp, "neox", {"--split-fused", "--replace"}).rows.size() == 4);
  CHECK(options().find(R"(\"split_fused\": true)") != std::string::npos);
  CHECK(scan(temp, "neox").out.ends_with("nothing to do\n"));
  CHECK(scanned(temp, "neox", {"--replace"}).rows.size() == 1);
}

TEST_CASE("WeightWatcher's numbers and parts do not go together", "[fused]") {
  const TempFolder temp;
  write_model(temp, "neox", tensor_of(kQkv, noise_values(72 * kCols, 6)), kNeox);
  const std::string path = (temp / "neox").string();
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"scan", path, "--archive", (temp / "archive").string()},
        std::vector<std::string>{"inspect", path},
        std::vector<std::string>{"plan", path, "--ranks", "2"}}) {
    CAPTURE(command[0]);
    std::vector<std::string> words = command;
    words.insert(words.end(), {"--split-fused", "--compat", "weightwatcher"});
    const Outcome outcome = run_wishart(words);
    CHECK(outcome.exit_code == 2);
    REQUIRE(outcome.messages().size() == 1);
    CHECK(outcome.messages()[0] ==
          "wishart: --split-fused: WeightWatcher analyses tensors as they are stored. Leave out "
          "--compat or --split-fused");
  }
  CHECK_FALSE(std::filesystem::exists(temp / "archive"));
}
