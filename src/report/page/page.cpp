#include "page/page.hpp"

#include <algorithm>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "page/html.hpp"
#include "text/escape.hpp"
#include "text/wrap.hpp"

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

/// Spaces before the lines of a list.
constexpr std::size_t kIndent = 2;

/// Where the value begins behind a name that is padded with spaces: lines that follow begin there.
std::size_t value_begins(const std::string& line) {
  const std::size_t gap = line.find("  ");
  if (gap == std::string::npos) return 2;
  return width_of(line.substr(0, line.find_first_not_of(' ', gap)));
}

/// `3.25 mean alpha (+0.03 since step-900)`.
std::string card_text(const Card& card) {
  return card.value + " " + card.meaning + (card.change.empty() ? "" : " (" + card.change + ")");
}

std::size_t longest_line(const std::string& lines) {
  std::size_t longest = 0;
  for (const std::string& line : split(lines, '\n')) longest = std::max(longest, width_of(line));
  return longest;
}

/// A reason, as a link to the figure that shows it, or else to its section.
/// @param drawn  ids of the figures of the page
std::string html_reason(const analysis::Reason& reason, const std::set<std::string>& drawn) {
  const auto figure = std::find_if(reason.figures.begin(), reason.figures.end(),
                                   [&](const std::string& id) { return drawn.contains(id); });
  const std::string& anchor = figure == reason.figures.end() ? reason.anchor : *figure;
  const std::string text = html_text(reason.text, kMostChars);
  if (anchor.empty()) return "<li>" + text + "</li>\n";
  return "<li><a href=\"#" + html_text(anchor) + "\">" + text + "</a></li>\n";
}

/// The word for a level at the beginning of a sentence.
std::string level_word(analysis::Level level) {
  std::string word(analysis::level_name(level));
  word.front() = static_cast<char>(word.front() - 'a' + 'A');
  return word;
}

}  // namespace

Page::Page(ReportStyle style) : style_(std::move(style)) {
  require(style_.format != ReportFormat::json, "a page is text, Markdown or HTML, not JSON");
}

void Page::title(const std::string& text) {
  if (first_title_.empty()) first_title_ = text;
  if (brief()) return;
  if (html()) {
    // Headings are in order: below the title of a later part, sections are one level lower.
    heading_ = text;
    menu_.push_back({ids_.take("part-", std::to_string(++parts_)), text, true});
    text_ += anchored(parts_ == 1 ? "h1" : "h2", menu_.back().id, text);
  } else if (markdown()) {
    text_ += "# " + markdown_cell(text) + "\n\n";
  } else {
    const std::string shown = paragraph_text(printable(text), style_.width);
    text_ += shown + std::string(longest_line(shown), '=') + "\n\n";
  }
}

void Page::verdict(const analysis::Verdict& verdict) {
  if (first_verdict_.sentence.empty()) first_verdict_ = verdict;
  if (brief()) return;
  const std::string word = level_word(verdict.level);
  if (!html()) {
    text_ += markdown() ? "**" + word + ".** " + markdown_cell(verdict.sentence) + "\n"
                        : paragraph_text(word + ". " + printable(verdict.sentence, kMostChars),
                                         style_.width);
    gap();
    for (const analysis::Reason& reason : verdict.reasons) {
      if (markdown()) {
        line(reason.text);
      } else {
        text_ += paragraph_text("- " + printable(reason.text, kMostChars), style_.width, 2, 4);
      }
    }
    if (!verdict.reasons.empty()) gap();
    return;
  }
  text_ += "<section class=\"verdict " + std::string(analysis::level_name(verdict.level)) +
           "\">\n<p><strong>" + word + ".</strong> " + html_text(verdict.sentence, kMostChars) +
           "</p>\n";
  // Which figures follow is known at the end.
  reasons_.push_back({text_.size(), verdict.reasons});
  text_ += "</section>\n";
}

void Page::heading(const std::string& text) {
  if (brief()) return;
  if (html()) {
    heading_ = text;
    menu_.push_back({ids_.take("sec-", text), text});
    text_ += anchored(parts_ > 1 ? "h3" : "h2", menu_.back().id, text);
  } else if (markdown()) {
    text_ += "## " + markdown_cell(text) + "\n\n";
  } else {
    const std::string shown = paragraph_text(printable(text), style_.width);
    text_ += shown + std::string(longest_line(shown), '-') + "\n\n";
  }
}

void Page::line(const std::string& text) {
  if (brief()) return;
  if (html()) {
    text_ += element("<div class=\"line\">", text, "div");
  } else if (markdown()) {
    text_ += "- " + markdown_cell(text) + "\n";
  } else {
    const std::string shown = printable(text, kMostChars);
    text_ += paragraph_text(shown, style_.width, kIndent, kIndent + value_begins(shown));
  }
}

void Page::paragraph(const std::string& text) {
  if (brief()) return;
  if (html()) {
    text_ += element("<p>", text, "p");
  } else if (markdown()) {
    text_ += markdown_cell(text) + "\n\n";
  } else {
    text_ += paragraph_text(printable(text, kMostChars), style_.width) + "\n";
  }
}

void Page::table(const TextTable& table, std::size_t max_cell) {
  if (brief()) return;
  if (html()) {
    for (std::size_t i = 0; i < table.row_layers.size() && i < kMostHtmlRows; ++i) {
      if (table.row_layers[i] >= 0) linked_.insert(table.row_layers[i]);
    }
    text_ += html_table(table, {ids_.take("tab-", heading_), heading_});
  } else if (markdown()) {
    text_ += render_markdown(table) + "\n";
  } else {
    const FittedTable fitted = fitted_text(table, style_.width, max_cell);
    narrowed_ = narrowed_ || !fitted.left_out.empty();
    text_ += fitted.text + "\n";
  }
}

void Page::layer_table(const TextTable& table) {
  if (!html()) return this->table(table);
  text_ += html_layer_table(table, {ids_.take("tab-", heading_), heading_}, linked_);
}

void Page::gap() {
  if (!html() && !brief()) text_ += "\n";
}

void Page::cards(std::vector<Card> cards) {
  std::erase_if(cards, [](const Card& card) { return card.value == "-"; });
  if (first_cards_.empty()) first_cards_ = cards;
  if (brief()) return;
  if (!html()) {
    for (const Card& card : cards) line(card_text(card));
    gap();
    return;
  }
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
  for (const Figure& figure : figures) drawn_.insert(figure.id);
  text_ += html_figures(figures);
}

void Page::layer_data(std::string json) {
  if (html()) layer_data_ = std::move(json);
}

/// As many reasons as there is room for.
std::string Page::brief_text() const {
  const auto cut = [](const std::string& text, std::size_t most) {
    const std::string whole = printable(text, kMostChars);
    return width_of(whole) <= most ? whole : wrapped(whole, most - 1).front() + "\xE2\x80\xA6";
  };
  constexpr std::size_t kNumbers = 3;
  std::string numbers;
  for (std::size_t i = 0; i < first_cards_.size() && i < kNumbers; ++i) {
    numbers += (i > 0 ? ", " : "") + cut(card_text(first_cards_[i]), 85);
  }
  std::string text = level_word(first_verdict_.level) + ". " + cut(first_title_, 60) + ": " +
                     cut(first_verdict_.sentence, 180) + "\n";
  if (!numbers.empty()) numbers += "\n";
  // Half an address leads nowhere: it takes the room of the numbers, or is left out.
  constexpr std::size_t kMostOfAddress = 4 * kMostOfBrief;
  std::string where =
      style_.page.empty() ? "" : "Page: " + printable(style_.page, kMostOfAddress) + "\n";
  if (width_of(text) + width_of(where) > kMostOfBrief) where.clear();
  if (width_of(text) + width_of(numbers) + width_of(where) > kMostOfBrief) numbers.clear();
  const std::string ending = numbers + where;
  for (const analysis::Reason& reason : first_verdict_.reasons) {
    const std::string line = "- " + cut(reason.text, 200) + "\n";
    if (width_of(text) + width_of(line) + width_of(ending) > kMostOfBrief) continue;
    text += line;
  }
  return text + ending;
}

std::string Page::take() {
  if (brief()) return brief_text();
  if (html()) {
    for (auto list = reasons_.rbegin(); list != reasons_.rend(); ++list) {
      if (list->reasons.empty()) continue;
      std::string items = "<ul>\n";
      for (const analysis::Reason& reason : list->reasons) items += html_reason(reason, drawn_);
      text_.insert(list->place, items + "</ul>\n");
    }
    reasons_.clear();
    return html_document(menu_.empty() ? "" : menu_.front().text, menu_, text_, layer_data_);
  }
  if (narrowed_) {
    paragraph("Columns were left out to fit " + std::to_string(style_.width) +
              " characters: --wide prints them all.");
  }
  return std::exchange(text_, {});
}

}  // namespace wishart::report
