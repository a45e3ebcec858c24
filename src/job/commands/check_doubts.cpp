#include "commands/check_doubts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/checkpoint/reasons.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"

#include "commands/check_kind.hpp"
#include "commands/vectors.hpp"

namespace wishart::job {
namespace {

constexpr const char* kError = "error_ratio";

bool is_vector_of_weights(const Tensor& tensor) {
  return is_vector(tensor) && tensor.name.ends_with(".weight");
}

bool is_bias(const Tensor& tensor) { return is_vector(tensor) && tensor.name.ends_with("bias"); }

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

/// The first vector of weights that is not that of the base, and by how much; empty if there is
/// none.
std::string changed_vector(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                           const std::function<void()>& check_stop) {
  // Norms are kept in 16 bits at least. BF16 rounds by 0.4 % at most.
  constexpr double kRescaled = 0.01;
  constexpr double kPercent = 100;
  std::unordered_map<std::string, const Tensor*> vectors;
  for (const Tensor& tensor : base.tensors) {
    if (is_vector_of_weights(tensor)) vectors.emplace(tensor.name, &tensor);
  }
  const VectorReader of_tuned(tuned, check_stop);
  const VectorReader of_base(base, check_stop);
  for (const Tensor& tensor : tuned.tensors) {
    const auto found = is_vector_of_weights(tensor) ? vectors.find(tensor.name) : vectors.end();
    if (found == vectors.end() || found->second->shape != tensor.shape) continue;
    const double change = change_of(of_base.values_of(*found->second), of_tuned.values_of(tensor));
    if (change > kRescaled) {
      return printable(tensor.name) + " differs by " + rounded(kPercent * change, 2) + " %";
    }
  }
  return {};
}

/// True if a rule is broken, and every broken one is about one of these metrics.
bool only_broken(const std::vector<analysis::Rule>& rules,
                 const std::vector<analysis::RuleVerdict>& verdicts,
                 std::initializer_list<const char*> metrics) {
  bool any = false;
  for (const analysis::RuleVerdict& verdict : verdicts) {
    if (verdict.passed) continue;
    any = true;
    const auto rule = std::find_if(rules.begin(), rules.end(), [&](const analysis::Rule& one) {
      return one.name == verdict.rule;
    });
    const bool of_these = rule != rules.end() &&
                          std::any_of(metrics.begin(), metrics.end(),
                                      [&](const char* metric) { return rule->metric == metric; });
    if (!of_these) return false;
  }
  return any;
}

bool any_nan(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isnan(value); });
}

bool any_infinite(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isinf(value); });
}

bool all_zero(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

/// Tensors of which a sentence counts all and names the first.
struct Named {
  std::int64_t count = 0;
  std::string first;

  void add(const std::string& name) {
    if (count++ == 0) first = name;
  }
  /// The end of the sentence.
  [[nodiscard]] std::string such_as() const {
    return (count == 1 ? ": " : ", such as ") + printable(first) + ".";
  }
};

}  // namespace

std::size_t leave_out_unread(std::vector<CheckpointRecord>& stages) {
  std::size_t unread = 0;
  constexpr std::string_view kEnding = ".weight";
  const auto module_of = [&](std::string_view name) {
    return std::string(name.ends_with(kEnding) ? name.substr(0, name.size() - kEnding.size())
                                               : name);
  };
  for (std::size_t i = 0; i < stages.size(); ++i) {
    std::set<std::string> modules;  // every part of a name that ends at a dot
    for (const SkippedRow& row : stages[i].skipped) {
      if (row.reason != checkpoint::kQuantisedNotRead) continue;
      for (std::size_t dot = row.tensor.rfind('.'); dot != std::string::npos && dot > 0;
           dot = row.tensor.rfind('.', dot - 1)) {
        modules.insert(row.tensor.substr(0, dot));
      }
    }
    unread += std::erase_if(stages[1 - i].layers, [&](const LayerRow& row) {
      return modules.contains(module_of(row.key));
    });
  }
  return unread;
}

std::string damage_text(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                        const std::function<void()>& check_stop) {
  const auto before = by_name(base);
  const VectorReader of_tuned(tuned, check_stop);
  const VectorReader of_base(base, check_stop);
  // Read only where the tuned values are not as they should be: those of the base may be so too. A
  // bias of minus infinity forbids a token, and scales of 1 + w begin as zeros.
  const auto was_so = [&](const Tensor& tensor, bool (*is_so)(const std::vector<double>&)) {
    const auto found = before.find(tensor.name);
    return found != before.end() && is_vector(*found->second) &&
           is_so(of_base.values_of(*found->second));
  };
  Named nonfinite;
  Named zeroed;
  for (const Tensor& tensor : tuned.tensors) {
    if (!is_vector_of_weights(tensor) && !is_bias(tensor)) continue;
    const std::vector<double> values = of_tuned.values_of(tensor);
    if (any_nan(values) || (any_infinite(values) && !was_so(tensor, any_infinite))) {
      nonfinite.add(tensor.name);
    }
    const auto found = before.find(tensor.name);
    const bool in_base = found != before.end() && found->second->shape == tensor.shape;
    if (in_base && is_vector_of_weights(tensor) && all_zero(values) && !was_so(tensor, all_zero)) {
      zeroed.add(tensor.name);
    }
  }
  std::string text;
  if (nonfinite.count > 0) {
    text += " But " + plural(nonfinite.count, "norm or bias", "norms and biases") + " " +
            has_have(nonfinite.count) + " NaN or infinite values" + nonfinite.such_as();
  }
  if (zeroed.count > 0) {
    text += " But " + plural(zeroed.count, "norm") + " " + has_have(zeroed.count) +
            " only zeros, which " + (zeroed.count == 1 ? "it" : "they") + " had not in the base" +
            zeroed.such_as();
  }
  return text;
}

std::string only_vectors_text(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                              const std::function<void()>& check_stop) {
  const auto before = by_name(base);
  const VectorReader of_tuned(tuned, check_stop);
  const VectorReader of_base(base, check_stop);
  Named changed;
  for (const Tensor& tensor : tuned.tensors) {
    if (!is_vector_of_weights(tensor) && !is_bias(tensor)) continue;
    const auto found = before.find(tensor.name);
    if (found == before.end() || found->second->shape != tensor.shape) continue;
    if (of_base.values_of(*found->second) != of_tuned.values_of(tensor)) changed.add(tensor.name);
  }
  if (changed.count == 0) return {};
  return " No matrix changed, but " + plural(changed.count, "norm or bias", "norms and biases") +
         " did" + changed.such_as();
}

bool leave_out_zero_biases(CheckpointRecord& base_stage, const checkpoint::Catalogue& base,
                           const analysis::Comparison& comparison,
                           const std::function<void()>& check_stop) {
  if (comparison.missing_tensors.empty()) return false;
  const std::unordered_set<std::string> missing(comparison.missing_tensors.begin(),
                                                comparison.missing_tensors.end());
  const auto tensors = by_name(base);
  const VectorReader reader(base, check_stop);
  const auto left_out = std::erase_if(base_stage.skipped, [&](const SkippedRow& row) {
    const auto found = missing.contains(row.tensor) ? tensors.find(row.tensor) : tensors.end();
    if (found == tensors.end() || !is_bias(*found->second)) return false;
    return all_zero(reader.values_of(*found->second));
  });
  return left_out > 0;
}

std::string layout_text(const std::vector<analysis::Rule>& rules,
                        const std::vector<analysis::RuleVerdict>& verdicts) {
  if (!only_broken(rules, verdicts, {"rearranged"})) return {};
  return " But a conversion to another layout does the same on purpose: evaluate the model with "
         "the "
         "code that reads it, or judge by rules that allow it (wishart gate).";
}

bool is_smaller(const analysis::Comparison& comparison) {
  return std::any_of(
      comparison.rows.begin(), comparison.rows.end(),
      [](const analysis::ComparisonRow& row) { return row.status == analysis::Change::shrunk; });
}

bool nothing_changed(const analysis::Comparison& comparison) {
  return std::all_of(
      comparison.rows.begin(), comparison.rows.end(),
      [](const analysis::ComparisonRow& row) { return analysis::keeps_answers(row.status); });
}

std::string pruned_text(const analysis::Comparison& comparison) {
  return comparison.pruned.empty()
             ? ""
             : " But it was pruned: of the base, " + comparison.pruned + ". Evaluate it.";
}

bool moved_by_rounding(const analysis::Comparison& comparison) {
  // BF16 has 8 significant bits, so it moves a weight by 2^-8 of it at most.
  constexpr double kMostByRounding = 0x1p-8;
  return std::all_of(
      comparison.rows.begin(), comparison.rows.end(), [](const analysis::ComparisonRow& row) {
        return analysis::keeps_answers(row.status) ||
               (row.status == analysis::Change::changed && !(row.moved > kMostByRounding));
      });
}

std::string few_bits_doubt(const std::vector<analysis::RuleVerdict>& verdicts) {
  for (const analysis::RuleVerdict& verdict : verdicts) {
    if (!verdict.passed) return {};
  }
  for (const analysis::RuleVerdict& verdict : verdicts) {
    if (verdict.doubt.empty()) continue;
    return " But " + verdict.doubt +
           ", and its weights are not those of the base one by one: they were rescaled, rotated or "
           "put in another order. Evaluate the copy.";
  }
  return {};
}

std::string compression_doubt(const std::vector<CheckpointRecord>& stages,
                              const analysis::KnownErrors& known) {
  std::vector<analysis::Rule> rules = rules_of(CheckKind::quantised);
  std::erase_if(rules, [](const analysis::Rule& rule) { return rule.metric != kError; });
  for (const analysis::RuleVerdict& verdict :
       analysis::judge(rules, stages, false, {}, {}, known)) {
    if (verdict.passed) continue;
    return std::string(known.empty() ? " But its norms changed as those of a copy of few bits or "
                                       "with pruned weights do"
                                     : " But its weights take few values, as those of a copy of "
                                       "few bits do") +
           ": if it is a compressed copy, it is NOT OK by '" + printable(verdict.rule) +
           "' of jobs/gate-compression.cfg (" +
           verdict.text.substr(0, verdict.text.find(". Reason: ")) +
           "). Say what it is: --kind quantised, or --kind full.";
  }
  return {};
}

bool only_sizes_broken(const std::vector<analysis::Rule>& rules,
                       const std::vector<analysis::RuleVerdict>& verdicts) {
  return only_broken(rules, verdicts, {kError, "moved", "cut", "log_spectral_norm"});
}

std::string rescaling_text(const checkpoint::Catalogue& tuned, const checkpoint::Catalogue& base,
                           const std::function<void()>& check_stop) {
  const bool awq = std::any_of(tuned.tensors.begin(), tuned.tensors.end(),
                               [](const Tensor& one) { return one.stored_as.starts_with("AWQ"); });
  const std::string changed = awq ? std::string() : changed_vector(tuned, base, check_stop);
  if (!awq && changed.empty()) return {};
  return " But its weights were rescaled before they were rounded (" +
         (awq ? std::string("it is stored by AWQ") : changed) +
         "), as AWQ and SmoothQuant do, which changes no answer of the model. These rules say "
         "nothing of rescaled weights: take the rescaled model before rounding as the base, or "
         "evaluate the copy.";
}

std::int64_t num_added(const analysis::Comparison& comparison) {
  return std::count_if(
      comparison.rows.begin(), comparison.rows.end(),
      [](const analysis::ComparisonRow& row) { return row.status == analysis::Change::added; });
}

std::string left_out_of_rules_text(const analysis::Comparison& comparison) {
  const auto held =
      std::count_if(comparison.rows.begin(), comparison.rows.end(),
                    [](const analysis::ComparisonRow& row) { return row.held_whole; });
  std::string text;
  if (held > 0) text += " " + plural(held, "layer") + " " + is_are(held) + " held whole.";
  if (const std::int64_t added = num_added(comparison); added > 0) {
    text += " " + plural(added, "layer") + " that the base does not have " + is_are(added) +
            " not compared.";
  }
  for (const std::string& table : analysis::token_table_texts(comparison.rows)) text += " " + table;
  return text;
}

}  // namespace wishart::job
