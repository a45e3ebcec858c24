#include "comparisons/token_tables.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "wishart/core/plural.hpp"
#include "wishart/record/roles.hpp"

#include "words/layer_words.hpp"
#include "words/verdict_words.hpp"

namespace wishart::analysis {
namespace {

/// The one of A that B has and that holds the same elements; null if there is none.
const LayerRow* twin_in_both(const LayerRow& row, const CheckpointRecord& a,
                             const CheckpointRecord& b) {
  const auto has = [&](const std::string& key) {
    return std::any_of(b.layers.begin(), b.layers.end(),
                       [&](const LayerRow& other) { return other.key == key; });
  };
  for (const LayerRow& other : a.layers) {
    if (&other == &row || !is_of_tokens(other.role) || row.hash.empty()) continue;
    if (other.hash == row.hash && other.rows == row.rows && other.cols == row.cols &&
        has(other.key)) {
      return &other;
    }
  }
  return nullptr;
}

/// The weight of a classifier that B has and A has not; empty if there is none.
std::string new_classifier(const CheckpointRecord& a, const CheckpointRecord& b) {
  std::vector<std::string> before;
  for (const LayerRow& row : a.layers) before.push_back(row.key);
  for (const SkippedRow& row : a.skipped) before.push_back(row.tensor);
  const auto is_new = [&](const std::string& name) {
    return is_of_classifier(name) && name.ends_with(".weight") &&
           std::find(before.begin(), before.end(), name) == before.end();
  };
  for (const LayerRow& row : b.layers) {
    if (is_new(row.key)) return row.key;
  }
  for (const SkippedRow& row : b.skipped) {
    if (row.reason == "too-small" && is_new(row.tensor)) return row.tensor;
  }
  return {};
}

/// The head of B, if A had a classifier instead; empty if B has none that is new.
std::string new_head(const std::vector<ComparisonRow>& rows) {
  for (const ComparisonRow& row : rows) {
    if (row.role == kHeadRole && row.status == Change::added && !is_of_classifier(row.key))
      return row.key;
  }
  return {};
}

/// True if a word of a dotted name is one of these.
bool has_word(std::string_view name, std::span<const std::string_view> words) {
  for (std::size_t begin = 0; begin < name.size();) {
    const std::size_t end = std::min(name.find('.', begin), name.size());
    const std::string_view word = name.substr(begin, end - begin);
    if (std::find(words.begin(), words.end(), word) != words.end()) return true;
    begin = end + 1;
  }
  return false;
}

/// How many tables changed in one way, and the first of them.
struct Tables {
  std::int64_t count = 0;
  const ComparisonRow* first = nullptr;
};

Tables tables_with(const std::vector<ComparisonRow>& rows, Change status) {
  Tables found;
  for (const ComparisonRow& row : rows) {
    if (row.status == status && found.count++ == 0) found.first = &row;
  }
  return found;
}

}  // namespace

bool is_of_classifier(const std::string& name) {
  constexpr std::array<std::string_view, 9> kModules{
      "score",       "classifier", "classification_head", "qa_outputs", "v_head", "value_head",
      "reward_head", "rm_head",    "regression_head"};
  return has_word(name, kModules);
}

bool is_of_language_head(const std::string& name) {
  constexpr std::array<std::string_view, 5> kModules{"lm_head", "cls", "mlm_head",
                                                     "generator_lm_head", "generator_predictions"};
  return has_word(name, kModules);
}

bool is_classifier_of(const CheckpointRecord& b, const CheckpointRecord& a) {
  const bool language = std::any_of(b.layers.begin(), b.layers.end(), [](const LayerRow& row) {
    return is_of_language_head(row.key) || (row.role == kHeadRole && !is_of_classifier(row.key));
  });
  return !language && !new_classifier(a, b).empty();
}

void tell_other_heads(std::vector<ComparisonRow>& rows) {
  const auto is_embedding = [](const ComparisonRow& row) { return row.role == kTokenEmbedding; };
  for (ComparisonRow& row : rows) {
    if (!has_other_vocabulary(row.status) || is_embedding(row)) continue;
    const bool alone = std::none_of(rows.begin(), rows.end(), is_embedding);
    const bool likewise = std::any_of(rows.begin(), rows.end(), [&](const ComparisonRow& other) {
      return is_embedding(other) && other.vocabulary_a == row.vocabulary_a &&
             other.vocabulary_b == row.vocabulary_b;
    });
    const bool lost_classes =
        alone && row.status == Change::shrunk && !is_of_language_head(row.key);
    if ((!alone && !likewise) || lost_classes) row.status = Change::reshaped;
  }
}

void tell_lawful_removals(std::vector<ComparisonRow>& rows, const CheckpointRecord& a,
                          const CheckpointRecord& b) {
  const std::string classifier = is_classifier_of(b, a) ? new_classifier(a, b) : std::string();
  const std::string head = new_head(rows);
  for (ComparisonRow& row : rows) {
    if (row.status != Change::removed) continue;
    const auto before = std::find_if(a.layers.begin(), a.layers.end(),
                                     [&](const LayerRow& one) { return one.key == row.key; });
    if (before == a.layers.end()) continue;
    const LayerRow* const twin = is_of_tokens(before->role) ? twin_in_both(*before, a, b) : nullptr;
    const bool of_head = row.role == kHeadRole || is_of_language_head(row.key);
    const std::string& other = is_of_classifier(row.key) ? head : classifier;
    if (twin != nullptr) {
      row.status = Change::tied;
      row.from = twin->key;
    } else if (of_head && !other.empty()) {
      row.status = Change::replaced;
      row.replaced_by = other;
    }
  }
}

std::vector<std::string> token_table_texts(const std::vector<ComparisonRow>& rows) {
  std::vector<std::string> texts;
  for (const auto& [status, verb] :
       {std::pair{Change::grown, "grew"}, std::pair{Change::shrunk, "shrank"}}) {
    const Tables tables = tables_with(rows, status);
    if (tables.first == nullptr) continue;
    texts.push_back(std::string("The vocabulary ") + verb + " from " +
                    std::to_string(tables.first->vocabulary_a) + " to " +
                    std::to_string(tables.first->vocabulary_b) + ": " + layers_text(tables.count) +
                    " " + is_are(tables.count) + " not compared.");
  }
  if (const Tables tied = tables_with(rows, Change::tied); tied.first != nullptr) {
    texts.push_back(named(tied.first->key) + " is left out: it was a copy of " +
                    named(tied.first->from) + ".");
  }
  if (const Tables replaced = tables_with(rows, Change::replaced); replaced.first != nullptr) {
    texts.push_back("The head " + named(replaced.first->key) + " was replaced by " +
                    named(replaced.first->replaced_by) + ".");
  }
  if (const Tables left = tables_with(rows, Change::mtp); left.first != nullptr) {
    texts.push_back("The module for multi-token prediction is left out, " +
                    layers_text(left.count) + " such as " + named(left.first->key) +
                    ": it only makes drafts, so answers are the same, but speculative decoding "
                    "needs another draft model.");
  }
  return texts;
}

}  // namespace wishart::analysis
