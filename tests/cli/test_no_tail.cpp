/// @file
/// A checkpoint with orthogonal matrices: they have no alpha, in any command, and it is said.

#include <bit>
#include <cmath>
#include <string_view>

#include <catch2/catch.hpp>

#include "support/csv.hpp"
#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

/// A Hadamard matrix of 64 x 64 over 8, which is orthogonal, with noise of `size` on each element.
std::vector<float> hadamard(float size) {
  std::vector<float> values = noise_values(64 * 64, 9);
  for (std::uint32_t i = 0; i < 64 * 64; ++i) {
    const float sign = std::popcount((i / 64) & (i % 64)) % 2 == 0 ? 1.0F : -1.0F;
    values[i] = sign / 8 + size * values[i];
  }
  return values;
}

/// Two random matrices, an orthogonal one, a nearly orthogonal one, one of zeros.
std::string checkpoint() {
  return safetensors_bytes({
      {"model.layers.0.mlp.up_proj.weight", {64, 48}, noise_values(64 * 48, 1)},
      {"model.layers.0.self_attn.q_proj.weight", {64, 64}, hadamard(0)},
      {"model.layers.1.mlp.up_proj.weight", {64, 48}, noise_values(64 * 48, 2)},
      {"model.layers.1.self_attn.q_proj.weight", {64, 64}, hadamard(0.001F)},
      {"model.layers.2.mlp.up_proj.weight", {32, 20}, std::vector<float>(32 * 20, 0.0F)},
  });
}

Outcome scan(const TempFolder& temp, std::vector<std::string> more = {}) {
  write_bytes(temp / "m/model.safetensors", checkpoint());
  std::vector<std::string> arguments{"scan",       (temp / "m").string(),
                                     "--archive",  (temp / "archive").string(),
                                     "--progress", "none"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_wishart(arguments);
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("an orthogonal matrix is scanned, has no alpha, and stays out of means", "[no-tail]") {
  const TempFolder temp;
  const Outcome scanned = scan(temp);
  REQUIRE(scanned.exit_code == 0);
  has(scanned.out + scanned.err,
      "m: 5 matrices (2 fitted, 2 without a power-law tail, 1 without a fit), 0 tensors skipped, "
      "in ");
  const std::string archive = (temp / "archive").string();
  const CsvTable layers = parse_csv(run_wishart({"export", archive}).out);
  REQUIRE(layers.rows.size() == 5);
  double sum = 0;
  for (const auto& row : layers.rows) {
    const bool orthogonal = row.at("role") == "attention.q";
    CAPTURE(row.at("key"));
    CHECK((row.at("status") == "no-tail") == orthogonal);
    if (row.at("status") == "success") sum += number(row.at("alpha"));
    if (!orthogonal) continue;
    CHECK(row.at("warning") == "no-tail");
    CHECK(row.at("alpha") == "nan");
    CHECK(row.at("alpha_hill") == "nan");
    CHECK(row.at("num_pl_spikes") == "-1");
    CHECK_FALSE(row.at("reason").empty());
    CHECK(std::abs(number(row.at("norm")) - 64) < 0.1);
  }
  const CsvTable summary = parse_csv(run_wishart({"export", archive, "--table", "summary"}).out);
  CHECK(summary.rows.at(0).at("metric") == "alpha");
  CHECK(summary.rows.at(0).at("count") == "2");
  CHECK(summary.rows.at(0).at("excluded") == "3");
  CHECK(number(summary.rows.at(0).at("mean")) == Approx(sum / 2));
}

TEST_CASE("the report says in words which layers have no tail, and shows no number", "[no-tail]") {
  const TempFolder temp;
  REQUIRE(scan(temp).exit_code == 0);
  const std::string archive = (temp / "archive").string();
  const std::string text = run_wishart({"report", archive, "--wide"}).out;
  has(text, "; 1 without a fit; 2 without a power-law tail. ");
  has(text, "no-tail (2): The spectrum has no power-law tail");
  has(text, "all eigenvalues above the floor are equal");
  CHECK(text.find("e+07") == std::string::npos);
  CHECK(text.find("nan") == std::string::npos);
  for (const char* format : {"md", "html", "json"}) {
    CAPTURE(format);
    const Outcome report = run_wishart({"report", archive, "--format", format});
    CHECK(report.exit_code == 0);
    has(report.out, "no-tail");
    CHECK(report.out.find("nan,") == std::string::npos);
  }
}

TEST_CASE("a gate and a ranking pass over layers without a tail", "[no-tail]") {
  const TempFolder temp;
  REQUIRE(scan(temp, {"--layers", "-*layers.2*"}).exit_code == 0);
  const std::string archive = (temp / "archive").string();
  write_bytes(temp / "rules.cfg",
              "[alpha]\nmetric = alpha\nmax = 50\n\n[fits]\nmetric = failed\nmax = 0\n\n"
              "[mean]\nmetric = alpha\nstatistic = mean\nmax = 20\n");
  const Outcome gate =
      run_wishart({"gate", archive, "--rules", (temp / "rules.cfg").string(), "--wide"});
  INFO(gate.out << gate.err);
  CHECK(gate.exit_code == 0);
  has(gate.out, "2 layers without a value");
  write_bytes(temp / "strict.cfg", "[tails]\nmetric = warning.no-tail\nmax = 0\n");
  CHECK(run_wishart({"gate", archive, "--rules", (temp / "strict.cfg").string()}).exit_code == 1);
  const Outcome rank = run_wishart({"rank", archive});
  CHECK(rank.exit_code == 0);
  CHECK(rank.out.find("e+0") == std::string::npos);
}

TEST_CASE("a gate does not call good what the report calls unknown or useless", "[no-tail]") {
  const TempFolder temp;
  const std::string of_run = in_source("jobs/gate-pretraining.cfg");
  const std::string blind = temp.write("blind.cfg",
                                       "[finite]\nmetric = warning.nonfinite\nmax = 0\n\n"
                                       "[rank]\nmetric = matrix_rank\nmax = 99\n")
                                .string();
  struct Model {
    const char* layers;
    std::string rules;
    const char* verdict;
  };
  for (const auto& [layers, rules, verdict] :
       {Model{"*self_attn*", of_run,
              "Unknown. Passed: all 9 rules are kept. 6 of them judged nothing. But nothing is "
              "known of the quality of m.\n"},
        Model{"*layers.2*", blind, "Bad. Passed: all 2 rules are kept. But do not use m.\n"}}) {
    CAPTURE(layers);
    std::filesystem::remove_all(temp / "archive");
    REQUIRE(scan(temp, {"--layers", layers}).exit_code == 0);
    const std::vector<std::string> words{"gate", (temp / "archive").string(), "--rules", rules,
                                         "--wide"};
    const Outcome gate = run_wishart(words);
    INFO(gate.err);
    CHECK(gate.exit_code == 0);  // which is about the rules
    has(gate.out, verdict);
    has(gate.out, "The report on m: ");
    has(run_wishart({"report", (temp / "archive").string(), "--wide"}).out,
        std::string("\n") + std::string(verdict, std::string_view(verdict).find('.')) + ". ");
  }
  // The rules of a run stop the zeros by themselves.
  const Outcome stopped = run_wishart({"gate", (temp / "archive").string(), "--rules", of_run});
  CHECK(stopped.exit_code == 1);
  has(stopped.out, "Bad. Failed: 2 of 9 rules are broken.");
}

TEST_CASE("compat mode keeps WeightWatcher's number", "[no-tail]") {
  const TempFolder temp;
  const Outcome scanned = scan(temp, {"--compat", "weightwatcher"});
  REQUIRE(scanned.exit_code == 0);
  const CsvTable layers = parse_csv(run_wishart({"export", (temp / "archive").string()}).out);
  int attention = 0;
  for (const auto& row : layers.rows) {
    CHECK(row.at("status") != "no-tail");
    if (row.at("key") != "model.layers.1.self_attn.q_proj.weight") continue;
    CHECK(row.at("status") == "success");
    CHECK(row.at("warning") == "under-trained");
    CHECK(number(row.at("alpha")) > 32);
    ++attention;
  }
  CHECK(attention == 1);
}
