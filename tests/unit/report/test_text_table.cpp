/// @file
/// Tables of texts for people: aligned, cut, and safe to print.

#include <catch2/catch.hpp>

#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "support.hpp"
#include "text/names.hpp"

using namespace wishart;
using namespace wishart::report;
using namespace wishart::test;

namespace {

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("columns are aligned, two spaces apart, without trailing spaces", "[table]") {
  const TextTable table{{"name", "count", "note"},
                        {false, true, false},
                        {{"a", "1", ""}, {"long name", "12345", "x"}}};
  CHECK(render_text(table) ==
        "name       count  note\n"
        "---------  -----  ----\n"
        "a              1\n"
        "long name  12345  x\n");
}

TEST_CASE("a table without rows is its header", "[table]") {
  const TextTable table{{"a", "b"}, {false, true}, {}};
  CHECK(render_text(table) == "a  b\n-  -\n");
  CHECK(render_markdown(table) == "| a | b |\n|---|---:|\n");
  CHECK(render_csv(table) == "a,b\n");
}

TEST_CASE("characters of several bytes count as one", "[table]") {
  const TextTable table{
      {"name", "n"}, {true, false}, {{"größe", "1"}, {"слой.0", "2"}, {"模型", "3"}, {"🌊", "4"}}};
  CHECK(render_text(table) ==
        "  name  n\n"
        "------  -\n"
        " größe  1\n"
        "слой.0  2\n"
        "    模型  3\n"
        "     🌊  4\n");
}

TEST_CASE("long cells are cut in the middle, where names are alike", "[table]") {
  CHECK(shortened("short", 5) == "short");
  CHECK(shortened("abcdefghijkl", 7) == "ab…ijkl");
  CHECK(shortened("äöüßéèêàáâ", 7) == "äö…êàáâ");
  CHECK(shortened("abc", 1) == "…");
  CHECK(shortened("", 1).empty());
  for (std::size_t max = 1; max < 14; ++max) {
    for (const std::string text : {"abcdefghijkl", "äöüßéèêàáâçñ", "模型слой🌊🌊🌊größe"}) {
      const std::string cut = shortened(text, max);
      CAPTURE(text, max, cut);
      CHECK(code_points(cut) == std::min(max, code_points(text)));
      CHECK(is_utf8(cut));
    }
  }
  const TextTable table{{"n"}, {false}, {{"model.layers.0.mlp.up_proj.weight"}}};
  CHECK(render_text(table, 12) == "n\n------------\n….0.….weight\n");
}

TEST_CASE("a shortened name still tells block and expert", "[table]") {
  const std::string name = "model.layers.60.mlp.experts.201.down_proj.weight";
  CHECK(shortened_name(name, 48) == name);
  CHECK(shortened_name(name, 44) == "….layers.60.mlp.experts.201.down_proj.weight");
  CHECK(shortened_name(name, 40) == "….60.mlp.experts.201.down_proj.weight");
  CHECK(shortened_name(name, 24) == "….60.….201.….weight");
  CHECK(shortened_name("plain_name_without_points", 9) == "pl…points");
  CHECK(shortened_name("", 1).empty());
  for (const std::string& hostile : hostile_names()) {
    CHECK(width_of(shortened_name(printable(hostile), 20)) <= 20);
  }
}

TEST_CASE("no cell reaches the terminal with control characters or turned around", "[table]") {
  TextTable table{{"name", "n"}, {false, true}, {}};
  for (const std::string& name : hostile_names()) table.rows.push_back({name, "1"});
  const std::string text = render_text(table);
  CHECK(calm_on_a_terminal(text));
  CHECK(is_utf8(text));
  // One line for each row: none breaks out of its line.
  CHECK(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) ==
        table.rows.size() + 2);
  CHECK(text.find("\\x1b[2J\\x1b[31mred") != std::string::npos);
  CHECK(text.find("\\xe2\\x80\\xaegnp.exe") != std::string::npos);
  CHECK(text.find("größe.слой.模型") != std::string::npos);
}

TEST_CASE("whatever the cells, the lines of a table end alike", "[table]") {
  std::mt19937_64 random(3);
  for (int trial = 0; trial < 200; ++trial) {
    TextTable table{{"name", "n"}, {false, true}, {}};
    for (int i = 0; i < 5; ++i) table.rows.push_back({random_text(random, random() % 90), "7"});
    const std::string text = render_text(table, 40);
    const std::vector<std::string> lines = split(text, '\n');
    REQUIRE(lines.size() == 8);  // header, rule, 5 rows, nothing after the last end
    for (std::size_t i = 1; i < 7; ++i) CHECK(code_points(lines[i]) == code_points(lines[1]));
    CHECK(calm_on_a_terminal(text));
  }
}
