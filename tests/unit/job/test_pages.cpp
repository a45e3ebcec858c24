/// @file
/// Manual pages and completion, which are made from the options of the commands.

#include <map>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/command_line.hpp"

#include "options/completion.hpp"
#include "options/help.hpp"
#include "options/manual.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using test::TempFolder;

namespace {

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome run(const std::vector<std::string>& words) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_command_line(words, out, err);
  return {code, out.str(), err.str()};
}

std::string read(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every command has a summary, and every summary a command", "[pages]") {
  std::vector<std::string> commands;
  for (const Command& command : all_commands()) commands.push_back(command.name);
  std::vector<std::string> summaries;
  for (const CommandSummary& summary : command_summaries()) {
    summaries.emplace_back(summary.name);
    CHECK(summary.usage.starts_with(std::string(summary.name) + " "));
    CHECK_FALSE(summary.summary.empty());
  }
  std::sort(commands.begin(), commands.end());
  std::sort(summaries.begin(), summaries.end());
  CHECK(commands == summaries);
}

TEST_CASE("a manual page has every option with its text, and every exit code", "[pages]") {
  std::size_t options = 0;
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    const std::string page = manual_page(command.name);
    CHECK(page.starts_with(".TH WISHART-"));
    CHECK(page.find("\"wishart " + std::string(build_info().version) + "\"") != std::string::npos);
    for (const auto& option : command.options.options()) {
      std::string name = "\\-\\-";
      for (const char c : option->long_name()) name += c == '-' ? "\\-" : std::string(1, c);
      CAPTURE(name);
      CHECK(page.find("\\fB" + name + "\\fR") != std::string::npos);
      ++options;
    }
    for (const ExitCode& code : exit_codes()) {
      CHECK(page.find(".TP\n\\fB" + std::to_string(code.code) + "\\fR\n") != std::string::npos);
    }
    CHECK(page.find(".BR wishart (1),\n") != std::string::npos);
    CHECK(page.find(".BR wishart\\-" + command.name + " ") == std::string::npos);
  }
  CHECK(options > 100);
  CHECK_THROWS_WITH(manual_page("scann"), "manual_page: expected a command, found 'scann'");
}

TEST_CASE("a manual page shows short names, defaults and examples as typed", "[pages]") {
  const std::string report = manual_page("report");
  CHECK(report.find(".TP\n\\fB\\-o\\fR, \\fB\\-\\-output\\fR \\fIFILE\\fR\n") != std::string::npos);
  CHECK(report.find("\\fB\\-\\-format\\fR \\fIFORMAT (=text)\\fR\n") != std::string::npos);
  const std::string scan = manual_page("scan");
  CHECK(scan.find(".SS Numerics\n") != std::string::npos);
  CHECK(scan.find("\\-\\-layers '*mlp*' \\-\\-time\\-limit 2h\n") != std::string::npos);
  const std::string whole = manual_page("");
  CHECK(whole.starts_with(".TH WISHART 1 "));
  CHECK(whole.find("\n\\fBplan PATH \\-\\-ranks N\\fR\n") != std::string::npos);
}

TEST_CASE("completion proposes the values that the text of an option lists", "[pages]") {
  const std::map<std::string, std::string> expected{
      {"scan --method", "auto gram qr svd"},
      {"scan --precision", "double single"},
      {"scan --products", "integer float64 auto"},
      {"scan --solver", "auto local scalapack elpa"},
      {"scan --fit", "PL TPL E_TPL"},
      {"scan --fix-fingers", "clip_xmax xmin_peak"},
      {"scan --compat", "weightwatcher"},
      {"plot --measure", "alpha D stable_rank change warnings"},
      {"scan --progress", "auto plain json none"},
      {"inspect --format", "text csv json"},
      {"report --format", "text md json html brief"},
      {"export --format", "csv json jsonl"},
      {"export --table", "layers summary skipped adapter traps history spectrum scan"},
      {"export --for", "axolotl peft mergekit prometheus tensorboard"},
      {"check --kind", "auto full lora quantised"},
      {"synth --dtype", "BF16 F16 F32"},
      // Lists in passing, no values.
      {"scan --path", ""},
      {"scan --layers", ""},
      {"scan --variant", ""},
      {"plot --what", ""},
      {"scan --replace", ""},
      {"scan --time-limit", ""},
      {"scan --archive", ""},
      {"export --checkpoint", ""},
      {"gate --checkpoint", ""}};
  std::size_t seen = 0;
  for (const Command& command : all_commands()) {
    for (const auto& option : command.options.options()) {
      const auto at = expected.find(command.name + " --" + option->long_name());
      if (at == expected.end()) continue;
      CAPTURE(at->first);
      CHECK(join(choices_of(*option), " ") == at->second);
      ++seen;
    }
  }
  CHECK(seen == expected.size());
}

TEST_CASE("wishart help --pages writes a page for each command and completion", "[pages]") {
  const TempFolder temp;
  const std::string folder = (temp / "share").string();
  const Outcome outcome = run({"help", "--pages", folder});
  CHECK(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.out == "16 manual pages, and completion for bash and zsh, are in " + folder + "\n");
  CHECK(read(temp / "share/man/man1/wishart.1") == manual_page(""));
  for (const Command& command : all_commands()) {
    CHECK(read(temp / ("share/man/man1/wishart-" + command.name + ".1")) ==
          manual_page(command.name));
  }
  CHECK(read(temp / "share/bash-completion/completions/wishart") == bash_completion());
  CHECK(read(temp / "share/zsh/site-functions/_wishart") == zsh_completion());
  CHECK(run({"help", "--pages", folder}).code == 0);  // again, over what is there
}

TEST_CASE("wishart help --pages refuses no folder, and one that cannot be made", "[pages]") {
  const Outcome none = run({"help", "--pages"});
  CHECK(none.code == 2);
  CHECK(none.err == "wishart: wishart help --pages: name the folder to write to\n");
  const Outcome file = run({"help", "--pages", "/dev/null/share"});
  CHECK(file.code == 4);
  CHECK(file.err ==
        "wishart: /dev/null/share/man/man1: the folder cannot be created: Not a directory\n");
}

TEST_CASE("the version as JSON is that of the text", "[pages]") {
  const Outcome json = run({"--version", "--json"});
  CHECK(json.code == 0);
  const BuildInfo& info = build_info();
  CHECK(json.out.starts_with(
      "{\"schema\": \"wishart/version/1\", \"version\": " + json_quoted(info.version) +
      ", \"date\": " + json_quoted(info.date) + ", \"commit\": " + json_quoted(info.commit)));
  CHECK(json.out.ends_with("]}\n"));
  CHECK(run({"--version"}).out.find("{") == std::string::npos);
}
