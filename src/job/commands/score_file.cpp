#include "commands/score_file.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/report/text_table.hpp"

#include "options/command_options.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMaxScoresBytes = 64 << 20;

using Line = std::vector<std::string>;

/// Splits the text into records of cells. A quoted cell may contain separators and line ends.
std::vector<Line> lines_of(const std::string& text) {
  std::vector<Line> lines;
  Line line;
  std::string cell;
  bool quoted = false;
  const auto end_line = [&] {
    line.push_back(std::move(cell));
    cell.clear();
    if (line.size() > 1 || !line.front().empty()) lines.push_back(std::move(line));
    line.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      line.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      end_line();
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (!cell.empty() || !line.empty()) end_line();
  return lines;
}

/// A text without the apostrophe that an export of wishart puts in front of what a spreadsheet
/// would run.
std::string unguarded(const std::string& cell) {
  if (!cell.starts_with('\'')) return cell;
  std::string text = cell.substr(1);
  const std::string guarded = report::csv_cell(text);
  return guarded.starts_with('\'') || guarded.starts_with("\"'") ? text : cell;
}

/// The index of a column, or -1.
std::ptrdiff_t place_of(const Line& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? -1 : found - header.begin();
}

std::size_t needed(const std::string& file, const Line& header, const std::string& name) {
  const std::ptrdiff_t place = place_of(header, name);
  if (place >= 0) return static_cast<std::size_t>(place);
  throw Error(Blame::usage, file + ": has no column '" + printable(name) + "'. Its columns are " +
                                printable(join(header, ", ")));
}

}  // namespace

std::vector<analysis::Score> read_scores(const std::filesystem::path& file,
                                         const std::string& score) {
  std::string text = text_of_file("scores", file, kMaxScoresBytes);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // written by spreadsheets
  const std::string name = printable(file.string());
  const std::vector<Line> lines = lines_of(text);
  if (lines.empty())
    throw Error(Blame::usage, name + ": is empty, expected a line of column names");
  const std::size_t model_at = needed(name, lines.front(), "model");
  const std::size_t score_at = needed(name, lines.front(), score);
  const std::ptrdiff_t group_at = place_of(lines.front(), "group");
  std::vector<analysis::Score> scores;
  std::map<std::string, std::size_t> records;  // of the models
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Line& line = lines[i];
    const std::string where = name + ": record " + std::to_string(i + 1);
    if (line.size() != lines.front().size()) {
      throw Error(Blame::usage, where + ": has " + std::to_string(line.size()) +
                                    " cells, expected " + std::to_string(lines.front().size()));
    }
    const std::string& cell = line[score_at];
    if (cell.empty()) continue;
    analysis::Score one{unguarded(line[model_at]), kNan,
                        group_at < 0 ? "" : line[static_cast<std::size_t>(group_at)]};
    const char* const end = cell.data() + cell.size();
    const auto [last, status] = std::from_chars(cell.data(), end, one.score);
    if (status != std::errc{} || last != end || !std::isfinite(one.score)) {
      std::string message = where;
      message += ": expected a number in column '" + printable(score);
      message += "', found '" + printable(cell) + "'";
      throw Error(Blame::usage, message);
    }
    // Twice the same model is no more evidence, and two scores of one contradict each other.
    const auto [first, is_new] = records.try_emplace(one.model, i + 1);
    if (!is_new) {
      throw Error(Blame::usage, where + ": expected each model once, found '" +
                                    printable(one.model) + "', which record " +
                                    std::to_string(first->second) + " names already");
    }
    scores.push_back(std::move(one));
  }
  return scores;
}

}  // namespace wishart::job
