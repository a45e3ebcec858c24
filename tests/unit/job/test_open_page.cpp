/// @file
/// Where a report goes: formats by name and extension, width, and the browser.

#include <cstdlib>

#include <catch2/catch.hpp>

#include "open_page.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;
using test::refusal;
using test::TempFolder;
using test::Words;

namespace {

using Command = std::vector<std::string>;

std::string opening_error(const std::string& browser, const std::filesystem::path& page) {
  ::setenv("BROWSER", browser.c_str(), 1);
  std::string text = "opened";
  try {
    open_page(page);
  } catch (const Error& error) {
    text = std::to_string(static_cast<int>(error.blame())) + ": " + error.what();
  }
  ::unsetenv("BROWSER");
  return text;
}

}  // namespace

TEST_CASE("reports go to pages and briefs, by name or by extension", "[open_page]") {
  CHECK(parse_compare(Words{"x", "a", "b", "-o", "c.html"}).format == OutputFormat::html);
  CHECK(parse_rank(Words{"x", "--format", "brief"}).format == OutputFormat::brief);
  CHECK(parse_gate(Words{"x", "--rules", "r", "-o", "g.html"}).format == OutputFormat::html);
  CHECK(parse_report(Words{"x", "--format", "brief", "-o", "b.txt"}).format == OutputFormat::brief);
  CHECK(parse_report(Words{"x", "-o", "r.txt"}).reading.width == 80);
  CHECK(parse_report(Words{"x", "--wide"}).reading.width == 0);
  const ReportOptions opened = parse_report(Words{"x", "--open"});
  CHECK(opened.format == OutputFormat::html);
  CHECK(opened.reading.open);
  CHECK(parse_report(Words{"x", "--open", "-o", "r.md"}).format == OutputFormat::md);
  CHECK(refusal(parse_report, {"x", "--open", "--format", "json"}) ==
        "--open: shows a page. Leave out --format, or name a file with --output");
  CHECK(refusal(parse_report, {"x", "--page", "there"}) ==
        "--page: is named in a brief. Add --format brief");
  CHECK(refusal(parse_rank, {"x", "-o", "r.npy"}) ==
        "--output r.npy: expected one of .txt, .md, .html, .csv, .json as its extension, found "
        "'.npy'. Or choose the format with --format");
  CHECK(refusal(parse_gate, {"x", "--rules", "r", "--format", "csv"}) ==
        "--format: expected one of text, md, html, json, brief, found 'csv'");
}

TEST_CASE("BROWSER names programs, with the file where it says or behind", "[open_page]") {
  CHECK(browser_commands("", "/a b.html") == std::vector<Command>{{"xdg-open", "/a b.html"}});
  CHECK(browser_commands("firefox:w3m -T %s", "/p.html") ==
        std::vector<Command>{{"firefox", "/p.html"}, {"w3m", "-T", "/p.html"}});
  CHECK(browser_commands(" : ", "/p.html") == std::vector<Command>{{"xdg-open", "/p.html"}});
}

TEST_CASE("a page is opened without a shell, or the message names it", "[open_page]") {
  const TempFolder temp;
  const std::filesystem::path page = temp.write("$(touch x); p.html", "page");
  const std::filesystem::path browser =
      temp.write("browser", "#!/bin/sh\nprintf '%s' \"$1\" > \"${0%/*}/seen\"\n");
  std::filesystem::permissions(browser, std::filesystem::perms::owner_all);
  CHECK(opening_error(browser.string(), page) == "opened");
  std::ifstream seen(temp / "seen");
  std::string name;
  std::getline(seen, name);
  CHECK(name == page.string());
  CHECK(opening_error("false", page) ==
        "4: " + page.string() +
            ": is written, but was not opened: false failed. Open it yourself, or set BROWSER to a "
            "program that does");
}

TEST_CASE("a browser that is not there is told apart from one that fails", "[open_page][native]") {
  const TempFolder temp;
  const std::filesystem::path page = temp.write("p.html", "page");
  CHECK(opening_error("/none/browser:false", page) ==
        "4: " + page.string() +
            ": is written, but was not opened: /none/browser cannot be started, false failed. Open "
            "it yourself, or set BROWSER to a program that does");
}
