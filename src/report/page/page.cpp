#include "page/page.hpp"

#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "page/html.hpp"
#include "text/escape.hpp"

namespace wishart::report {
namespace {

/// Long enough for paths and lists of names.
constexpr std::size_t kMostChars = 2000;

std::string element(const char* opening, const std::string& text, const char* tag) {
  return std::string(opening) + html_text(text, kMostChars) + "</" + tag + ">\n";
}

/// `<h2 id="sec-layers">Layers</h2>`
std::string anchored(const std::string& tag, const std::string& id, const std::string& text) {
  return "<" + tag + " id=\"" + id + "\">" + html_text(text, kMostChars) + "</" + tag + ">\n";
}

}  // namespace

Page::Page(ReportFormat format) : format_(format) {
  require(format != ReportFormat::json, "a page is text, Markdown or HTML, not JSON");
}

void Page::title(const std::string& text) {
  if (html()) {
    // Headings are in order: below the title of a later part, sections are one level lower.
    heading_ = text;
    menu_.push_back({ids_.take("part-", std::to_string(++parts_)), text, true});
    text_ += anchored(parts_ == 1 ? "h1" : "h2", menu_.back().id, text);
  } else if (format_ == ReportFormat::markdown) {
    text_ += "# " + markdown_cell(text) + "\n\n";
  } else {
    const std::string shown = printable(text);
    text_ += shown + "\n" + std::string(width_of(shown), '=') + "\n\n";
  }
}

void Page::heading(const std::string& text) {
  if (html()) {
    heading_ = text;
    menu_.push_back({ids_.take("sec-", text), text});
    text_ += anchored(parts_ > 1 ? "h3" : "h2", menu_.back().id, text);
  } else if (format_ == ReportFormat::markdown) {
    text_ += "## " + markdown_cell(text) + "\n\n";
  } else {
    text_ += text + "\n" + std::string(text.size(), '-') + "\n\n";
  }
}

void Page::line(const std::string& text) {
  if (html()) {
    text_ += element("<div class=\"line\">", text, "div");
  } else if (format_ == ReportFormat::markdown) {
    text_ += "- " + markdown_cell(text) + "\n";
  } else {
    text_ += "  " + printable(text, kMostChars) + "\n";
  }
}

void Page::paragraph(const std::string& text) {
  if (html()) {
    text_ += element("<p>", text, "p");
  } else if (format_ == ReportFormat::markdown) {
    text_ += markdown_cell(text) + "\n\n";
  } else {
    text_ += printable(text, kMostChars) + "\n\n";
  }
}

void Page::table(const TextTable& table, std::size_t max_cell) {
  if (html()) {
    for (std::size_t i = 0; i < table.row_layers.size() && i < kMostHtmlRows; ++i) {
      if (table.row_layers[i] >= 0) linked_.insert(table.row_layers[i]);
    }
    text_ += html_table(table, {ids_.take("tab-", heading_), heading_});
  } else if (format_ == ReportFormat::markdown) {
    text_ += render_markdown(table) + "\n";
  } else {
    text_ += render_text(table, max_cell) + "\n";
  }
}

void Page::layer_table(const TextTable& table) {
  if (!html()) return this->table(table);
  text_ += html_layer_table(table, {ids_.take("tab-", heading_), heading_}, linked_);
}

void Page::gap() {
  if (!html()) text_ += "\n";
}

void Page::cards(const std::vector<Card>& cards) {
  if (!html()) return;
  text_ += "<div class=\"cards\">\n";
  for (const Card& card : cards) {
    text_ +=
        "<div><b>" + html_text(card.value) + "</b><span>" + html_text(card.meaning) + "</span>" +
        (card.change.empty() ? "" : "<small>" + html_text(card.change) + "</small>") + "</div>\n";
  }
  text_ += "</div>\n";
}

void Page::figures(const std::vector<Figure>& figures) {
  if (!html() || figures.empty()) return;
  text_ += html_figures(figures);
}

void Page::layer_data(std::string json) {
  if (html()) layer_data_ = std::move(json);
}

std::string Page::take() {
  if (!html()) return std::exchange(text_, {});
  return html_document(menu_.empty() ? "" : menu_.front().text, menu_, text_, layer_data_);
}

}  // namespace wishart::report
