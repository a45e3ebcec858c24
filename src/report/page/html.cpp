#include "page/html.hpp"

#include "wishart/core/words.hpp"

#include "figure/canvas.hpp"
#include "page/assets.hpp"
#include "page/layer_data.hpp"
#include "text/escape.hpp"

namespace wishart::report {
namespace {

constexpr std::int64_t kNoLayer = -1;

/// A browser leaves tables out that are far from the window; with more rows than these it reckons
/// with a tall one.
constexpr std::size_t kTallRows = 60;

bool is_letter(char c) { return 'a' <= c && c <= 'z'; }

std::int64_t layer_of(const TextTable& table, std::size_t row) {
  return row < table.row_layers.size() ? table.row_layers[row] : kNoLayer;
}

std::string layer_anchor(std::int64_t layer) { return "layer-" + std::to_string(layer); }

std::string link(const std::string& anchor, const std::string& html) {
  return "<a href=\"#" + anchor + "\">" + html + "</a>";
}

/// What a row of a table is to its layer.
enum class RowKind : std::uint8_t { plain, refers, is_anchor };

std::string row_html(const TextTable& table, std::size_t i, RowKind kind) {
  const std::vector<std::string>& row = table.rows[i];
  const std::int64_t layer = layer_of(table, i);
  std::string html = "<tr";
  if (layer != kNoLayer) {
    const std::string number = std::to_string(layer);
    if (kind == RowKind::is_anchor) html += " id=\"" + layer_anchor(layer) + "\"";
    html += " data-i=\"" + number + "\"";
  }
  html += ">";
  for (std::size_t k = 0; k < row.size(); ++k) {
    if (table.right_aligned[k]) {
      html += "<td class=\"n\">" + html_text(row[k]) + "</td>";
      continue;
    }
    const bool is_name = k == 0 && layer != kNoLayer;
    const std::string name = html_name(row[k]);
    html += is_name ? "<td class=\"name\">" : "<td>";
    html += is_name && kind == RowKind::refers ? link(layer_anchor(layer), name) : name;
    html += "</td>";
  }
  return html + "</tr>\n";
}

/// All cells by columns, and the layers of the rows. A column that the layers' data holds too is
/// its name there, `{"of": "role"}`.
std::string cells_json(const TextTable& table) {
  std::string json = "{\"rows\": " + std::to_string(table.rows.size()) + ",\n\"row_layers\": [";
  for (std::size_t i = 0; i < table.row_layers.size(); ++i) {
    json += (i > 0 ? "," : "") + std::to_string(table.row_layers[i]);
  }
  json += "],\n\"columns\": [";
  std::vector<std::string> cells(table.rows.size());
  for (std::size_t k = 0; k < table.header.size(); ++k) {
    json += k > 0 ? ",\n{" : "\n{";
    const auto told = table.layer_columns.find(table.header[k]);
    if (told != table.layer_columns.end()) {
      json += "\"of\": " + page_json_text(told->second) + "}";
      continue;
    }
    for (std::size_t i = 0; i < table.rows.size(); ++i) cells[i] = table.rows[i][k];
    json += text_column_json(cells) + "}";
  }
  return json + "]}";
}

/// @param shown  whether a row is in the HTML
std::string table_html(const TextTable& table, const TableNames& names, RowKind kind,
                       const auto& shown) {
  const std::string id = html_text(names.id);
  std::string rows;
  std::size_t count = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (!shown(i)) continue;
    ++count;
    rows += row_html(table, i, kind);
  }
  std::string html = std::string("<div class=\"wide") + (count > kTallRows ? " tall" : "") +
                     "\" role=\"region\" tabindex=\"0\" aria-label=\"" + html_text(names.label) +
                     "\">\n<table id=\"" + id + "\">\n<thead><tr>";
  for (std::size_t k = 0; k < table.header.size(); ++k) {
    const bool explained = !table.explained.empty() && !table.explained[k].empty();
    html += std::string("<th scope=\"col\"") + (table.right_aligned[k] ? " class=\"n\"" : "") +
            (explained ? " title=\"" + html_text(table.explained[k]) + "\"" : "") + ">" +
            html_text(table.header[k]) + "</th>";
  }
  html += "</tr></thead>\n<tbody>\n" + rows + "</tbody>\n</table></div>\n";
  if (count == table.rows.size()) return html;
  return html + "<p class=\"rest\">" + std::to_string(count) + " of " +
         std::to_string(table.rows.size()) +
         " rows; all others are shown where scripts are allowed.</p>\n" +
         "<script type=\"application/json\" data-rows=\"" + id + "\">" + cells_json(table) +
         "</script>\n";
}

std::string menu_html(const std::vector<MenuEntry>& menu) {
  std::string html =
      "<details class=\"menu\" open>\n<summary>Contents</summary>\n"
      "<nav aria-label=\"Contents\"><ul>\n";
  for (const MenuEntry& entry : menu) {
    html += std::string(entry.part ? "<li class=\"part\">" : "<li>") +
            link(html_text(entry.id), html_name(entry.text)) + "</li>\n";
  }
  return html + "</ul></nav>\n</details>\n";
}

}  // namespace

std::string HtmlIds::take(const std::string& prefix, const std::string& text) {
  std::string id = prefix;
  bool gap = false;
  for (const char c : text) {
    const char small = 'A' <= c && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!is_letter(small) && !is_digit(small)) {
      gap = true;
      continue;
    }
    if (gap && id.size() > prefix.size()) id += '-';
    gap = false;
    id += small;
  }
  const std::int64_t number = ++taken_[id];
  return number == 1 ? id : take(id + "-" + std::to_string(number), "");
}

std::string html_name(const std::string& text) {
  const std::string escaped = html_text(text);
  std::string html;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const char c = escaped[i];
    html += c;
    if ((c != '.' && c != '/') || i == 0 || i + 1 == escaped.size()) continue;
    const char before = escaped[i - 1];
    const char after = escaped[i + 1];
    const bool in_number = is_digit(before) && is_digit(after);
    if (before != ' ' && after != ' ' && !in_number) html += "<wbr>";
  }
  return html;
}

std::string html_figure(const Figure& figure) {
  std::string legend;
  for (const LegendEntry& entry : figure.legend) {
    legend +=
        "<span><i class=\"" + legend_class(entry) + "\"></i>" + html_name(entry.name) + "</span> ";
  }
  return "<figure id=\"" + html_text(figure.id) + "\"><figcaption>" + html_name(figure.caption) +
         "</figcaption>\n" + figure.svg +
         (legend.empty() ? "" : "<p class=\"legend\">" + legend + "</p>\n") + "</figure>\n";
}

std::string html_figures(const std::vector<Figure>& figures) {
  std::string html = "<div class=\"figures\">\n";
  for (std::size_t i = 0; i < figures.size();) {
    const std::string& group = figures[i].group;
    if (group.empty()) {
      html += html_figure(figures[i++]);
      continue;
    }
    html += "<div class=\"choices\" data-choice=\"" + html_text(figures[i].choice) + "\">\n" +
            html_figure(figures[i]);
    for (++i; i < figures.size() && figures[i].group == group; ++i) {
      html += "<details><summary>" + html_text(figures[i].choice) + "</summary>\n" +
              html_figure(figures[i]) + "</details>\n";
    }
    html += "</div>\n";
  }
  return html + "</div>\n";
}

std::string html_table(const TextTable& table, const TableNames& names) {
  return table_html(table, names, RowKind::refers,
                    [&](std::size_t row) { return row < kMostHtmlRows; });
}

std::string html_layer_table(const TextTable& table, const TableNames& names,
                             const std::set<std::int64_t>& linked) {
  return table_html(table, names, RowKind::is_anchor, [&](std::size_t row) {
    return row < kMostHtmlRows || linked.count(layer_of(table, row)) > 0;
  });
}

std::string html_document(const std::string& title, const std::vector<MenuEntry>& menu,
                          const std::string& body, const std::string& data) {
  return std::string("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n") +
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '" +
         std::string(style_hash()) + "'; script-src '" + std::string(script_hash()) +
         "'; base-uri 'none'; form-action 'none'\">\n" +
         "<meta name=\"referrer\" content=\"no-referrer\">\n" +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" + "<title>" +
         html_text(title) + "</title>\n<style>" + std::string(style()) +
         "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to the "
         "content</a>\n" +
         menu_html(menu) + "<main id=\"content\">\n" + body + "</main>\n" +
         (data.empty()
              ? ""
              : "<script type=\"application/json\" id=\"layers\">" + data + "</script>\n") +
         "<script>" + std::string(script()) + "</script>\n</body>\n</html>\n";
}

}  // namespace wishart::report
