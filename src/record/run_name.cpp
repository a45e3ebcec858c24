#include "wishart/record/run_name.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "wishart/core/words.hpp"
#include "wishart/record/step_name.hpp"

namespace wishart {
namespace {

/// Words that tell a checkpoint from others of its run, or from nothing.
bool is_of_any(std::string_view word) {
  // `rank0` is the process that wrote it; other ranks may be those of LoRA, which tell runs.
  constexpr std::array<std::string_view, 27> kWords{
      "final",   "last",     "latest",      "best",       "end",     "main",        "model",
      "pytorch", "hf",       "ckpt",        "checkpoint", "ckpts",   "checkpoints", "weights",
      "current", "early",    "stop",        "stopped",    "ema",     "swa",         "release",
      "merged",  "averaged", "interrupted", "soup",       "trained", "rank0"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

bool is_epoch(std::string_view word) { return word == "epoch" || word == "ep"; }

/// Words of values that trainers write into names, as in `val_loss=1.23`.
bool is_value(std::string_view word) {
  constexpr std::array<std::string_view, 7> kWords{"loss",       "acc", "accuracy", "ppl",
                                                   "perplexity", "val", "eval"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

/// Of digits and points: `1.23`.
bool is_decimal(std::string_view text) {
  return !text.empty() && is_digit(text.front()) &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// The letters before the number at the end of `text`; all of it if there is none.
std::string_view before_number(std::string_view text) {
  const std::size_t last = text.find_last_not_of("0123456789.");
  const std::size_t length = last == std::string_view::npos ? 0 : last + 1;
  return is_decimal(text.substr(length)) ? text.substr(0, length) : text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (c == '-' || c == '_' || c == '=' || c == '/' || c == ' ') {
      if (!words.back().empty()) words.emplace_back();
    } else {
      words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// True of hashes. Those of digits alone are not told from dates, which tell runs.
bool is_hash(std::string_view word) {
  constexpr std::size_t kShortest = 7;  // of what git abbreviates
  return word.size() >= kShortest &&
         word.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
         word.find_first_of("abcdef") != std::string_view::npos;
}

/// True of the `v1` in `last-v1`: another file of that name was there.
bool is_version_of(std::string_view word, std::string_view before) {
  return before_number(word) == "v" && word.size() > 1 &&
         (before == "last" || before == "latest" || before == "best" || before == "final");
}

/// Removes words with digits that are neither a step nor of a run.
void drop_unrelated(std::vector<std::string>& words) {
  if (words.size() > 1 && is_version_of(words.back(), words[words.size() - 2])) words.pop_back();
  std::erase_if(words, [](const std::string& word) { return is_hash(word) || word == "rank0"; });
}

/// The words that may be of a run, with `-` between them.
std::string joined(const std::vector<std::string>& words) {
  std::string run;
  for (const std::string& word : words) {
    const std::string_view plain =
        std::string_view(word).substr(0, word.find_last_not_of("-.") + 1);
    if (plain.empty() || is_of_any(plain)) continue;
    if (!run.empty()) run += '-';
    run += plain;
  }
  return run;
}

/// Takes the digits of the step out of the text, with zeros before them; false if it has none.
bool take_step(std::string& text, std::int64_t step) {
  const std::string digits = std::to_string(step);
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (!is_digit(text[begin]) || (begin > 0 && is_digit(text[begin - 1]))) continue;
    std::size_t end = begin;
    while (end < text.size() && is_digit(text[end])) ++end;
    std::size_t first = begin;
    while (first + 1 < end && text[first] == '0') ++first;
    if (text.compare(first, end - first, digits) != 0) continue;
    text.replace(begin, end - begin, "-");
    return true;
  }
  return false;
}

bool take_step(std::vector<std::string>& words, std::int64_t step) {
  for (std::string& word : words) {
    if (!take_step(word, step)) continue;
    // What stood around the number are words of their own.
    const auto at = words.begin() + (&word - words.data());
    const std::vector<std::string> parts = words_of(word);
    words.insert(words.erase(at), parts.begin(), parts.end());
    return true;
  }
  return false;
}

/// Takes the last number out of the text; empty if it has none.
std::string take_last_number(std::string& text) {
  const std::size_t last = text.find_last_of("0123456789");
  if (last == std::string::npos) return {};
  std::size_t begin = last;
  while (begin > 0 && is_digit(text[begin - 1])) --begin;
  std::string number = text.substr(begin, last + 1 - begin);
  text.replace(begin, last + 1 - begin, "-");
  return number;
}

/// Removes epochs and values with their numbers; true if there was an epoch.
bool take_epochs_and_values(std::vector<std::string>& words) {
  bool epoch = false;
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = before_number(words[i]);
    const bool joined = word.size() < words[i].size();
    const bool before = !joined && i + 1 < words.size() && is_decimal(words[i + 1]);
    if ((joined || before) && (is_epoch(word) || is_value(word))) {
      epoch = epoch || is_epoch(word);
      // `val_loss=1.23`: words before the last one of a value belong to it.
      while (is_value(word) && !kept.empty() && is_value(kept.back())) kept.pop_back();
      i += before ? 1 : 0;
    } else {
      kept.push_back(words[i]);
    }
  }
  words = std::move(kept);
  return epoch;
}

}  // namespace

RunName run_name(std::string_view name, std::int64_t step) {
  StepName parsed = parse_step_name(name);
  RunName found;
  found.word = parsed.word;
  found.placed = parsed.step >= 0 && parsed.step == step;
  std::vector<std::string> words = words_of(parsed.rest);
  drop_unrelated(words);
  // A small one may be any number of the name.
  constexpr std::int64_t kFewest = 100;
  if (found.word.empty() && step >= kFewest && take_step(words, step)) {
    found.word = "#";
    found.placed = true;
  }
  if (take_epochs_and_values(words) && found.word.empty()) found.word = "epoch";
  found.whole = joined(words);
  if (found.word.empty()) {
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
      const std::string number = take_last_number(*word);
      if (number.empty()) continue;
      found.word = "#";
      found.placed = number == std::to_string(step);
      break;
    }
  }
  found.run = joined(words);
  if (found.word != "#" || found.placed) found.whole = found.run;
  return found;
}

bool is_named_by(const RunName& name, const RunName& run) {
  if (run.word.empty() || run.run.empty() || run.is_guess()) return false;
  if (name.whole == run.run) return true;
  if (!name.whole.starts_with(run.run + "-")) return false;
  const std::vector<std::string> more =
      words_of(std::string_view(name.whole).substr(run.run.size()));
  return std::all_of(more.begin(), more.end(), [](std::string_view word) {
    return is_decimal(word) || (before_number(word) == "v" && word.size() > 1);
  });
}

std::string without_numbers(std::string_view run) {
  std::string text;
  for (const char c : run) {
    if (!is_digit(c)) {
      text += c;
    } else if (text.empty() || text.back() != '#') {
      text += '#';
    }
  }
  return text;
}

}  // namespace wishart
