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

/// An index costs about this many bytes.
constexpr std::size_t kIndexBytes = 3;

std::string rounded_json(double value) {
  return std::isfinite(value) ? rounded(value, kDigits) : "null";
}

/// `"name": "alpha", "values": [...]` with what `value_of(layer)` returns.
std::string column_json(const std::vector<LayerRow>& layers, const char* name,
                        const auto& value_of) {
  std::string json = std::string("{\"name\": \"") + name + "\", \"values\": [";
  for (std::size_t i = 0; i < layers.size(); ++i) json += (i > 0 ? "," : "") + value_of(layers[i]);
  return json + "]}";
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
  std::unordered_map<std::string_view, std::size_t> places;
  std::vector<std::string_view> words;
  std::string at;
  std::size_t plain = 0;
  std::size_t distinct = 0;
  for (const std::string& text : texts) {
    const auto [found, is_new] = places.emplace(text, words.size());
    if (is_new) {
      words.push_back(text);
      distinct += text.size();
    }
    plain += text.size();
    at += (at.empty() ? "" : ",") + std::to_string(found->second);
  }
  const bool by_words = distinct + kIndexBytes * texts.size() < plain;
  std::string list;
  const auto add = [&](std::string_view text) {
    list += (list.empty() ? "" : ",") + page_json_text(std::string(text));
  };
  if (!by_words) {
    for (const std::string& text : texts) add(text);
    return "\"values\": [" + list + "]";
  }
  for (const std::string_view word : words) add(word);
  return "\"words\": [" + list + "], \"at\": [" + at + "]";
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
    add(column_json(layers, column.name, [&](const LayerRow& layer) {
      const std::int64_t count = layer.*column.count;
      return count < 0 ? std::string("null") : std::to_string(count);
    }));
  }
  for (const NumberColumn& column : kNumbers) {
    add(column_json(layers, column.name,
                    [&](const LayerRow& layer) { return rounded_json(layer.*column.number); }));
  }
  std::vector<analysis::UsualColumns> usual;
  usual.reserve(layers.size());
  for (const LayerRow& layer : layers) usual.push_back(analysis::usual_columns(layer));
  for (const PercentileColumn& column : kPercentiles) {
    std::size_t i = 0;
    add(column_json(layers, column.name,
                    [&](const LayerRow&) { return rounded_json(usual[i++].*column.percentile); }));
  }
  json += "],\n\"worst_first\": [";
  for (std::size_t i = 0; i < worst_first.size(); ++i) {
    json += (i > 0 ? "," : "") + std::to_string(worst_first[i]);
  }
  return json + "]}";
}

}  // namespace wishart::report
