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

/// A reason, as a link if it says where.
std::string html_reason(const analysis::Reason& reason) {
  const std::string text = html_text(reason.text, kMostChars);
  if (reason.anchor.empty()) return "<li>" + text + "</li>\n";
  return "<li><a href=\"#" + html_text(reason.anchor) + "\">" + text + "</a></li>\n";
}

/// The word for a level at the beginning of a sentence.
std::string level_word(analysis::Level level) {
  std::string word(analysis::level_name(level));
  word.front() = static_cast<char>(word.front() - 'a' + 'A');
  return word;
}

}  // namespace

Page::Page(ReportFormat format) : format_(format) {
  require(format != ReportFormat::json, "a page is text, Markdown or HTML, not JSON");
}

void Page::title(const std::string& text) {
  if (first_title_.empty()) first_title_ = text;
  if (html()) {
    text_ += element("<h1>", text, "h1");
  } else if (format_ == ReportFormat::markdown) {
    text_ += "# " + markdown_cell(text) + "\n\n";
  } else {
    const std::string shown = printable(text);
    text_ += shown + "\n" + std::string(width_of(shown), '=') + "\n\n";
  }
}

void Page::verdict(const analysis::Verdict& verdict) {
  const std::string word = level_word(verdict.level);
  if (!html()) {
    const bool markdown = format_ == ReportFormat::markdown;
    text_ += markdown ? "**" + word + ".** " + markdown_cell(verdict.sentence) + "\n\n"
                      : word + ". " + printable(verdict.sentence, kMostChars) + "\n\n";
    for (const analysis::Reason& reason : verdict.reasons) line(reason.text);
    if (!verdict.reasons.empty()) gap();
    return;
  }
  text_ += "<section class=\"verdict " + std::string(analysis::level_name(verdict.level)) +
           "\">\n<p><strong>" + word + ".</strong> " + html_text(verdict.sentence, kMostChars) +
           "</p>\n";
  if (!verdict.reasons.empty()) {
    text_ += "<ul>\n";
    for (const analysis::Reason& reason : verdict.reasons) text_ += html_reason(reason);
    text_ += "</ul>\n";
  }
  text_ += "</section>\n";
}

void Page::heading(const std::string& text) {
  if (html()) {
    text_ += element("<h2>", text, "h2");
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
    text_ += html_table(table);
  } else if (format_ == ReportFormat::markdown) {
    text_ += render_markdown(table) + "\n";
  } else {
    text_ += render_text(table, max_cell) + "\n";
  }
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
        (card.change.empty() ? ""
                             : "<span class=\"change\">" + html_text(card.change) + "</span>") +
        "</div>\n";
  }
  text_ += "</div>\n";
}

void Page::figures(const std::vector<Figure>& figures) {
  if (!html() || figures.empty()) return;
  text_ += "<div class=\"figures\">\n";
  for (const Figure& figure : figures) text_ += html_figure(figure);
  text_ += "</div>\n";
}

std::string Page::take() {
  return html() ? html_document(first_title_, text_) : std::exchange(text_, {});
}

}  // namespace wishart::report
