#include "page/layer_data.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "wishart/analysis/usual.hpp"
#include "wishart/core/text.hpp"

namespace wishart::report {
namespace {

/// Significant digits of a number on the page.
constexpr int kDigits = 4;

std::string rounded_json(double value) {
  return std::isfinite(value) ? rounded(value, kDigits) : "null";
}

std::string listed(const std::vector<std::string>& json) { return "[" + join(json, ",") + "]"; }

/// Values as JSON: one for all if they are alike, else the shorter of all values and of distinct
/// ones with the place of each among them.
std::string column_json(const std::vector<std::string>& json) {
  std::unordered_map<std::string_view, std::size_t> places;
  std::vector<std::string> words;
  std::vector<std::string> at;
  at.reserve(json.size());
  for (const std::string& value : json) {
    const auto [found, is_new] = places.emplace(value, words.size());
    if (is_new) words.push_back(value);
    at.push_back(std::to_string(found->second));
  }
  if (json.size() > 1 && words.size() == 1) return "\"all\": " + words.front();
  std::string values = "\"values\": " + listed(json);
  std::string by_words = "\"words\": " + listed(words) + ", \"at\": " + listed(at);
  return by_words.size() < values.size() ? by_words : values;
}

/// How many characters a text has in common with the beginning of another. Only ASCII counts, of
/// which every reader has the same notion of a character.
std::size_t common_beginning(std::string_view a, std::string_view b) {
  std::size_t count = 0;
  while (count < a.size() && count < b.size() && a[count] == b[count] &&
         static_cast<unsigned char>(a[count]) < 0x80) {
    ++count;
  }
  return count;
}

/// Of each text what differs from the beginning of the one before it: names of layers come in an
/// order in which neighbours are alike.
std::string rests_json(const std::vector<std::string>& texts) {
  std::vector<std::string> shared;
  std::vector<std::string> rest;
  std::string before;
  for (const std::string& text : texts) {
    std::string now = printable(text);
    const std::size_t count = common_beginning(before, now);
    shared.push_back(std::to_string(count));
    rest.push_back(page_json_text(now.substr(count)));
    before = std::move(now);
  }
  return "\"shared\": " + listed(shared) + ", \"rest\": " + listed(rest);
}

/// `{"name": "alpha", ...}` with what `value_of(layer)` returns.
std::string column_of(const std::vector<LayerRow>& layers, const char* name, const auto& value_of) {
  std::vector<std::string> json;
  json.reserve(layers.size());
  for (const LayerRow& layer : layers) json.push_back(value_of(layer));
  return std::string("{\"name\": \"") + name + "\", " + column_json(json) + "}";
}

struct TextColumn {
  const char* name;
  std::string LayerRow::*text;
};
constexpr std::array kTexts{
    TextColumn{"layer", &LayerRow::key},       TextColumn{"role", &LayerRow::role},
    TextColumn{"stack", &LayerRow::stack},     TextColumn{"status", &LayerRow::status},
    TextColumn{"warning", &LayerRow::warning}, TextColumn{"reason", &LayerRow::reason},
    TextColumn{"dtype", &LayerRow::dtype}};

/// Unknown counts are negative.
struct CountColumn {
  const char* name;
  std::int64_t LayerRow::*count;
};
constexpr std::array kCounts{CountColumn{"block", &LayerRow::block},
                             CountColumn{"expert", &LayerRow::expert},
                             CountColumn{"N", &LayerRow::N},
                             CountColumn{"M", &LayerRow::M},
                             CountColumn{"num_params", &LayerRow::num_params},
                             CountColumn{"num_evals", &LayerRow::num_evals},
                             CountColumn{"num_pl_spikes", &LayerRow::num_pl_spikes},
                             CountColumn{"matrix_rank", &LayerRow::matrix_rank}};

struct NumberColumn {
  const char* name;
  double LayerRow::*number;
};
constexpr std::array kNumbers{NumberColumn{"alpha", &LayerRow::alpha},
                              NumberColumn{"alpha_low", &LayerRow::alpha_low},
                              NumberColumn{"alpha_high", &LayerRow::alpha_high},
                              NumberColumn{"D", &LayerRow::D},
                              NumberColumn{"log_norm", &LayerRow::log_norm},
                              NumberColumn{"log_spectral_norm", &LayerRow::log_spectral_norm},
                              NumberColumn{"stable_rank", &LayerRow::stable_rank},
                              NumberColumn{"effective_rank", &LayerRow::effective_rank}};

struct PercentileColumn {
  const char* name;
  double analysis::UsualColumns::*percentile;
};
constexpr std::array kPercentiles{
    PercentileColumn{"alpha_percentile", &analysis::UsualColumns::alpha_percentile},
    PercentileColumn{"D_percentile", &analysis::UsualColumns::D_percentile},
    PercentileColumn{"stable_rank_percentile", &analysis::UsualColumns::stable_rank_percentile}};

}  // namespace

std::string json_in_html(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    switch (c) {
      case '<':
        text += "\\u003c";
        break;
      case '>':
        text += "\\u003e";
        break;
      case '&':
        text += "\\u0026";
        break;
      default:
        text += c;
    }
  }
  return text;
}

std::string page_json_text(const std::string& text) {
  return json_in_html(json_quoted(printable(text)));
}

std::string text_column_json(const std::vector<std::string>& texts) {
  std::vector<std::string> json;
  json.reserve(texts.size());
  for (const std::string& text : texts) json.push_back(page_json_text(text));
  std::string column = column_json(json);
  std::string rests = rests_json(texts);
  return rests.size() < column.size() ? rests : column;
}

std::string layer_data_json(const std::vector<LayerRow>& layers,
                            const std::vector<std::size_t>& worst_first) {
  std::string json = "{\"layers\": " + std::to_string(layers.size()) + ",\n\"columns\": [";
  const char* between = "\n";
  const auto add = [&](const std::string& column) {
    json += between + column;
    between = ",\n";
  };
  for (const TextColumn& column : kTexts) {
    std::vector<std::string> texts;
    texts.reserve(layers.size());
    for (const LayerRow& layer : layers) texts.push_back(layer.*column.text);
    add(std::string("{\"name\": \"") + column.name + "\", " + text_column_json(texts) + "}");
  }
  for (const CountColumn& column : kCounts) {
    add(column_of(layers, column.name, [&](const LayerRow& layer) {
      const std::int64_t count = layer.*column.count;
      return count < 0 ? std::string("null") : std::to_string(count);
    }));
  }
  for (const NumberColumn& column : kNumbers) {
    add(column_of(layers, column.name,
                  [&](const LayerRow& layer) { return rounded_json(layer.*column.number); }));
  }
  std::vector<analysis::UsualColumns> usual;
  usual.reserve(layers.size());
  for (const LayerRow& layer : layers) usual.push_back(analysis::usual_columns(layer));
  for (const PercentileColumn& column : kPercentiles) {
    std::size_t i = 0;
    add(column_of(layers, column.name,
                  [&](const LayerRow&) { return rounded_json(usual[i++].*column.percentile); }));
  }
  json += "],\n\"worst_first\": [";
  for (std::size_t i = 0; i < worst_first.size(); ++i) {
    json += (i > 0 ? "," : "") + std::to_string(worst_first[i]);
  }
  return json + "]}";
}

}  // namespace wishart::report
