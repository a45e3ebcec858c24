/// @file
/// Which scores are better, as the name of their column tells.

#include <algorithm>
#include <array>

#include "wishart/analysis/ranking.hpp"
#include "wishart/core/words.hpp"

namespace wishart::analysis {
namespace {

using Word = std::string_view;

/// Losses and errors. `valloss` and `evalperplexity` end like them.
bool is_of_loss(Word word) {
  constexpr std::array<Word, 19> kWords{"nll", "ppl", "ppls", "bpb",    "bpc",  "bpt", "nats",
                                        "wer", "cer", "ter",  "err",    "errs", "mse", "rmse",
                                        "mae", "ce",  "xent", "losses", "brier"};
  constexpr std::array<Word, 5> kEndings{"loss", "perplexity", "entropy", "error", "errors"};
  return is_one_of(word, kWords) || std::any_of(kEndings.begin(), kEndings.end(), [&](Word ending) {
           return word.ends_with(ending);
         });
}

bool is_of_quality(Word word) {
  constexpr std::array<Word, 23> kWords{
      "acc",    "accuracy", "accuracies", "f1",         "bleu",         "rouge",
      "meteor", "chrf",     "auc",        "auroc",      "mcc",          "precision",
      "recall", "pass",     "win",        "wins",       "winrate",      "elo",
      "reward", "rewards",  "correct",    "likelihood", "loglikelihood"};
  return is_one_of(word, kWords) || word.ends_with("accuracy");
}

/// Words that leave a score what it is.
bool is_plain(Word word) {
  constexpr std::array<Word, 9> kWords{"score", "scores",  "mean",  "avg", "average",
                                       "total", "overall", "final", "sum"};
  return is_one_of(word, kWords);
}

/// Words that turn the direction, or may: `negative_log_likelihood`, `loss_reduction`.
bool is_turning(Word word) {
  constexpr std::array<Word, 4> kWords{"neg", "negative", "minus", "inverse"};
  return is_one_of(word, kWords);
}
bool is_of_change(Word word) {
  constexpr std::array<Word, 15> kWords{
      "rank", "delta", "change",   "diff", "difference", "gain", "reduction", "improvement",
      "drop", "ratio", "relative", "gap",  "stderr",     "std",  "variance"};
  return is_one_of(word, kWords);
}

/// Letters in small, in words: those apart, and those of `evalLoss`. Digits end a word, except that
/// of `f1`.
std::vector<std::string> words_of(const std::string& column) {
  std::vector<std::string> words(1);
  char before = ' ';
  for (const char c : column) {
    const bool small = c >= 'a' && c <= 'z';
    const bool large = c >= 'A' && c <= 'Z';
    const bool begins = large && before >= 'a' && before <= 'z';
    if ((begins || !(small || large)) && !words.back().empty() &&
        !(c == '1' && words.back() == "f")) {
      words.emplace_back();
    }
    if (small || (c == '1' && words.back() == "f")) words.back() += c;
    if (large) words.back() += static_cast<char>(c - 'A' + 'a');
    before = c;
  }
  return words;
}

}  // namespace

std::optional<bool> is_lower_better(const std::string& column) {
  bool lower = false;
  bool higher = false;
  bool turned = false;
  const std::vector<std::string> words = words_of(column);
  // `bits_per_byte`; other bits are those of the weights.
  const auto has = [&](Word word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (has("bits") && has("per")) lower = true;
  for (const std::string& word : words) {
    if (is_of_change(word)) return std::nullopt;
    if (is_of_loss(word)) lower = true;
    if (is_of_quality(word)) higher = true;
    if (is_turning(word)) turned = !turned;
  }
  // More of a score is better by itself; beside other words it may be one of toxicity, or an error.
  if (has("score") || has("scores")) {
    if (std::all_of(words.begin(), words.end(), is_plain)) return false;
    if (lower) return std::nullopt;
  }
  if (lower == higher) return std::nullopt;
  return lower != turned;
}

}  // namespace wishart::analysis
