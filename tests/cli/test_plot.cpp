/// @file
/// `wishart plot`: figures of an archive as SVG files.

#include <catch2/catch.hpp>

#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kHostile = "<script>alert(1)</script>\"'&\xe2\x80\xae\x1b[31m.weight";
constexpr const char* kPlain = "model.layers.0.mlp.up_proj.weight";

/// The archive of a run of three checkpoints, one tensor of which has a name that would do harm.
std::string scanned_run(const TempFolder& temp) {
  for (int i = 1; i <= 3; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    write_bytes(temp / ("run/checkpoint-" + std::to_string(i)) / "model.safetensors",
                safetensors_bytes({{kHostile, {64, 32}, noise_values(2048, 1)},
                                   {kPlain, {48, 32}, noise_values(1536, seed)}}));
  }
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "none"})
              .exit_code == 0);
  return archive;
}

void check_refused(const std::vector<std::string>& words, const std::string& error) {
  const Outcome outcome = run_wishart(words);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK(outcome.err == "wishart: " + error + "\n");
}

}  // namespace

TEST_CASE("plot writes each figure as an XML document of its own", "[plot]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp);
  const std::vector<std::vector<std::string>> figures{
      {archive, "--what", "blocks", "--measure", "change"},
      {archive, "checkpoint-1", "--what", "roles"},
      {archive, "--what", "spectrum", "--layer", kHostile},
      {archive, "--what", "xmin", "--layer", kPlain},
      {archive, "--what", "history-alpha"},
      {archive, "--what", "layers"},
      {archive, "--what", "layer", "--layer", kHostile},
      {archive, "previous", "latest", "--what", "moved"}};
  std::vector<std::string> files;
  for (std::vector<std::string> words : figures) {
    CAPTURE(words);
    const std::string file = (temp / (std::to_string(files.size()) + ".svg")).string();
    files.push_back(quoted(file));
    words.insert(words.begin(), "plot");
    words.insert(words.end(), {"-o", file});
    const Outcome outcome = run_wishart(words);
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    CHECK(outcome.out.empty());
    const std::string svg = wishart::read_text_file(file, 1 << 20);
    CHECK(svg.starts_with("<svg xmlns="));
    CHECK(svg.find("<script") == std::string::npos);
  }
  const Outcome parsed = run_shell(
      "/usr/bin/python3 -c 'import sys, xml.dom.minidom\n"
      "for file in sys.argv[1:]: xml.dom.minidom.parse(file)' " +
      wishart::join(files, " "));
  INFO(parsed.err);
  CHECK(parsed.exit_code == 0);
  const Outcome list = run_wishart({"plot", archive, "--list"});
  CHECK(list.exit_code == 0);
  for (const char* line : {"blocks  ", "roles  ", "spectrum  ", "history-alpha  ", "layer  "}) {
    CAPTURE(line);
    CHECK(list.out.find(std::string("\n") + line) != std::string::npos);
  }
}

TEST_CASE("plot offers a spectrum only where there is one", "[plot]") {
  const TempFolder temp;
  write_bytes(temp / "zero/model.safetensors",
              safetensors_bytes({{kPlain, {48, 32}, std::vector<float>(1536, 0.0F)}}));
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", (temp / "zero").string(), "--archive", archive}).exit_code == 0);
  const Outcome list = run_wishart({"plot", archive, "--list"});
  CHECK(list.exit_code == 0);
  CHECK(list.out.find("\nblocks  ") != std::string::npos);
  CHECK(list.out.find("spectrum") == std::string::npos);
  CHECK(list.out.find("xmin") == std::string::npos);
  // Such a model is good for nothing.
  CHECK(run_wishart({"report", archive, "--format", "brief"})
            .out.find("Bad. Spectra of zero: Do not use it: the only layer is zero.") == 0);
}

TEST_CASE("plot refuses in one line what is not there", "[plot]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp);
  check_refused(
      {"plot", archive, "checkpoint-3", "--what", "experts"},
      "--what experts: nothing to draw of checkpoint-3, which has blocks, roles, quality");
  check_refused({"plot", archive, "checkpoint-1", "--what", "blocks", "--measure", "change"},
                "--measure change: blocks of checkpoint-1 has alpha, D, stable_rank, warnings");
  check_refused({"plot", archive},
                "wishart plot: name a figure with --what; --list shows those of the archive");
  check_refused({"plot", archive, "checkpoint-1", "--what", "history-alpha"},
                "--what history-alpha: is of a whole run, not of one checkpoint. Leave out "
                "checkpoint-1");
  check_refused({"plot", archive, "--what", "xmin"}, "--what xmin: name the layer with --layer");
  check_refused({"plot", archive, "--what", "blocks", "-o", "x.png"},
                "--output x.png: expected .svg as its extension, found '.png'. rsvg-convert and "
                "browsers make a PNG of an SVG");
}
