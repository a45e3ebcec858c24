/// @file
/// The report as one HTML page: well-formed, whole by itself, whatever the names.

#include <catch2/catch.hpp>

#include "support/places.hpp"
#include "support/program.hpp"
#include "support/safetensors_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart::test;

namespace {

constexpr const char* kHostile = "<script>alert(1)</script>\"'&\xe2\x80\xae\xd8\x9c\x1b[31m.weight";

/// A run of `checkpoints` checkpoints, one tensor of which has a name that would do harm.
std::string scanned_run(const TempFolder& temp, int checkpoints) {
  for (int i = 1; i <= checkpoints; ++i) {
    const auto seed = static_cast<std::uint64_t>(i);
    write_bytes(temp / ("run/checkpoint-" + std::to_string(i)) / "model.safetensors",
                safetensors_bytes(
                    {{kHostile, {64, 32}, noise_values(2048, 1)},
                     {"model.layers.0.mlp.up_proj.weight", {48, 32}, noise_values(1536, seed)},
                     {"model.norm.weight", {32}, noise_values(32, 3)}}));
  }
  const std::string archive = (temp / "archive").string();
  REQUIRE(run_wishart({"scan", (temp / "run").string(), "--archive", archive, "--progress", "none"})
              .exit_code == 0);
  return archive;
}

std::string html_report(const std::string& archive) {
  const Outcome report = run_wishart({"report", archive, "--format", "html"});
  INFO(report.err);
  REQUIRE(report.exit_code == 0);
  return report.out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

void check_page(const TempFolder& temp, const std::string& page) {
  const auto file = temp.write("page.html", page);
  const Outcome checked = run_shell("/usr/bin/python3 " + in_source("tests/cli/check_html.py") +
                                    " " + quoted(file.string()));
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
  for (const char* harm : {"<script>alert", "\x1b", "\xe2\x80\xae", "\xd8\x9c"}) {
    CAPTURE(harm);
    CHECK(page.find(harm) == std::string::npos);
  }
  CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\xe2\\x80\\xae") !=
        std::string::npos);
}

}  // namespace

TEST_CASE("the report of a checkpoint is one well-formed page", "[html]") {
  const TempFolder temp;
  const std::string page = html_report(scanned_run(temp, 1));
  check_page(temp, page);
  CHECK(page.find("<title>Spectra of checkpoint-1</title>") != std::string::npos);
  CHECK(page.find("alpha, by role and block") != std::string::npos);
  CHECK(page.find("alpha by role") != std::string::npos);
  CHECK(page.find("History") == std::string::npos);
}

TEST_CASE("a history goes by the names of the files, also of one that was renamed", "[html]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp, 3);
  std::filesystem::rename(archive + "/checkpoint-3.h5", archive + "/final.h5");
  const std::string page = html_report(archive);
  CHECK(page.find("<title>History of 3 checkpoints</title>") != std::string::npos);
  CHECK(page.find("<td>final</td>") != std::string::npos);
  CHECK(page.find("<h2 id=\"part-2\">Spectra of final</h2>") != std::string::npos);
}

TEST_CASE("a page draws the eigenvalues of as many layers as it is told", "[html]") {
  const TempFolder temp;
  const std::string archive = scanned_run(temp, 1);
  const std::string page = html_report(archive);
  CHECK(count(page, "<polygon") == 2);
  CHECK(page.find("Marchenko-Pastur bulk up to ") != std::string::npos);
  CHECK(page.find("power law, alpha ") != std::string::npos);
  for (const char* number : {"0", "1"}) {
    const Outcome less =
        run_wishart({"report", archive, "--format", "html", "--densities", number});
    REQUIRE(less.exit_code == 0);
    check_page(temp, less.out);
    CHECK(count(less.out, "<polygon") == std::stoul(number));
  }
  // Of a packed archive too.
  const std::string packed = (temp / "all.h5").string();
  REQUIRE(run_wishart({"merge", archive, "--out", packed}).exit_code == 0);
  CHECK(html_report(packed) == page);
  const Outcome wrong = run_wishart({"report", archive, "--densities", "-1"});
  CHECK(wrong.exit_code == 2);
  CHECK(wrong.err == "wishart: --densities: expected a number from 0 to 5000, found -1\n");
}

TEST_CASE("the report of a history is one page with that of its last checkpoint", "[html]") {
  const TempFolder temp;
  const std::string page = html_report(scanned_run(temp, 3));
  check_page(temp, page);
  CHECK(page.find("<title>History of 3 checkpoints</title>") != std::string::npos);
  CHECK(page.find("alpha of the layers, with the standard error of the mean") != std::string::npos);
  CHECK(page.find("Is it still learning?") != std::string::npos);
  CHECK(page.find("<h2 id=\"part-2\">Spectra of checkpoint-3</h2>") != std::string::npos);
  CHECK(count(page, "<polygon") == 2);
}
