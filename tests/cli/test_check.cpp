/// @file
/// `wishart check`: adapters, quantised copies and fine-tuned models beside their bases, as files
/// lie.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kRows = 96;
constexpr std::int64_t kCols = 64;
constexpr std::int64_t kRank = 4;
/// Elements of noise_values have a variance of 1/16.
constexpr double kNoise = 0.25;

const std::vector<std::string> kAdapted{"model.layers.0.self_attn.q_proj",
                                        "model.layers.1.self_attn.q_proj"};
const std::vector<std::string> kOthers{"model.embed_tokens", "model.layers.0.mlp.up_proj",
                                       "model.layers.1.mlp.up_proj"};

using Weights = std::map<std::string, std::vector<float>>;

/// Noise of different sizes along the rows, so that there is a tail to fit.
Weights base_weights(std::uint64_t seed = 1) {
  Weights weights;
  for (const auto* names : {&kAdapted, &kOthers}) {
    for (const std::string& name : *names) {
      std::vector<float> values = noise_values(kRows * kCols, seed++);
      for (std::int64_t i = 0; i < kRows; ++i) {
        const float size = 4 / std::sqrt(static_cast<float>(i + 1));
        for (std::int64_t j = 0; j < kCols; ++j)
          values[static_cast<std::size_t>(i * kCols + j)] *= size;
      }
      weights[name] = std::move(values);
    }
  }
  return weights;
}

std::string write_model(const TempFolder& temp, const std::string& name, const Weights& weights) {
  std::vector<TensorToWrite> tensors;
  for (const auto& [key, values] : weights) {
    tensors.push_back({key + ".weight", {kRows, kCols}, values});
  }
  write_bytes(temp / name / "model.safetensors", safetensors_bytes(tensors));
  return (temp / name).string();
}

/// An adapter whose k-th column of B has the size `scale` decay^k.
/// @param whole  tensors that it holds whole, as `modules_to_save` of PEFT
std::string write_adapter(const TempFolder& temp, const std::string& name, double scale,
                          double decay, const std::vector<std::string>& modules = kAdapted,
                          std::vector<TensorToWrite> whole = {}) {
  std::vector<TensorToWrite> tensors = std::move(whole);
  std::uint64_t seed = 100;
  for (const std::string& module : modules) {
    std::vector<float> b = noise_values(kRows * kRank, seed++);
    for (std::size_t i = 0; i < b.size(); ++i) {
      b[i] *= static_cast<float>(scale * std::pow(decay, static_cast<double>(i % kRank)));
    }
    const std::string prefix = "base_model.model." + module;
    tensors.push_back(
        {prefix + ".lora_A.weight", {kRank, kCols}, noise_values(kRank * kCols, seed++)});
    tensors.push_back({prefix + ".lora_B.weight", {kRows, kRank}, b});
  }
  write_bytes(temp / name / "adapter_model.safetensors", safetensors_bytes(tensors));
  temp.write(name + "/adapter_config.json", R"({"peft_type": "LORA", "r": 4, "lora_alpha": 4})");
  return (temp / name).string();
}

/// The layout of bitsandbytes: codes of 8 bits and the largest magnitude of each row.
/// @param without_scales  this layer has no scales, which no scheme reads
std::string write_quantised(const TempFolder& temp, const Weights& weights,
                            const std::string& without_scales = "") {
  std::string header;
  std::string data;
  const auto add = [&](const std::string& name, const char* dtype, const std::string& shape,
                       const std::string& bytes) {
    header += (header.empty() ? "{" : ",") + wishart::json_quoted(name) + R"(:{"dtype":")" + dtype +
              R"(","shape":)" + shape + R"(,"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  };
  for (const auto& [key, values] : weights) {
    std::string codes;
    std::string sizes;
    for (std::int64_t i = 0; i < kRows; ++i) {
      const auto row = values.begin() + i * kCols;
      float most = 0;
      std::for_each(row, row + kCols, [&](float v) { most = std::max(most, std::abs(v)); });
      std::for_each(row, row + kCols, [&](float v) {
        codes += static_cast<char>(static_cast<signed char>(std::lround(127 * v / most)));
      });
      std::string bytes(sizeof(float), '\0');
      std::memcpy(bytes.data(), &most, sizeof(float));
      sizes += bytes;
    }
    if (key != without_scales) add(key + ".SCB", "F32", "[96]", sizes);
    add(key + ".weight", "I8", "[96,64]", codes);
  }
  write_bytes(temp / "small" / "model.safetensors", safetensors_bytes(header + "}", data));
  temp.write("small/config.json",
             R"({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": true}})");
  return (temp / "small").string();
}

Weights with_noise(Weights weights, double share) {
  std::uint64_t seed = 500;
  for (auto& [key, values] : weights) {
    const std::vector<float> noise = noise_values(kRows * kCols, seed++);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] += static_cast<float>(share) * noise[i];
    }
  }
  return weights;
}

Outcome check(const std::string& tuned, const std::string& base,
              const std::vector<std::string>& more = {}, int ranks = 0) {
  std::vector<std::string> arguments{"check", tuned, "--base", base, "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_wishart(arguments, ranks);
}

void check_answer(const Outcome& outcome, int exit_code, const std::string& begin) {
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.out.starts_with(begin));
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\n') == 1);
  CHECK(outcome.messages().empty());
}

}  // namespace

TEST_CASE("adapters are judged as they lie beside their base", "[check]") {
  const TempFolder temp;
  const std::string base = write_model(temp, "base", base_weights());
  const std::string good = write_adapter(temp, "good", 0.5, 1);
  const std::string expected =
      "OK: adapter good-with-base-base keeps all 10 rules against base in 5 layers. LoRA of rank 4 "
      "on 2 of 5 layers. Effective rank 3.9";
  const Outcome alone = check(good, base);
  check_answer(alone, 0, expected);
  CHECK(check(good, base, {}, 2).out == alone.out);

  // The values of B fall by 1000 from column to column: one direction.
  check_answer(check(write_adapter(temp, "collapsed", 2, 1e-3), base), 1,
               "NOT OK: adapter collapsed-with-base-base against base breaks 'the adapter uses its "
               "rank': warning.adapter-collapsed must be at most 0: 2 of 5 layers are outside");
  check_answer(
      check(write_adapter(temp, "huge", 500, 1), base), 1,
      "NOT OK: adapter huge-with-base-base against base breaks 'the adapter is small beside "
      "the weights'");
  check_answer(check(write_adapter(temp, "zero", 0, 1), base), 1,
               "NOT OK: adapter zero-with-base-base against base breaks 'the adapter has learned'");
}

TEST_CASE("an archive is used and completed, and says the same to compare and gate", "[check]") {
  const TempFolder temp;
  const std::string base = write_model(temp, "base", base_weights());
  const std::string good = write_adapter(temp, "good", 0.5, 1);
  const std::string archive = (temp / "archive").string();
  // Scanned with other options than those of a check: taken as it is.
  REQUIRE(run_wishart({"scan", base, "--archive", archive, "--method", "qr", "--progress", "none"})
              .exit_code == 0);
  const Outcome first = check(good, base, {"--archive", archive, "--verbose"});
  INFO(first.out << first.err);
  CHECK(first.exit_code == 0);
  CHECK(first.out.find("Passed: 10 of 10 rules.") != std::string::npos);
  CHECK(first.out.find("/ W norm") != std::string::npos);
  CHECK(first.err.find("good-with-base-base: 5 matrices") != std::string::npos);
  CHECK(first.err.find("base: already in") == std::string::npos);
  const auto longest_below_answer = [](const std::string& text) {
    std::istringstream lines(text.substr(text.find('\n')));
    std::size_t longest = 0;
    for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
    return longest;
  };
  CHECK(longest_below_answer(first.out) <= 80);
  const Outcome again = check(good, base, {"--archive", archive, "--verbose"});
  CHECK(again.out == first.out);
  CHECK(again.err.empty());
  const Outcome wide = check(good, base, {"--archive", archive, "--verbose", "--wide"});
  CHECK(wide.out.substr(0, wide.out.find('\n')) == first.out.substr(0, first.out.find('\n')));
  CHECK(wide.out.find("dW norm") != std::string::npos);
  CHECK(longest_below_answer(wide.out) > 80);

  const Outcome compared = run_wishart(
      {"compare", archive, "base", "good-with-base-base", "--format", "csv", "--table", "layers"});
  int same = 0;
  int changed = 0;
  for (const auto& row : parse_csv(compared.out).rows) {
    same += row.at("status") == "same" ? 1 : 0;
    changed += row.at("status") == "changed" ? 1 : 0;
  }
  CHECK(same == 3);
  CHECK(changed == 2);
  CHECK(run_wishart({"gate", archive, "--checkpoint", "good-with-base-base", "--base", "base",
                     "--rules", in_source("jobs/gate-lora.cfg")})
            .exit_code == 0);
  const Outcome table =
      run_wishart({"export", archive, "--checkpoint", "good-with-base-base", "--table", "adapter"});
  const CsvTable rows = parse_csv(table.out);
  REQUIRE(rows.rows.size() == 2);
  for (const auto& row : rows.rows) {
    CHECK(row.at("adapter_rank") == "4");
    CHECK(number(row.at("adapter_effective_rank")) > 3.5);
    // |B A|_F of noise: 0.5 x 1/16 x sqrt(rows x cols x r), to the few per cent of so small
    // factors.
    const double expected = 0.5 * kNoise * kNoise * std::sqrt(double{kRows * kCols * kRank});
    CHECK(number(row.at("adapter_frobenius")) == Approx(expected).epsilon(0.2));
    CHECK(number(row.at("delta_frobenius")) > 0);
    // Random directions: 16 squares, a standard error of 0.35 of their mean at most.
    CHECK(number(row.at("adapter_alignment")) > 0.3);
    CHECK(number(row.at("adapter_alignment")) < 2);
    CHECK(row.at("warning").empty());
  }
}

TEST_CASE("a signal stops a check that scans nothing", "[check]") {
  const TempFolder temp;
  const std::string base = write_model(temp, "base", base_weights());
  const std::string good = write_adapter(temp, "good", 0.5, 1);
  const std::string archive = (temp / "archive").string();
  REQUIRE(check(good, base, {"--archive", archive}).exit_code == 0);
  // It has arrived before the program begins, and is not lost.
  const std::string program = quoted(program_path()) + " check " + quoted(good) + " --base " +
                              quoted(base) + " --archive " + quoted(archive);
  const std::string signalled =
      "env --block-signal=TERM sh -c " +
      quoted("[ ${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-0}} != 0 ] || kill -TERM $$; exec " + program);
  for (const std::string& launcher :
       {std::string(), quoted(in_source("tools/mpirun")) + " -np 2 "}) {
    const Outcome stopped = run_shell(launcher + signalled);
    INFO(stopped.err);
    CHECK(stopped.exit_code == 75);
    CHECK(stopped.out.empty());
    REQUIRE(stopped.messages().size() == 1);
    CHECK(stopped.messages()[0] ==
          "wishart: stopped by SIGTERM: " + good + " was not judged. Run the same command again");
  }
}

TEST_CASE("fine-tuned models and quantised copies are judged by their own rules", "[check]") {
  const TempFolder temp;
  const Weights weights = base_weights();
  const std::string base = write_model(temp, "base", weights);
  check_answer(check(write_model(temp, "tuned", with_noise(weights, 0.02)), base), 0,
               "OK: fine-tuned model tuned keeps all ");
  // What changed nothing is no fine-tuned model.
  const Outcome same = check(base, base);
  check_answer(same, 0, "ATTENTION: fine-tuned model base-tuned keeps all ");
  CHECK(same.out.ends_with(" But nothing changed: all of its weights are those of base.\n"));
  Weights scaled = weights;
  for (float& value : scaled[kAdapted.front()]) value *= 4;
  check_answer(check(write_model(temp, "scaled", scaled), base), 1,
               "NOT OK: fine-tuned model scaled against base breaks 'no layer was overwritten'");
  Weights fewer = weights;
  fewer.erase(kOthers.back());
  check_answer(check(write_model(temp, "fewer", fewer), base), 1,
               "NOT OK: fine-tuned model fewer against base breaks 'every layer of the base is "
               "there'");
  check_answer(check(write_quantised(temp, weights), base), 0,
               "OK: quantised model small keeps all ");
  // A layer in a quantisation that is not read is no missing layer, but no OK is given to it.
  const std::string part = write_quantised(temp, weights, kAdapted.front());
  const Outcome refused = check(part, base);
  CHECK(refused.exit_code == 3);
  CHECK(refused.messages().front().find(kAdapted.front() + ".weight") != std::string::npos);
  const Outcome allowed = check(part, base, {"--allow-unknown"});
  check_answer(allowed, 0, "OK: quantised model small keeps all ");
  CHECK(allowed.out.ends_with(
      " in 4 layers. 1 layer is not judged: stored in a quantisation that is not read.\n"));
  Weights broken = weights;
  broken[kAdapted.front()][7] = std::nanf("");
  check_answer(check(write_model(temp, "broken", broken), base), 1,
               "NOT OK: fine-tuned model broken against base breaks 'no NaN or infinite weights'");
  // What cannot be a verdict on the tuned model is none.
  const Outcome turned = check(base, (temp / "broken").string());
  CHECK(turned.exit_code == 5);
  CHECK(turned.out.empty());
  // The same name in two folders.
  const std::string twin = write_model(temp, "elsewhere/base", with_noise(weights, 0.02));
  check_answer(check(twin, base), 0, "OK: fine-tuned model base-tuned keeps all ");
}

TEST_CASE("kept rules are no OK for a model that is useless or of which nothing is known",
          "[check]") {
  const TempFolder temp;
  Weights orthogonal;
  Weights of_rank_one;
  for (const auto& [name, values] : base_weights()) {
    std::vector<float>& one = orthogonal[name];
    std::vector<float>& other = of_rank_one[name];
    for (std::size_t i = 0; i < std::size_t{kRows}; ++i) {
      for (std::size_t j = 0; j < std::size_t{kCols}; ++j) {
        one.push_back(i == j ? 1.0F : 0.0F);
        other.push_back(values[i * kCols] * values[j]);
      }
    }
  }
  const auto copy_of = [](Weights weights) {
    for (auto& [name, values] : weights) {
      for (float& value : values) value *= 1.001F;
    }
    return weights;
  };
  check_answer(check(write_model(temp, "q-copy", copy_of(orthogonal)),
                     write_model(temp, "q", orthogonal), {"--kind", "quantised"}),
               0,
               "UNKNOWN: quantised model q-copy keeps all 10 rules against q in 5 layers. But its "
               "report says: No layer has a warning, but none has a power-law tail either, so "
               "nothing is known of their quality.");
  const std::string copy = write_model(temp, "uv-copy", copy_of(of_rank_one));
  const std::string base = write_model(temp, "uv", of_rank_one);
  check_answer(check(copy, base, {"--kind", "quantised"}), 1,
               "NOT OK: quantised model uv-copy keeps all 10 rules against uv in 5 layers. But its "
               "report says: Do not use it: all 5 layers have a rank of at most 1.");
  // JSON says the same, and that no rule was broken.
  const Outcome json = check(copy, base, {"--kind", "quantised", "--format", "json"});
  CHECK(json.exit_code == 1);
  CHECK(json.out.find("\"ok\": false, \"answer\": \"not-ok\"") != std::string::npos);
  CHECK(json.out.find("\"passed\": true") != std::string::npos);
}

TEST_CASE("layers in the places of others are NOT OK", "[check]") {
  const TempFolder temp;
  const Weights weights = base_weights();
  const std::string base = write_model(temp, "base", weights);
  Weights swapped = weights;
  std::swap(swapped[kAdapted[0]], swapped[kAdapted[1]]);
  std::swap(swapped[kOthers[1]], swapped[kOthers[2]]);
  const std::string merged = write_model(temp, "merged", swapped);
  check_answer(check(merged, base), 1,
               "NOT OK: fine-tuned model merged against base breaks 'every layer is in its place': "
               "misplaced must be at most 0: 4 of 5 layers are outside, 0 allowed");
  check_answer(check(merged, base, {"--kind", "quantised"}), 1,
               "NOT OK: quantised model merged against base breaks 'every layer is in its place'");
}

TEST_CASE("what may be a pruned copy is no fine-tuned model without a word", "[check]") {
  const TempFolder temp;
  const Weights weights = base_weights();
  const std::string base = write_model(temp, "base", weights);
  // Of each four elements the two largest are kept: 2:4.
  Weights pruned = weights;
  for (auto& [name, values] : pruned) {
    for (std::size_t i = 0; i < values.size(); i += 4) {
      std::vector<float> sizes;
      for (std::size_t k = i; k < i + 4; ++k) sizes.push_back(std::abs(values[k]));
      std::sort(sizes.begin(), sizes.end());
      for (std::size_t k = i; k < i + 4; ++k) {
        if (std::abs(values[k]) <= sizes[1]) values[k] = 0;
      }
    }
  }
  const std::string copy = write_model(temp, "pruned", pruned);
  const Outcome guessed = check(copy, base);
  check_answer(guessed, 0, "UNKNOWN: fine-tuned model pruned keeps all ");
  CHECK(guessed.out.find("if it is a compressed copy, it is NOT OK by 'the error is small' of "
                         "jobs/gate-compression.cfg (the median error_ratio must be at most "
                         "0.085, found ") != std::string::npos);
  CHECK(guessed.out.ends_with("). Say what it is: --kind quantised, or --kind full.\n"));
  check_answer(check(copy, base, {"--kind", "full"}), 0, "OK: fine-tuned model pruned keeps all ");
  check_answer(check(copy, base, {"--kind", "quantised"}), 1, "NOT OK: quantised model pruned ");
}

TEST_CASE("what an adapter holds whole, and new tokens, are no fault", "[check]") {
  const TempFolder temp;
  const Weights weights = base_weights();
  const std::string base = write_model(temp, "base", weights);
  const std::string& embedding = kOthers.front();
  Weights trained = with_noise(weights, 0.02);
  const std::string adapter = write_adapter(
      temp, "adapter", 0.5, 1, kAdapted,
      {{"base_model.model." + embedding + ".weight", {kRows, kCols}, trained[embedding]}});
  const Outcome whole = check(adapter, base);
  check_answer(whole, 0, "OK: adapter adapter-with-base-base keeps all 10 rules");
  CHECK(whole.out.ends_with(" 1 layer is held whole.\n"));
  // Sixteen more tokens.
  std::vector<TensorToWrite> tensors;
  for (const auto& [key, values] : trained) {
    std::vector<float> more = values;
    const bool grows = key == embedding;
    if (grows) more.insert(more.end(), values.begin(), values.begin() + 16 * kCols);
    tensors.push_back({key + ".weight", {grows ? kRows + 16 : kRows, kCols}, std::move(more)});
  }
  write_bytes(temp / "grown" / "model.safetensors", safetensors_bytes(tensors));
  const Outcome grown = check((temp / "grown").string(), base);
  check_answer(grown, 0, "OK: fine-tuned model grown keeps all ");
  CHECK(grown.out.ends_with(" The vocabulary grew from 96 to 112: 1 layer is not compared.\n"));
}

TEST_CASE("weights that were rescaled before they were rounded are UNKNOWN", "[check]") {
  const TempFolder temp;
  const Weights weights = base_weights();
  // Columns times s, the norm before them divided by s: the same model.
  const auto write = [&](const std::string& name, bool with_norm, bool rescaled) {
    std::vector<TensorToWrite> tensors;
    std::vector<float> norm;
    const auto scale_of = [&](std::int64_t j) {
      return rescaled ? static_cast<float>(std::exp(1.5 * std::sin(j))) : 1.0F;
    };
    for (std::int64_t j = 0; j < kCols; ++j) norm.push_back(1 / scale_of(j));
    for (const auto& [key, values] : weights) {
      std::vector<float> scaled = values;
      for (std::int64_t i = 0; i < kRows * kCols; ++i) {
        scaled[static_cast<std::size_t>(i)] *= scale_of(i % kCols);
      }
      tensors.push_back({key + ".weight", {kRows, kCols}, std::move(scaled)});
    }
    if (with_norm) tensors.push_back({"model.layers.0.input_layernorm.weight", {kCols}, norm});
    write_bytes(temp / name / "model.safetensors", safetensors_bytes(tensors));
    return (temp / name).string();
  };
  const std::string base = write("base", true, false);
  const std::string copy = write("smooth", true, true);
  const Outcome rescaled = check(copy, base, {"--kind", "quantised"});
  check_answer(rescaled, 1, "UNKNOWN: quantised model smooth against base breaks 'the error is ");
  CHECK(rescaled.out.find(" But its weights were rescaled before they were rounded "
                          "(model.layers.0.input_layernorm.weight differs by ") !=
        std::string::npos);
  // Where no file has a norm, nobody can tell.
  check_answer(
      check(write("bare", false, true), write("bald", false, false), {"--kind", "quantised"}), 1,
      "NOT OK: quantised model bare against bald breaks 'the error is small'");
  check_answer(check(write("bare", false, true), base, {"--kind", "quantised"}), 1,
               "NOT OK: quantised model bare against base breaks 'every layer is there'");
}

TEST_CASE("a wrong base is refused before anything is scanned", "[check]") {
  const TempFolder temp;
  const std::string base = write_model(temp, "base", base_weights());
  const std::string archive = (temp / "archive").string();
  const std::string stranger =
      write_adapter(temp, "stranger", 0.5, 1, {"model.layers.7.self_attn.q_proj"});
  const Outcome adapter = check(stranger, base, {"--archive", archive}, 2);
  CHECK(adapter.exit_code == 3);
  CHECK(adapter.messages() ==
        std::vector<std::string>{
            "wishart: --with-base: the adapter in " + stranger +
            " changes 'model.layers.7.self_attn.q_proj.weight' of shape 96 x 64, but the base has "
            "no tensor of this name. Name the model that the adapter was trained on"});
  write_bytes(temp / "alien" / "model.safetensors",
              safetensors_bytes({{"x.weight", {20, 20}, noise_values(400, 1)}}));
  const Outcome model = check((temp / "alien").string(), base, {"--archive", archive});
  CHECK(model.exit_code == 3);
  CHECK(model.messages() ==
        std::vector<std::string>{"wishart: --base: " + (temp / "alien").string() + " and " + base +
                                 " have no weight of the same name and shape. Name the model that "
                                 "the first was made from"});
  write_bytes(temp / "unread" / "model.safetensors",
              safetensors_bytes({{"x.weight_scale", {20, 20}, noise_values(400, 1)}}));
  write_bytes(temp / "unread" / "config.json",
              R"({"quantization_config":{"quant_method":"aqlm"}})");
  const Outcome unread =
      check((temp / "unread").string(), base, {"--allow-unknown", "--archive", archive});
  CHECK(unread.exit_code == 3);
  REQUIRE(unread.messages().size() == 1);
  CHECK(unread.messages()[0].starts_with("wishart: --base: all weights of " +
                                         (temp / "unread").string() +
                                         " were left out, first 'x.weight_scale': "));
  const Outcome turned = check(base, stranger);
  CHECK(turned.exit_code == 2);
  CHECK(turned.messages() == std::vector<std::string>{"wishart: --base: " + stranger +
                                                      " is an adapter. Expected a whole model"});
  CHECK_FALSE(std::filesystem::exists(archive));
}
