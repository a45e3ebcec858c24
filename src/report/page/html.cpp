#include "page/html.hpp"

#include "page/assets.hpp"
#include "text/escape.hpp"

namespace wishart::report {
std::string html_figure(const Figure& figure) {
  std::string legend;
  for (const LegendEntry& entry : figure.legend) {
    legend += "<span><i class=\"s" + std::to_string(entry.series) + "\"></i>" +
              html_text(entry.name) + "</span> ";
  }
  return "<figure id=\"" + html_text(figure.id) + "\"><figcaption>" + html_text(figure.caption) +
         "</figcaption>\n" + figure.svg +
         (legend.empty() ? "" : "<p class=\"legend\">" + legend + "</p>\n") + "</figure>\n";
}

std::string html_table(const TextTable& table) {
  const auto cell = [&](const char* tag, const std::string& text, std::size_t column) {
    return std::string("<") + tag + (table.right_aligned[column] ? " class=\"n\">" : ">") +
           html_text(text) + "</" + tag + ">";
  };
  std::string html = "<div class=\"wide\"><table><thead><tr>";
  for (std::size_t k = 0; k < table.header.size(); ++k) {
    const bool explained = !table.explained.empty() && !table.explained[k].empty();
    html += std::string("<th") + (table.right_aligned[k] ? " class=\"n\"" : "") +
            (explained ? " title=\"" + html_text(table.explained[k]) + "\"" : "") + ">" +
            html_text(table.header[k]) + "</th>";
  }
  html += "</tr></thead><tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    html += "<tr>";
    for (std::size_t k = 0; k < row.size(); ++k) html += cell("td", row[k], k);
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

std::string html_document(const std::string& title, const std::string& body) {
  return std::string("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n") +
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '" +
         std::string(style_hash()) + "'; script-src '" + std::string(script_hash()) +
         "'; base-uri 'none'; form-action 'none'\">\n" +
         "<meta name=\"referrer\" content=\"no-referrer\">\n" +
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n" + "<title>" +
         html_text(title) + "</title>\n<style>" + std::string(style()) +
         "</style>\n</head>\n<body>\n<main>\n" + body + "</main>\n<script>" +
         std::string(script()) + "</script>\n</body>\n</html>\n";
}

}  // namespace wishart::report
