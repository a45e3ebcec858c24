/// @file
/// `wishart check` on files that a conversion damaged, and on what it may leave out.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kTokens = 96;
constexpr const char* kNorm = "model.norm.weight";
constexpr const char* kBias = "model.layers.0.self_attn.q_proj.bias";
constexpr const char* kRouter = "model.layers.0.mlp.gate.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

using Model = std::vector<TensorToWrite>;

/// Noise of different sizes along the rows, so that there is a tail to fit.
std::vector<float> heavy(std::int64_t rows, std::uint64_t seed) {
  std::vector<float> values = noise_values(rows * kWidth, seed);
  for (std::int64_t i = 0; i < rows; ++i) {
    const float size = 4 / std::sqrt(static_cast<float>(i + 1));
    for (std::int64_t j = 0; j < kWidth; ++j)
      values[static_cast<std::size_t>(i * kWidth + j)] *= size;
  }
  return values;
}

Model model() {
  Model tensors;
  std::uint64_t seed = 1;
  for (const char* name : {kEmbedding, kHead}) {
    tensors.push_back({name, {kTokens, kWidth}, heavy(kTokens, seed++)});
  }
  for (const char* block : {"model.layers.0.", "model.layers.1."}) {
    for (const char* name : {"self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"}) {
      tensors.push_back(
          {std::string(block) + name + ".weight", {kWidth, kWidth}, heavy(kWidth, seed++)});
    }
  }
  tensors.push_back({kNorm, {kWidth}, std::vector<float>(kWidth, 1)});
  tensors.push_back({kBias, {kWidth}, noise_values(kWidth, seed++)});
  tensors.push_back({kRouter, {4, kWidth}, noise_values(4 * kWidth, seed++)});
  return tensors;
}

TensorToWrite& tensor_of(Model& tensors, const std::string& name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const TensorToWrite& one) { return one.name == name; });
  REQUIRE(found != tensors.end());
  return *found;
}

Model without(Model tensors, const std::string& name) {
  std::erase_if(tensors, [&](const TensorToWrite& one) { return one.name == name; });
  return tensors;
}

/// As fine-tuning moves the matrices.
Model tuned(Model tensors) {
  std::uint64_t seed = 500;
  for (TensorToWrite& one : tensors) {
    if (one.shape.size() < 2) continue;
    const std::vector<float> noise = noise_values(std::ssize(one.values), seed++);
    for (std::size_t i = 0; i < noise.size(); ++i) one.values[i] += 0.02F * noise[i];
  }
  return tensors;
}

std::string write(const TempFolder& temp, const std::string& name, const Model& tensors) {
  write_bytes(temp / name / "model.safetensors", safetensors_bytes(tensors));
  return (temp / name).string();
}

Outcome check(const std::string& tuned, const std::string& base,
              const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"check", tuned, "--base", base, "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_wishart(arguments, 0);
}

void check_answer(const Outcome& outcome, int exit_code, const std::string& begin,
                  const std::string& end) {
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.out.starts_with(begin));
  CHECK(outcome.out.ends_with(end + "\n"));
  CHECK(outcome.messages().empty());
}

}  // namespace

TEST_CASE("rows in another order, transposed and negated weights are UNKNOWN", "[check]") {
  const TempFolder temp;
  const Model before = model();
  const std::string base = write(temp, "base", before);
  const std::string name = "model.layers.1.self_attn.q_proj.weight";
  Model rows = before;
  std::vector<float>& values = tensor_of(rows, name).values;
  std::rotate(values.begin(), values.begin() + 2 * kWidth, values.end());
  Model transposed = before;
  for (std::int64_t i = 0; i < kWidth; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      std::vector<float>& square = tensor_of(transposed, name).values;
      std::swap(square[static_cast<std::size_t>(i * kWidth + j)],
                square[static_cast<std::size_t>(j * kWidth + i)]);
    }
  }
  Model negated = before;
  for (float& value : tensor_of(negated, name).values) value = -value;
  const auto answer = [](const std::string& what) {
    return "UNKNOWN: " + what +
           " against base breaks 'no layer is rearranged': rearranged must be at most 0: 1 of 8 "
           "layers is outside, 0 allowed. Reason: Layers have exactly the spectrum of the base "
           "but other elements: rows were exchanged, or matrices transposed or negated. ";
  };
  const std::string end =
      "Worst: model.layers.1.self_attn.q_proj.weight with 1. But a conversion to another layout "
      "does the same on purpose: evaluate the model with the code that reads it, or judge by rules "
      "that allow it (wishart gate).";
  const std::string rotated = write(temp, "rows", rows);
  check_answer(check(rotated, base), 1, answer("fine-tuned model rows"), end);
  check_answer(check(rotated, base, {"--kind", "quantised"}), 1, answer("quantised model rows"),
               end);
  check_answer(check(write(temp, "transposed", transposed), base), 1,
               answer("fine-tuned model transposed"), end);
  check_answer(check(write(temp, "negated", negated), base), 1, answer("fine-tuned model negated"),
               end);
}

TEST_CASE("tensors without a spectrum that were dropped are missing", "[check]") {
  const TempFolder temp;
  const Model before = model();
  const std::string base = write(temp, "base", before);
  for (const char* name : {kNorm, kBias, kRouter}) {
    check_answer(check(write(temp, "lost", without(tuned(before), name)), base), 1,
                 "NOT OK: fine-tuned model lost against base breaks 'every layer of the base is "
                 "there': missing must be at most 0: 1 of 11 layers is outside, 0 allowed",
                 "Worst: " + std::string(name) + " with 1.");
  }
  // Zeros add nothing.
  Model zeros = before;
  for (float& value : tensor_of(zeros, kBias).values) value = 0;
  check_answer(
      check(write(temp, "unbiased", without(tuned(before), kBias)), write(temp, "zeros", zeros)), 0,
      "OK: fine-tuned model unbiased keeps all 13 rules against zeros in 8 layers.",
      "in 8 layers.");
}

TEST_CASE("norms and biases that are not finite are NOT OK", "[check]") {
  const TempFolder temp;
  const Model before = model();
  const std::string base = write(temp, "base", before);
  Model damaged = tuned(before);
  tensor_of(damaged, kNorm).values.assign(kWidth, std::numeric_limits<float>::quiet_NaN());
  const std::string end = " But 1 norm or bias has NaN or infinite values: model.norm.weight.";
  const std::string path = write(temp, "damaged", damaged);
  check_answer(check(path, base), 1,
               "NOT OK: fine-tuned model damaged keeps all 13 rules against base in 8 layers.",
               end);
  const Outcome json = check(path, base, {"--format", "json"});
  CHECK(json.exit_code == 1);
  CHECK(json.out.find("\"ok\": false, \"answer\": \"not-ok\"") != std::string::npos);
  // A bias that forbids what the base forbids.
  Model forbids = before;
  tensor_of(forbids, kBias).values[0] = -std::numeric_limits<float>::infinity();
  check_answer(check(write(temp, "more", tuned(forbids)), write(temp, "forbids", forbids)), 0,
               "OK: fine-tuned model more keeps all 13 rules", "in 8 layers.");
  check_answer(check(write(temp, "new", tuned(forbids)), base), 1, "NOT OK: fine-tuned model new",
               "has NaN or infinite values: model.layers.0.self_attn.q_proj.bias.");
}

TEST_CASE("norms that have only zeros are NOT OK, unless they had in the base", "[check]") {
  const TempFolder temp;
  const Model before = model();
  const std::string base = write(temp, "base", before);
  Model dead = tuned(before);
  tensor_of(dead, kNorm).values.assign(kWidth, 0);
  const std::string path = write(temp, "dead", dead);
  check_answer(check(path, base), 1,
               "NOT OK: fine-tuned model dead keeps all 13 rules against base in 8 layers.",
               " But 1 norm has only zeros, which it had not in the base: model.norm.weight.");
  Model zeros = before;  // scales of 1 + w, as Gemma has them
  tensor_of(zeros, kNorm).values.assign(kWidth, 0);
  check_answer(check(path, write(temp, "zeros", zeros)), 0,
               "OK: fine-tuned model dead keeps all 13 rules", "in 8 layers.");
}

TEST_CASE("where only norms and biases were trained, that is said", "[check]") {
  const TempFolder temp;
  const Model before = model();
  const std::string base = write(temp, "base", before);
  Model biases = before;
  for (float& value : tensor_of(biases, kBias).values) value += 0.5F;
  check_answer(check(write(temp, "biases", biases), base), 0,
               "OK: fine-tuned model biases keeps all 13 rules against base in 8 layers.",
               " No matrix changed, but 1 norm or bias did: " + std::string(kBias) + ".");
}

TEST_CASE("layers that the base does not have are not counted as judged", "[check]") {
  const TempFolder temp;
  const Model before = model();
  Model more = tuned(before);
  more.push_back({"model.layers.2.mlp.up_proj.weight", {kWidth, kWidth}, heavy(kWidth, 77)});
  check_answer(check(write(temp, "more", more), write(temp, "base", before)), 0,
               "OK: fine-tuned model more keeps all 13 rules against base in 8 layers.",
               " 1 layer that the base does not have is not compared.");
}

TEST_CASE("heads that are tied or replaced, and fewer tokens, are no damage", "[check]") {
  const TempFolder temp;
  Model tied = model();
  tensor_of(tied, kHead).values = tensor_of(tied, kEmbedding).values;
  const Model after = without(tuned(tied), kHead);
  check_answer(check(write(temp, "tuned", after), write(temp, "tied", tied)), 0,
               "OK: fine-tuned model tuned keeps all 13 rules against tied in 7 layers.",
               " lm_head.weight is left out: it was a copy of model.embed_tokens.weight.");
  const std::string base = write(temp, "base", model());
  check_answer(check(write(temp, "headless", after), base), 1,
               "NOT OK: fine-tuned model headless against base breaks 'every layer of the base is "
               "there'",
               "Worst: lm_head.weight with 1.");
  Model rewards = after;
  rewards.push_back({"score.weight", {1, kWidth}, noise_values(kWidth, 9)});
  check_answer(check(write(temp, "rewards", rewards), base), 0,
               "OK: fine-tuned model rewards keeps all 13 rules against base in 7 layers.",
               " The head lm_head.weight was replaced by score.weight.");
  Model fewer = tuned(model());
  for (const char* name : {kEmbedding, kHead}) {
    TensorToWrite& table = tensor_of(fewer, name);
    table.shape[0] = 90;
    table.values.resize(90 * kWidth);
  }
  check_answer(check(write(temp, "fewer", fewer), base), 0,
               "ATTENTION: fine-tuned model fewer keeps all 13 rules against base in 8 layers.",
               " The vocabulary shrank from 96 to 90: 2 layers are not compared.");
}

TEST_CASE("JSON tells the answer by a word", "[check]") {
  const TempFolder temp;
  const Model before = model();
  Model negated = before;
  for (float& value : tensor_of(negated, "model.layers.1.self_attn.q_proj.weight").values) {
    value = -value;
  }
  struct Case {
    std::string name;
    Model tuned;
    int exit_code;
    std::string line;    ///< how the line begins
    std::string answer;  ///< the members of JSON
  };
  const std::string base = write(temp, "base", before);
  for (const Case& one :
       {Case{"fine", tuned(before), 0, "OK: ", R"("ok": true, "answer": "ok")"},
        Case{"equal", before, 0, "ATTENTION: ", R"("ok": true, "answer": "attention")"},
        Case{"negated", negated, 1, "UNKNOWN: ", R"("ok": false, "answer": "unknown")"},
        Case{"lost", without(tuned(before), kNorm), 1,
             "NOT OK: ", R"("ok": false, "answer": "not-ok")"}}) {
    const Outcome json = check(write(temp, one.name, one.tuned), base, {"--format", "json"});
    INFO(json.out << json.err);
    CHECK(json.exit_code == one.exit_code);
    CHECK(json.out.find(one.answer + ", \"kind\": \"full\"") != std::string::npos);
    CHECK(json.out.find("\n\"text\": \"" + one.line) != std::string::npos);
  }
}
