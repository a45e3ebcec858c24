/// @file
/// Cells of Markdown and CSV: none breaks out, none becomes a formula, all can be read back.

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "support.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

/// How often `c` stands in `text` without a backslash that belongs to it.
int unescaped(const std::string& text, char c) {
  int count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == c) {
      ++count;
    }
  }
  return count;
}

/// The cells of RFC 4180 text whose lines end with `\n`.
std::vector<std::vector<std::string>> csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows{{""}};
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        rows.back().back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        rows.back().back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      CHECK(rows.back().back().empty());
      quoted = true;
    } else if (c == ',') {
      rows.back().emplace_back();
    } else if (c == '\n') {
      rows.push_back({""});
    } else {
      rows.back().back() += c;
    }
  }
  CHECK_FALSE(quoted);
  CHECK(rows.back() == std::vector<std::string>{""});
  rows.pop_back();
  return rows;
}

}  // namespace

TEST_CASE("what has a meaning in Markdown or HTML is escaped", "[markdown]") {
  CHECK(markdown_cell("model.layers.0") == "model.layers.0");
  CHECK(markdown_cell("a|b") == "a\\|b");
  CHECK(markdown_cell("`x`") == "\\`x\\`");
  CHECK(markdown_cell("<b>&lt;") == "&lt;b&gt;&amp;lt;");
  CHECK(markdown_cell("up_proj") == "up\\_proj");
  CHECK(markdown_cell("![x](y)") == "\\!\\[x\\](y)");
  CHECK(markdown_cell("a\\|b") == "a\\\\\\|b");
  CHECK(markdown_cell("a\nb") == "a\\\\x0ab");
  CHECK(markdown_cell("\x1b[31m") == "\\\\x1b\\[31m");
  CHECK(markdown_cell("größe") == "größe");
}

TEST_CASE("a Markdown table is what it should be", "[markdown]") {
  const TextTable table{{"name", "n"}, {false, true}, {{"a|b", "1"}, {"", "2"}}};
  CHECK(render_markdown(table) == "| name | n |\n|---|---:|\n| a\\|b | 1 |\n|  | 2 |\n");
}

TEST_CASE("no cell breaks out of a Markdown table", "[markdown]") {
  std::mt19937_64 random(1);
  std::vector<std::string> names = hostile_names();
  for (int i = 0; i < 1000; ++i) names.push_back(random_text(random, random() % 40));
  for (const std::string& name : names) {
    const TextTable table{{"a", "b"}, {false, false}, {{name, "x"}}};
    const std::vector<std::string> lines = split(render_markdown(table), '\n');
    CAPTURE(printable(name));
    REQUIRE(lines.size() == 4);
    CHECK(unescaped(lines[2], '|') == 3);
    for (const char c : {'`', '*', '_', '[', ']', '<', '>', '!', '#', '~'}) {
      CHECK(unescaped(lines[2], c) == 0);
    }
    CHECK(calm_on_a_terminal(lines[2]));
  }
}

TEST_CASE("CSV cells are quoted where they must be", "[csv]") {
  CHECK(csv_cell("plain") == "plain");
  CHECK(csv_cell("").empty());
  CHECK(csv_cell("a,b") == "\"a,b\"");
  CHECK(csv_cell("a\"b") == "\"a\"\"b\"");
  CHECK(csv_cell("a\nb") == "\"a\nb\"");
  CHECK(csv_cell("a\rb") == "\"a\rb\"");
  CHECK(csv_cell("größe") == "größe");
}

TEST_CASE("no CSV cell is a formula", "[csv]") {
  CHECK(csv_cell("=1+1") == "'=1+1");
  CHECK(csv_cell("+x") == "'+x");
  CHECK(csv_cell("-x") == "'-x");
  CHECK(csv_cell("@x") == "'@x");
  CHECK(csv_cell("\tx") == "\"'\tx\"");
  CHECK(csv_cell("\n=x") == "\"'\n=x\"");
  CHECK(csv_cell("\uff1dx") == "'\uff1dx");
  CHECK(csv_cell("a;=x") == "\"a;=x\"");
  CHECK(csv_cell("a\t=x") == "\"a\t=x\"");
  CHECK(csv_cell("'x") == "''x");  // so that the first apostrophe can always be removed
  CHECK(csv_cell("\r=x") == "\"'\r=x\"");
  CHECK(csv_cell("=a,\"b\"") == "\"'=a,\"\"b\"\"\"");
  CHECK(csv_cell("a=1") == "a=1");
}

TEST_CASE("CSV is read back as it was, but for the guard", "[csv]") {
  std::mt19937_64 random(2);
  std::vector<std::string> names = hostile_names();
  for (int i = 0; i < 500; ++i) names.push_back(random_text(random, random() % 40));
  TextTable table{{"name", "x"}, {false, false}, {}};
  for (const std::string& name : names) table.rows.push_back({name, "end"});
  const auto rows = csv_rows(render_csv(table));
  REQUIRE(rows.size() == names.size() + 1);
  CHECK(rows[0] == std::vector<std::string>{"name", "x"});
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& cells = rows[i + 1];
    REQUIRE(cells.size() == 2);
    const bool guarded =
        !names[i].empty() && std::string("=+-@\t\r\n'").find(names[i][0]) != std::string::npos;
    CHECK(cells[0] == (guarded ? "'" : "") + names[i]);
    CHECK(cells[1] == "end");
  }
}
