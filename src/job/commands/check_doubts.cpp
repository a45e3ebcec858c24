#include "commands/check_doubts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <unordered_map>

#include "wishart/analysis/compare.hpp"
#include "wishart/checkpoint/element_reader.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "commands/check_kind.hpp"

namespace wishart::job {
namespace {

constexpr const char* kError = "error_ratio";

/// No vector of a model is longer. A stranger's file may say otherwise.
constexpr std::int64_t kMostElements = 1 << 20;

bool is_vector_of_weights(const Tensor& tensor) {
  return has_weights(tensor) && tensor.shape.size() == 1 && tensor.num_elements > 0 &&
         tensor.num_elements <= kMostElements && tensor.name.ends_with(".weight");
}

/// |B - A| / |A|.
double change_of(const std::vector<double>& a, const std::vector<double>& b) {
  double distance = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    distance += (b[i] - a[i]) * (b[i] - a[i]);
    norm += a[i] * a[i];
  }
  return std::sqrt(distance / norm);
}

std::vector<double> values_of(checkpoint::ElementReader& reader, const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
  reader.read_elements(tensor, 0, values);
  return values;
}

/// The first vector of weights that is not that of the base, and by how much; empty if there is
/// none.
std::string changed_vector(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base) {
  // Norms are kept in 16 bits at least. BF16 rounds by 0.4 % at most.
  constexpr double kRescaled = 0.01;
  constexpr double kPercent = 100;
  std::unordered_map<std::string, const Tensor*> vectors;
  for (const Tensor& tensor : base.tensors) {
    if (is_vector_of_weights(tensor)) vectors.emplace(tensor.name, &tensor);
  }
  const auto of_tuned = checkpoint::make_reader(tuned.root, tuned.files);
  const auto of_base = checkpoint::make_reader(base.root, base.files);
  for (const Tensor& tensor : tuned.tensors) {
    const auto found = is_vector_of_weights(tensor) ? vectors.find(tensor.name) : vectors.end();
    if (found == vectors.end() || found->second->shape != tensor.shape) continue;
    const double change =
        change_of(values_of(*of_base, *found->second), values_of(*of_tuned, tensor));
    if (change > kRescaled) {
      return printable(tensor.name) + " differs by " + rounded(kPercent * change, 2) + " %";
    }
  }
  return {};
}

}  // namespace

bool nothing_changed(const std::vector<CheckpointRecord>& stages) {
  const analysis::Comparison comparison = analysis::compare(stages.front(), stages.back());
  return std::all_of(comparison.rows.begin(), comparison.rows.end(),
                     [](const analysis::ComparisonRow& row) { return row.status == "same"; });
}

std::string compression_doubt(const std::vector<CheckpointRecord>& stages) {
  std::vector<analysis::Rule> rules = rules_of(CheckKind::quantised);
  std::erase_if(rules, [](const analysis::Rule& rule) { return rule.metric != kError; });
  for (const analysis::RuleVerdict& verdict : analysis::judge(rules, stages, false)) {
    if (verdict.passed) continue;
    return " But its norms changed as those of a copy of few bits or with pruned weights do: if it "
           "is a compressed copy, it is NOT OK by '" +
           printable(verdict.rule) + "' of jobs/gate-compression.cfg (" +
           verdict.text.substr(0, verdict.text.find(". Reason: ")) +
           "). Say what it is: --kind quantised, or --kind full.";
  }
  return {};
}

bool only_sizes_broken(const std::vector<analysis::Rule>& rules,
                       const std::vector<analysis::RuleVerdict>& verdicts) {
  const auto metrics = {kError, "moved", "log_norm", "log_spectral_norm"};
  bool any = false;
  for (const analysis::RuleVerdict& verdict : verdicts) {
    if (verdict.passed) continue;
    any = true;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const analysis::Rule& one) {
      return one.name == verdict.rule;
    });
    const bool of_size = rule != rules.end() &&
                         std::any_of(metrics.begin(), metrics.end(),
                                     [&](const char* metric) { return rule->metric == metric; });
    if (!of_size) return false;
  }
  return any;
}

std::string rescaling_text(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base) {
  const bool awq = std::any_of(tuned.tensors.begin(), tuned.tensors.end(),
                               [](const Tensor& one) { return one.stored_as.starts_with("AWQ"); });
  const std::string changed = awq ? std::string() : changed_vector(tuned, base);
  if (!awq && changed.empty()) return {};
  return " But its weights were rescaled before they were rounded (" +
         (awq ? std::string("it is stored by AWQ") : changed) +
         "), as AWQ and SmoothQuant do, which changes no answer of the model. These rules say "
         "nothing of rescaled weights: take the rescaled model before rounding as the base, or "
         "evaluate the copy.";
}

std::string left_out_of_rules_text(const std::vector<CheckpointRecord>& stages) {
  const analysis::Comparison comparison = analysis::compare(stages.front(), stages.back());
  std::int64_t grown = 0;
  std::int64_t held = 0;
  const analysis::ComparisonRow* first = nullptr;
  for (const analysis::ComparisonRow& row : comparison.rows) {
    if (row.status == "grown" && grown++ == 0) first = &row;
    if (row.held_whole) ++held;
  }
  std::string text;
  if (held > 0) text += " " + plural(held, "layer") + (held == 1 ? " is" : " are") + " held whole.";
  if (first != nullptr) {
    text += " The vocabulary grew from " + std::to_string(first->vocabulary_a) + " to " +
            std::to_string(first->vocabulary_b) + ": " + plural(grown, "layer") +
            (grown == 1 ? " is" : " are") + " not compared.";
  }
  return text;
}

}  // namespace wishart::job
