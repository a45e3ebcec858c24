/// @file
/// What `check` reads of the elements of a copy: its true error, and whether it is only a cast.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "wishart/core/error.hpp"

#include "commands/check_doubts.hpp"
#include "commands/sampled_changes.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using namespace wishart::test;

namespace {

constexpr std::int64_t kRows = 96;
constexpr std::int64_t kCols = 128;
constexpr int kLayers = 6;

using Weights = std::map<std::string, std::vector<float>>;

std::string key_of(int layer) { return "layers." + std::to_string(layer) + ".weight"; }

Weights base_weights() {
  Weights weights;
  for (int i = 0; i < kLayers; ++i) {
    weights[key_of(i)] = noise_values(kRows * kCols, static_cast<std::uint64_t>(1 + i));
  }
  weights["norm.weight"] = noise_values(kCols, 99);
  return weights;
}

/// With each matrix changed: of its elements, their rows and columns.
Weights changed(const std::function<float(float, std::int64_t, std::int64_t)>& how) {
  Weights weights = base_weights();
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<float>& values = weights[key_of(layer)];
    for (std::int64_t i = 0; i < kRows * kCols; ++i) {
      float& value = values[static_cast<std::size_t>(i)];
      value = how(value, i / kCols, i % kCols);
    }
  }
  return weights;
}

/// The nearest of the numbers with so many bits below 1, whose squares do not matter here.
float in_steps(float value, float step) { return step * std::nearbyint(value / step); }

float in_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return std::bit_cast<float>((bits + 0x7fffU + ((bits >> 16U) & 1U)) & 0xffff0000U);
}

checkpoint::Catalogue written(const TempFolder& temp, const std::string& name,
                              const Weights& weights, bool bf16 = false) {
  std::string header;
  std::string data;
  for (const auto& [key, values] : weights) {
    const std::size_t begin = data.size();
    for (const float value : values) {
      const auto bits = std::bit_cast<std::uint32_t>(value);
      for (std::uint32_t shift = bf16 ? 16 : 0; shift < 32; shift += 8) {
        data += static_cast<char>((bits >> shift) & 0xffU);
      }
    }
    const bool vector = values.size() == static_cast<std::size_t>(kCols);
    header += std::string(header.empty() ? "{" : ",") + "\"" + key + R"(":{"dtype":")" +
              (bf16 ? "BF16" : "F32") + R"(","shape":)" + (vector ? "[128]" : "[96,128]") +
              R"(,"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(data.size()) +
              "]}";
  }
  write_bytes(temp / name / "model.safetensors", safetensors_bytes(header + "}", data));
  return checkpoint::open_checkpoint(temp / name);
}

/// Of base_weights() and this.
SampledChanges changes_to(const Weights& weights) {
  const TempFolder temp;
  return sampled_changes(written(temp, "tuned", weights), written(temp, "base", base_weights()),
                         {});
}

/// That of all elements, of the first matrix.
double whole_error(const Weights& weights) {
  const std::vector<float> a = base_weights()[key_of(0)];
  const std::vector<float>& b = weights.at(key_of(0));
  double distance = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance += std::pow(static_cast<double>(b[i]) - static_cast<double>(a[i]), 2);
    norm += std::pow(static_cast<double>(a[i]), 2);
  }
  return std::sqrt(distance / norm);
}

}  // namespace

TEST_CASE("the error of a copy is that of its elements, though it keeps the norm", "[check]") {
  // 2 bits, times what restores the norm of each matrix.
  Weights copy = changed([](float value, std::int64_t, std::int64_t) {
    return 0.3F * (std::floor(value / 0.3F) + 0.5F);
  });
  const Weights base = base_weights();
  for (int i = 0; i < kLayers; ++i) {
    double before = 0;
    double now = 0;
    for (const float value : base.at(key_of(i))) before += static_cast<double>(value * value);
    for (const float value : copy[key_of(i)]) now += static_cast<double>(value * value);
    for (float& value : copy[key_of(i)]) value *= static_cast<float>(std::sqrt(before / now));
  }
  const SampledChanges changes = changes_to(copy);
  REQUIRE(changes.size() == kLayers);
  const SampledChange& first = changes.at(key_of(0));
  CHECK(first.relative == Approx(whole_error(copy)).epsilon(0.05));
  CHECK(first.relative > 0.2);
  CHECK(first.few_levels);
  CHECK_FALSE(first.rescaled);
  CHECK_FALSE(first.only_rounded);
  for (const bool levels : {false, true}) {
    const analysis::KnownErrors known = known_errors(changes, levels);
    CHECK(known.size() == kLayers);
    CHECK(known.at(key_of(0)).cut == 0);
  }
}

TEST_CASE("what rounding to zero cuts off is told from a smaller scale", "[check]") {
  const SampledChanges changes = changes_to(changed(
      [](float value, std::int64_t, std::int64_t) { return 0.9F * in_steps(value, 0.2F); }));
  const SampledChange& first = changes.at(key_of(0));
  CHECK(first.few_levels);
  CHECK(first.cut > 0.001);
  CHECK(first.cut < 0.05);  // the norm falls by a fifth
  CHECK(known_errors(changes, false).at(key_of(0)).cut == first.cut);
}

TEST_CASE("pruned weights take many values, so their norms tell the cut", "[check]") {
  const SampledChanges changes = changes_to(changed(
      [](float value, std::int64_t, std::int64_t) { return std::abs(value) < 0.15F ? 0 : value; }));
  CHECK_FALSE(changes.at(key_of(0)).few_levels);
  CHECK(std::isnan(known_errors(changes, false).at(key_of(0)).cut));
  CHECK(known_errors(changes, true).empty());
}

TEST_CASE("of rescaled, rotated and exchanged weights, elements tell nothing", "[check]") {
  const auto size_of = [](std::int64_t line) { return 1.0F + 0.1F * static_cast<float>(line % 7); };
  for (const bool columns : {false, true}) {
    const SampledChanges scaled =
        changes_to(changed([&](float value, std::int64_t row, std::int64_t col) {
          return in_steps(value * size_of(columns ? col : row), 0.1F);
        }));
    CHECK(scaled.at(key_of(0)).rescaled);
    CHECK(known_errors(scaled, false).empty());
  }
  Weights rolled = base_weights();
  for (int i = 0; i < kLayers; ++i) {
    std::rotate(rolled[key_of(i)].begin(), rolled[key_of(i)].begin() + kCols,
                rolled[key_of(i)].end());
  }
  CHECK(known_errors(changes_to(rolled), false).empty());
  // Two of six matrices in another order: of the others something is known.
  Weights some =
      changed([](float value, std::int64_t, std::int64_t) { return in_steps(value, 0.1F); });
  for (int i = 0; i < 2; ++i) {
    std::rotate(some[key_of(i)].begin(), some[key_of(i)].begin() + kCols, some[key_of(i)].end());
  }
  CHECK(known_errors(changes_to(some), false).size() == kLayers - 2);
}

TEST_CASE("8 bits are many values, and training takes as many as before", "[check]") {
  const SampledChanges int8 = changes_to(
      changed([](float value, std::int64_t, std::int64_t) { return in_steps(value, 0.008F); }));
  CHECK_FALSE(int8.at(key_of(0)).few_levels);
  CHECK(int8.at(key_of(0)).relative < 0.02);
  CHECK(known_errors(int8, true).empty());
  const SampledChanges trained =
      changes_to(changed([](float value, std::int64_t row, std::int64_t col) {
        return value + 0.02F * std::sin(static_cast<float>(row * kCols + col));
      }));
  CHECK(known_errors(trained, true).empty());
  // One layer of few values makes no copy of few bits.
  Weights mixed = changed([](float value, std::int64_t row, std::int64_t col) {
    return value + 0.02F * std::sin(static_cast<float>(row * kCols + col));
  });
  for (float& value : mixed[key_of(0)]) value = in_steps(value, 0.2F);
  CHECK(known_errors(changes_to(mixed), true).empty());
}

TEST_CASE("a model in another dtype that learnt nothing is told", "[check]") {
  const TempFolder temp;
  const checkpoint::Catalogue base = written(temp, "base", base_weights());
  Weights rounded = base_weights();
  for (auto& [key, values] : rounded) {
    std::transform(values.begin(), values.end(), values.begin(), in_bf16);
  }
  const checkpoint::Catalogue cast = written(temp, "cast", rounded, true);
  const std::string text =
      " But nothing changed: in 6 matrices, its weights are those "
      "of the base in another dtype. Nothing was learnt or merged, or it was lost in rounding.";
  CHECK(only_rounded_text(sampled_changes(cast, base, {}), cast, base, {}) == text);
  // The other way: the base in BF16, the tuned model in F32.
  CHECK(only_rounded_text(sampled_changes(base, cast, {}), base, cast, {}) == text);
  SECTION("a bit of one sampled element") { rounded[key_of(2)][5] *= 1.0078125F; }
  SECTION("a row between those that are sampled") { rounded[key_of(2)][12 * kCols] *= 1.0078125F; }
  SECTION("a norm alone was trained") { rounded["norm.weight"][7] *= 1.0078125F; }
  SECTION("a vector that the base has not") { rounded["value.bias"] = rounded["norm.weight"]; }
  const checkpoint::Catalogue tuned = written(temp, "tuned", rounded, true);
  const bool same =
      rounded.size() == 7 && rounded[key_of(2)][5] == in_bf16(base_weights()[key_of(2)][5]) &&
      rounded[key_of(2)][12 * kCols] == in_bf16(base_weights()[key_of(2)][12 * kCols]) &&
      rounded["norm.weight"][7] == in_bf16(base_weights()["norm.weight"][7]);
  CHECK(only_rounded_text(sampled_changes(tuned, base, {}), tuned, base, {}).empty() == !same);
}

TEST_CASE("a reason to stop ends the reading of weights at the next part", "[check]") {
  const TempFolder temp;
  const checkpoint::Catalogue base = written(temp, "base", base_weights());
  int asked = 0;
  int most = 1000;
  const auto check_stop = [&] {
    if (++asked > most) throw Error(Blame::interrupted, "stopped");
  };
  const SampledChanges changes = sampled_changes(base, base, {}, check_stop);
  CHECK(asked == kLayers);
  asked = 0;
  CHECK_FALSE(only_rounded_text(changes, base, base, {}, check_stop).empty());
  CHECK(asked == 2 + kLayers);  // the norm of each, and the matrices
  asked = 0;
  CHECK(damage_text(base, base, check_stop).empty());
  CHECK(asked == 1);
  asked = 0;
  CHECK(rescaling_text(base, base, check_stop).empty());
  CHECK(asked == 2);
  for (most = 0; most < kLayers; ++most) {
    asked = 0;
    CHECK_THROWS_WITH(sampled_changes(base, base, {}, check_stop), "stopped");
    CHECK(asked == most + 1);
  }
}

TEST_CASE("large models are sampled: the same matrices at even distances", "[check]") {
  const TempFolder temp;
  write_layers(temp / "many", 700, 16, 12);
  const checkpoint::Catalogue many = checkpoint::open_checkpoint(temp / "many");
  const SampledChanges changes = sampled_changes(many, many, {});
  CHECK(changes.size() == 512);
  CHECK(changes.contains("layers.0.weight"));
  CHECK(std::count_if(changes.begin(), changes.end(), [](const auto& one) {
          return std::stoi(one.first.substr(7)) >= 350;
        }) == 256);
  for (const auto& [key, change] : changes) CHECK(change.relative == 0);
}
