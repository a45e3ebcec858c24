/// @file
/// `wishart check` of copies whose norms tell nothing, of casts, and of pruned models.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kRows = 96;

/// Noise of different sizes along the rows, so that there is a tail to fit.
std::vector<float> heavy(std::uint64_t seed) {
  std::vector<float> values = noise_values(kRows * kWidth, seed);
  for (std::int64_t i = 0; i < kRows; ++i) {
    const float size = 4 / std::sqrt(static_cast<float>(i + 1));
    for (std::int64_t j = 0; j < kWidth; ++j)
      values[static_cast<std::size_t>(i * kWidth + j)] *= size;
  }
  return values;
}

using Change = std::function<void(std::vector<float>& row)>;

/// A model of these blocks of a base of four, each row changed.
std::string write_model(const TempFolder& temp, const std::string& name,
                        const std::vector<std::uint64_t>& blocks, const Change& change = {}) {
  std::vector<TensorToWrite> tensors;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::string block = "model.layers." + std::to_string(i);
    for (std::uint64_t part = 0; part < 2; ++part) {
      std::vector<float> values = heavy(10 * blocks[i] + part + 1);
      for (auto row = values.begin(); change && row != values.end(); row += kWidth) {
        std::vector<float> one(row, row + kWidth);
        change(one);
        std::copy(one.begin(), one.end(), row);
      }
      const std::string module = part == 0 ? ".self_attn.q_proj" : ".mlp.up_proj";
      tensors.push_back({block + module + ".weight", {kRows, kWidth}, std::move(values)});
    }
    tensors.push_back({block + ".input_layernorm.weight", {kWidth}, heavy(77)});
    tensors.back().values.resize(static_cast<std::size_t>(kWidth));
  }
  write_bytes(temp / name / "model.safetensors", safetensors_bytes(tensors));
  return (temp / name).string();
}

double norm_of(const std::vector<float>& row) {
  double sum = 0;
  for (const float value : row) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

/// Levels of equal distances, at the middle of each, for a whole row, times `factor`.
void round_row(std::vector<float>& row, int levels, double factor) {
  float most = 0;
  for (const float value : row) most = std::max(most, std::abs(value));
  const float step = 2 * most / static_cast<float>(levels);
  for (float& value : row) {
    const float at = std::clamp(std::floor(value / step), -static_cast<float>(levels) / 2,
                                static_cast<float>(levels) / 2 - 1);
    value = static_cast<float>(factor) * step * (at + 0.5F);
  }
}

const std::vector<std::uint64_t> kAll{0, 1, 2, 3};

Outcome check(const TempFolder& temp, const std::string& tuned, const std::string& kind = "auto") {
  std::vector<std::string> arguments{"check", tuned, "--base", (temp / "base").string()};
  if (kind != "auto") arguments.insert(arguments.end(), {"--kind", kind});
  return run_wishart(arguments);
}

}  // namespace

TEST_CASE("a copy of 2 bits that keeps all norms is judged by its weights", "[check]") {
  const TempFolder temp;
  write_model(temp, "base", kAll);
  const std::string copy = write_model(temp, "two", kAll, [](std::vector<float>& row) {
    const double before = norm_of(row);
    round_row(row, 4, 1);
    const double now = norm_of(row);
    for (float& value : row) value *= static_cast<float>(before / now);
  });
  const Outcome judged = check(temp, copy, "quantised");
  CHECK(judged.exit_code == 1);
  CHECK_THAT(judged.out, Catch::StartsWith("NOT OK: quantised model two against base breaks "
                                           "'the error is small': the median error_ratio"));
  CHECK_THAT(check(temp, copy).out,
             Catch::StartsWith("UNKNOWN: fine-tuned model two keeps all") &&
                 Catch::Contains("But its weights take few values, as those of a copy of few bits "
                                 "do: if it is a compressed copy, it is NOT OK by"));
}

TEST_CASE("a smaller scale cuts nothing off, zeros do", "[check]") {
  const TempFolder temp;
  write_model(temp, "base", kAll);
  const std::string fitted =
      write_model(temp, "fitted", kAll, [](std::vector<float>& row) { round_row(row, 16, 0.985); });
  CHECK_THAT(check(temp, fitted, "quantised").out, Catch::StartsWith("OK: "));
  const std::string pruned = write_model(temp, "pruned", kAll, [](std::vector<float>& row) {
    const double size = norm_of(row) / std::sqrt(static_cast<double>(kWidth));
    for (float& value : row) {
      if (std::abs(static_cast<double>(value)) < 0.35 * size) value = 0;
    }
  });
  CHECK_THAT(check(temp, pruned, "quantised").out,
             Catch::Contains("'nothing large was cut off': the mean cut must be at least -0.004"));
}

TEST_CASE("a pruned model that was numbered anew is ATTENTION", "[check]") {
  const TempFolder temp;
  write_model(temp, "base", kAll);
  const std::string pruned = write_model(temp, "pruned", {0, 3});
  for (const char* kind : {"auto", "quantised"}) {
    const Outcome judged = check(temp, pruned, kind);
    CHECK(judged.exit_code == 0);
    CHECK_THAT(judged.out,
               Catch::StartsWith("ATTENTION: ") &&
                   Catch::Contains("But it was pruned: of the base, numbers 1 and 2 of the 4 "
                                   "blocks of model.layers were removed, and the others follow in "
                                   "their order. Evaluate it."));
  }
  CHECK_THAT(check(temp, write_model(temp, "wrong", {3, 0})).out, Catch::StartsWith("NOT OK: "));
}
