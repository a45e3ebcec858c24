/// @file
/// The rank and alpha of a module: numbers and patterns of adapter_config.json.

#include <catch2/catch.hpp>

#include "adapter_support.hpp"
#include "formats/lora/adapter_config.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

std::optional<bool> matches_module(std::string_view pattern, std::string_view module) {
  const std::optional<ModulePattern> parsed = ModulePattern::parsed(pattern);
  std::int64_t steps = 0;
  return parsed ? std::optional(parsed->matches(module, steps)) : std::nullopt;
}

}  // namespace

TEST_CASE("rank and alpha of a module come from the first matching pattern",
          "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB}, R"(,"alpha_pattern":{"k":7,"m\\.q":6,"q":9})");
  CHECK(values_of(open_checkpoint(folder.path()), open_checkpoint(folder.path()).tensors[0])[0] ==
        60);
  write_adapter(folder, {kA, kB}, R"x(,"alpha_pattern":{"(?!a)":7})x");
  CHECK(refusal(folder) ==
        "F/adapter_config.json: pattern '(?!a)' is not supported: expected only names, dots, \\d, "
        "\\w, [], |, (), *, + and ?");
  CHECK(matches_module("q_proj", "model.layers.0.q_proj") == true);
  CHECK(matches_module("proj", "model.layers.0.q_proj") == false);
  CHECK(matches_module("layers.\\d+.q_proj", "model.layers.11.q_proj") == true);
  CHECK(matches_module("^model.*q_proj$", "model.layers.11.q_proj") == true);
  CHECK(matches_module("^layers.*", "model.layers.11.q_proj") == false);
  CHECK(matches_module(std::string(300, '*'), "x") == std::nullopt);
  CHECK(matches_module("a**b", "ab") == std::nullopt);
  std::string many;
  for (int i = 0; i < 200; ++i) many += "a*";
  CHECK(matches_module(many + "b", std::string(2000, 'a')) == false);
}

TEST_CASE("patterns may have alternatives, classes of characters and lazy repetitions",
          "[checkpoint][adapter]") {
  // axolotl's rank for layers of its choice.
  const std::string axolotl = R"(.*\.layers\.3\..*(q_proj|k_proj|v_proj|o_proj)$)";
  CHECK(matches_module(axolotl, "model.layers.3.self_attn.q_proj") == true);
  CHECK(matches_module(axolotl, "model.layers.3.self_attn.o_proj") == true);
  CHECK(matches_module(axolotl, "model.layers.3.mlp.up_proj") == false);
  CHECK(matches_module(axolotl, "model.layers.13.self_attn.q_proj") == false);
  CHECK(matches_module("(?:q|k)_proj", "m.k_proj") == true);
  CHECK(matches_module("(?:q|k)_proj", "m.v_proj") == false);
  CHECK(matches_module("q_proj|k_proj", "m.k_proj") == true);
  CHECK(matches_module("q_proj|k_proj", "m.kk_proj") == false);
  CHECK(matches_module("layers.(1[0-9]|2[^0-3]).(a|b(c|d))x?", "m.layers.24.bd") == true);
  CHECK(matches_module("layers.(1[0-9]|2[^0-3]).(a|b(c|d))x?", "m.layers.22.bd") == false);
  CHECK(matches_module("layers.(1[0-9]|2[^0-3]).(a|b(c|d))x?", "m.layers.19.bx") == false);
  CHECK(matches_module("layers.(1[0-9]|2[^0-3]).(a|b(c|d))x?", "m.layers.19.ax") == true);
  CHECK(matches_module("(self_)?attn", "m.attn") == true);
  CHECK(matches_module("(self_)?attn", "m.self_attn") == true);
  CHECK(matches_module("(self_)?attn", "m.elf_attn") == false);
  CHECK(matches_module("[\\d_]+[a-c.-]", "m.1_2-") == true);
  CHECK(matches_module("^m.*?.(q|k)", "m.layers.0.k") == true);
  CHECK(matches_module("m.*?q", "m.layers.0.q") == true);
  CHECK(matches_module("(a+|b)c", "aaac") == true);
  CHECK(matches_module("(a+|b)c", "m.bc") == true);
  for (const char* const pattern :
       {"(a|b)*", "(a|b)+", "(a",       "a)",    "(a|)",        "(|a)",
        "a|",     "|a",     "()",       "[",     "[]",          "[a",
        "[b-a]",  "(?=a)",  "(?P<x>a)", "(?i)a", "^a|b",        "a$b",
        "(a$|b)", "a{2}",   "\\bq",     "\\1",   "\\sq",        "\\",
        "a*+",    "a*??",   "a*?+",     "(?",    "[[:alpha:]]", "((((((((((a))))))))))"}) {
    INFO(pattern);
    CHECK(matches_module(pattern, "a") == std::nullopt);
  }
}

TEST_CASE("alternatives take as many steps as pieces and characters allow",
          "[checkpoint][adapter]") {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "(a*|[ab]*)";
  const std::string module(1000, 'a');
  std::int64_t steps = 0;
  CHECK_FALSE(ModulePattern::parsed(pattern + "c")->matches(module, steps));
  CHECK(ModulePattern::parsed("^" + pattern)->matches(module, steps));
  CHECK(steps < 2 * 700 * 1001);
}

TEST_CASE("an r of an adapter that is no rank is named", "[checkpoint][adapter]") {
  const TempFolder folder;
  write_adapter(folder, {kA, kB}, "", R"("r":0,"lora_alpha":2)");
  CHECK(refusal(folder) == "F/adapter_config.json: expected r of 1 or more, found '0'");
  write_adapter(folder, {kA, kB}, "", R"("r":1,"lora_alpha":"x")");
  CHECK(refusal(folder) == "F/adapter_config.json: expected a number lora_alpha, found 'x'");
}

TEST_CASE("a rank or alpha of a pattern that is none is named", "[checkpoint][adapter]") {
  const TempFolder folder;
  const auto refused = [&](const std::string& more, const std::string& base) {
    write_adapter(folder, {kA, kB}, more, base);
    std::string text = refusal(folder);
    const std::string front = "F/adapter_config.json: ";
    CHECK(text.starts_with(front));
    return text.substr(std::min(front.size(), text.size()));
  };
  const std::string good = R"("r":1,"lora_alpha":2)";
  for (const std::string number : {"NaN", "Infinity", "-Infinity"}) {
    CHECK(refused("", R"("r":1,"lora_alpha":)" + number) ==
          "expected a finite number lora_alpha, found '" + number + "'");
  }
  const std::string alpha = "pattern 'y' of alpha_pattern: expected a finite number, found ";
  const std::string rank = "pattern 'y' of rank_pattern: expected a rank of 1 or more, found ";
  const std::vector<std::pair<std::string, std::string>> values{
      {"1e999", "'1e999'"}, {R"("many")", "'many'"}, {"true", "'true'"}, {"NaN", "'NaN'"},
      {"null", "no value"}, {"{}", "no value"},      {"[]", "no value"}};
  for (const auto& [value, found] : values) {
    CHECK(refused(R"(,"alpha_pattern":{"q":3,"y":)" + value + "}", good) == alpha + found);
    CHECK(refused(R"(,"rank_pattern":{"q":3,"y":)" + value + "}", good) == rank + found);
  }
  CHECK(refused(R"(,"rank_pattern":{"y":0})", good) == rank + "'0'");
  CHECK(refused(R"(,"alpha_pattern":7)", good) == "expected patterns as alpha_pattern, found '7'");
  // What PEFT writes without patterns.
  for (const std::string none : {"null", "{}"}) {
    write_adapter(folder, {kA, kB}, R"(,"alpha_pattern":)" + none + R"(,"rank_pattern":)" + none);
    CHECK(open_checkpoint(folder.path()).tensors.size() == 1);
  }
}

TEST_CASE("patterns are compared with all ends of a path in one pass", "[checkpoint][adapter]") {
  std::string pattern;
  std::string module = "a";
  for (int i = 0; i < 100; ++i) {
    pattern += ".*";
    module += ".a";
  }
  std::int64_t steps = 0;
  CHECK_FALSE(ModulePattern::parsed("x" + pattern)->matches(module, steps));
  CHECK(steps <= 101 * 202);
  // A name is compared from its end.
  steps = 0;
  CHECK_FALSE(ModulePattern::parsed(module + ".b")->matches(module, steps));
  CHECK(steps == 1);
  CHECK(ModulePattern::parsed("a")->matches(module, steps));
  CHECK(ModulePattern::parsed("a.a")->matches(module, steps));
  CHECK_FALSE(ModulePattern::parsed("^a.a")->matches(module, steps));
  CHECK(ModulePattern::parsed("^" + module + "$")->matches(module, steps));
  CHECK(ModulePattern::parsed("^a.*a")->matches(module, steps));
  CHECK_FALSE(ModulePattern::parsed(module + ".a")->matches(module, steps));
  CHECK(ModulePattern::parsed("b*")->matches(module + ".", steps));  // of the empty end
}

TEST_CASE("patterns that take too long are refused", "[checkpoint][adapter]") {
  const AdapterConfig config(
      JsonFacts(R"({"r":1,"lora_alpha":2,"alpha_pattern":{"x.*y.*":3}})", "F"), "F", 50);
  CHECK(config.scaling("module.q", 1) == 2);
  CHECK(error_of([&] {
          for (int i = 0; i < 10; ++i) static_cast<void>(config.scaling("module.q", 1));
        }) ==
        "F: pattern 'x.*y.*': expected patterns and names of modules that are compared in at most "
        "50 steps, found more");
}
