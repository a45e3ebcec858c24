#include "commands/gate_rules.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <map>
#include <sstream>

#include "wishart/analysis/advice.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "options/command_options.hpp"
#include "options/option_error.hpp"

namespace wishart::job {
namespace {

constexpr std::int64_t kMaxRulesBytes = 1 << 20;

/// The value of a key, with its place for messages.
struct Entry {
  std::string where;  ///< `F: rule 'name': key`
  std::string value;

  [[noreturn]] void refuse(const std::string& expected) const {
    throw Error(Blame::usage,
                where + ": expected " + expected + ", found '" + printable(value) + "'");
  }
};

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

std::vector<std::string> words_of(const Entry& entry) {
  std::vector<std::string> words;
  std::istringstream stream(entry.value);
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.empty()) entry.refuse("a list of patterns");
  return words;
}

/// A number, or a percentage: `5%` is 0.05.
double number_of(const Entry& entry, const std::string& text) {
  double value = kNan;
  const bool percent = text.ends_with('%');
  const std::string digits = percent ? trimmed(text.substr(0, text.size() - 1)) : text;
  const char* const end = digits.data() + digits.size();
  const auto [last, status] = std::from_chars(digits.data(), end, value);
  if (status != std::errc{} || last != end || !std::isfinite(value)) entry.refuse("a number");
  return percent ? value / 100 : value;
}

std::int64_t count_of(const Entry& entry, const std::string& text) {
  std::int64_t value = -1;
  const char* const end = text.data() + text.size();
  const auto [last, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc{} || last != end || value < 0)
    entry.refuse("a whole number of at least 0");
  return value;
}

/// Parses ranges and single blocks: `0-3 8`.
std::vector<std::pair<std::int64_t, std::int64_t>> blocks_of(const Entry& entry) {
  std::vector<std::pair<std::int64_t, std::int64_t>> blocks;
  for (const std::string& word : words_of(entry)) {
    const std::vector<std::string> ends = split(word, '-');
    if (ends.size() > 2) entry.refuse("blocks such as 0-3 8");
    blocks.emplace_back(count_of(entry, ends.front()), count_of(entry, ends.back()));
    if (blocks.back().first > blocks.back().second) entry.refuse("a range in ascending order");
  }
  return blocks;
}

std::vector<std::string> advices_of(const Entry& entry) {
  std::vector<std::string> known;
  known.reserve(analysis::kAdvices.size());
  for (const analysis::Advice advice : analysis::kAdvices) {
    known.emplace_back(analysis::advice_name(advice));
  }
  std::vector<std::string> words = words_of(entry);
  for (const std::string& word : words) {
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      entry.refuse("words of " + join(known, ", "));
    }
  }
  return words;
}

void set_allowed(analysis::Rule& rule, const Entry& entry) {
  if (!entry.value.ends_with('%')) {
    rule.allow = count_of(entry, entry.value);
    return;
  }
  const double share = number_of(entry, entry.value);
  if (!(share >= 0) || share > 1) entry.refuse("a number of layers, or 0 % to 100 %");
  rule.allow_share = share;
}

using Setter = std::function<void(analysis::Rule&, const Entry&)>;

std::map<std::string, Setter> setters() {
  using analysis::Against;
  using analysis::Measure;
  using analysis::Rule;
  using analysis::Statistic;
  std::map<std::string, Setter> all;
  all["metric"] = [](Rule& r, const Entry& e) { r.metric = e.value; };
  all["roles"] = [](Rule& r, const Entry& e) { r.roles = words_of(e); };
  all["layers"] = [](Rule& r, const Entry& e) { r.layers = words_of(e); };
  all["blocks"] = [](Rule& r, const Entry& e) { r.blocks = blocks_of(e); };
  all["statistic"] = [](Rule& r, const Entry& e) {
    r.statistic = choice<Statistic>(e.where, e.value,
                                    {{"each", Statistic::each},
                                     {"mean", Statistic::mean},
                                     {"median", Statistic::median},
                                     {"share", Statistic::share},
                                     {"paired", Statistic::paired}});
  };
  all["against"] = [](Rule& r, const Entry& e) {
    r.against = choice<Against>(e.where, e.value,
                                {{"nothing", Against::nothing},
                                 {"first", Against::first},
                                 {"previous", Against::previous}});
  };
  all["measure"] = [](Rule& r, const Entry& e) {
    r.measure = choice<Measure>(e.where, e.value,
                                {{"difference", Measure::difference}, {"ratio", Measure::ratio}});
  };
  all["is"] = [](Rule& r, const Entry& e) { r.advices = advices_of(e); };
  all["above"] = [](Rule& r, const Entry& e) { r.above = number_of(e, e.value); };
  all["below"] = [](Rule& r, const Entry& e) { r.below = number_of(e, e.value); };
  all["min"] = [](Rule& r, const Entry& e) { r.min = number_of(e, e.value); };
  all["max"] = [](Rule& r, const Entry& e) { r.max = number_of(e, e.value); };
  all["allow"] = set_allowed;
  all["min-layers"] = [](Rule& r, const Entry& e) { r.min_layers = count_of(e, e.value); };
  all["unknown"] = [](Rule& r, const Entry& e) {
    r.unknown_fails = choice<bool>(e.where, e.value, {{"passes", false}, {"fails", true}});
  };
  all["alone"] = [](Rule& r, const Entry& e) {
    r.passes_alone = choice<bool>(e.where, e.value, {{"passes", true}, {"refused", false}});
  };
  all["reason"] = [](Rule& r, const Entry& e) { r.reason = e.value; };
  return all;
}

void set_key(analysis::Rule& rule, const std::string& where, const std::string& key,
             const std::string& value) {
  const std::map<std::string, Setter> known = setters();
  const auto found = known.find(key);
  if (found == known.end()) {
    std::vector<std::string> names;
    names.reserve(known.size());
    for (const auto& [name, setter] : known) names.push_back(name);
    const std::string near = nearest(key, names);
    throw Error(Blame::usage, where + "unknown key '" + printable(key) + "'" +
                                  (near.empty() ? "." : ". Did you mean '" + near + "'?"));
  }
  found->second(rule, {where + key, value});
}

/// A rule with the values of its keys as they stand in the file.
struct ReadRule {
  analysis::Rule rule;
  std::map<std::string, std::string> given;
};

using Keys = std::initializer_list<const char*>;

[[noreturn]] void refuse_second(const std::string& where, const std::string& key) {
  throw Error(Blame::usage,
              where + "found " + key + " twice. Expected it once: each rule has a name of its own");
}

/// Refuses keys that are given beside others that leave them without any effect: whoever wrote them
/// would take the rule for another one.
class KeyChecker {
public:
  KeyChecker(const ReadRule& read, const std::string& where) : read_(read), where_(where) {}

  /// @param beside  `with metric = loss, which is ...`
  void refuse(Keys keys, const std::string& beside, const std::string& expected) const {
    for (const char* key : keys) {
      const auto found = read_.given.find(key);
      if (found != read_.given.end()) refuse_one(key, found->second, beside, expected);
    }
  }

  /// `statistic = mean`
  [[nodiscard]] std::string text_of(const char* key) const {
    const auto found = read_.given.find(key);
    return std::string(key) + " = " + (found == read_.given.end() ? "" : printable(found->second));
  }

private:
  [[noreturn]] void refuse_one(const std::string& key, const std::string& value,
                               const std::string& beside, const std::string& expected) const {
    throw Error(Blame::usage, where_ + "found " + key + " = " + printable(value) + " " + beside +
                                  ". Expected " + expected);
  }

  const ReadRule& read_;
  const std::string& where_;
};

void check_keys(const ReadRule& read, const std::string& where) {
  using analysis::Statistic;
  const analysis::Rule& rule = read.rule;
  const KeyChecker keys(read, where);
  const std::string metric = "with " + keys.text_of("metric");
  const std::string statistic = "with " + keys.text_of("statistic");
  if (analysis::is_of_checkpoint(rule)) {
    keys.refuse({"roles", "layers", "blocks", "statistic", "above", "below", "allow", "min-layers"},
                metric + ", which is of the checkpoint and not of its layers", "no such key");
  }
  if (analysis::needs_advice(rule)) {
    keys.refuse({"measure", "alone", "unknown"}, metric, "is and reason only");
  }
  if (analysis::is_comparison(rule)) {
    keys.refuse({"measure"}, metric + ", which compares two stages already", "no measure");
    if (rule.statistic == Statistic::paired) {
      keys.refuse({"statistic"}, metric + ", which compares two stages already",
                  "statistic = each, mean, median or share");
    }
  }
  if (rule.against == analysis::Against::nothing) {
    keys.refuse({"measure"}, "without another stage to compare with",
                "against = first or against = previous beside it");
  }
  if (rule.statistic == Statistic::paired && rule.measure == analysis::Measure::ratio) {
    keys.refuse({"measure"}, statistic + ", the mean of differences",
                "measure = difference, of a logarithm such as log_norm, or statistic = mean or "
                "median");
  }
  if (rule.statistic != Statistic::each) {
    keys.refuse({"allow", "unknown"}, statistic + ", which judges one value over the layers",
                "min and max, and min-layers for how many layers must have a value");
  }
  if (rule.against != analysis::Against::previous) {
    if (read.given.contains("alone")) {
      throw Error(Blame::usage, where + "alone needs against = previous");
    }
  }
}

void check_rule(const ReadRule& read, const std::string& where) {
  const analysis::Rule& rule = read.rule;
  if (rule.metric.empty()) throw Error(Blame::usage, where + "has no metric");
  const bool of_advice = analysis::needs_advice(rule);
  const bool bounded = std::isfinite(rule.min) || std::isfinite(rule.max);
  if (of_advice && rule.advices.empty()) {
    throw Error(Blame::usage, where + "metric = advice needs is, such as is = going-on settled");
  }
  if (of_advice && (bounded || rule.against != analysis::Against::nothing)) {
    throw Error(Blame::usage,
                where + "metric = advice takes is only, no bounds and no other stage");
  }
  if (!of_advice && !rule.advices.empty()) {
    throw Error(Blame::usage, where + "is needs metric = advice");
  }
  if (!of_advice && !bounded) throw Error(Blame::usage, where + "has neither min nor max");
  const bool limited = std::isfinite(rule.above) || std::isfinite(rule.below);
  if (limited != (rule.statistic == analysis::Statistic::share)) {
    throw Error(Blame::usage, where + (limited ? "above and below need statistic = share"
                                               : "statistic = share needs above or below"));
  }
  if (rule.min > rule.max) {
    throw Error(Blame::usage,
                where + "min " + shortest(rule.min) + " is above max " + shortest(rule.max));
  }
  check_keys(read, where);
}

}  // namespace

std::vector<analysis::Rule> parse_rules(const std::string& text, const std::string& name) {
  std::vector<ReadRule> read;
  try {
    std::istringstream stream(text);
    for (const auto& option :
         po::parse_config_file(stream, po::options_description(), true).options) {
      const std::size_t dot = option.string_key.rfind('.');
      if (dot == std::string::npos) {
        throw Error(Blame::usage, name + ": '" + printable(option.string_key) +
                                      "' is before the first rule. A rule begins with [name]");
      }
      const std::string rule = trimmed(option.string_key.substr(0, dot));
      if (read.empty() || read.back().rule.name != rule) {
        read.emplace_back();
        read.back().rule.name = rule;
      }
      const std::string where = name + ": rule '" + printable(rule) + "': ";
      const std::string key = option.string_key.substr(dot + 1);
      const std::string value = option.value.empty() ? "" : option.value.front();
      set_key(read.back().rule, where, key, value);
      if (!read.back().given.emplace(key, value).second) refuse_second(where, key);
    }
  } catch (const po::error& error) {
    throw Error(Blame::usage, name + ": " + printable(text_of(error)));
  }
  if (read.empty())
    throw Error(Blame::usage, name + ": contains no rules. A rule begins with [name]");
  std::vector<analysis::Rule> rules;
  rules.reserve(read.size());
  for (const ReadRule& one : read) {
    check_rule(one, name + ": rule '" + printable(one.rule.name) + "': ");
    rules.push_back(one.rule);
  }
  return rules;
}

std::vector<analysis::Rule> read_rules(const std::filesystem::path& file) {
  return parse_rules(text_of_file("rules", file, kMaxRulesBytes), printable(file.string()));
}

}  // namespace wishart::job
