#include "wishart/report/pipelines.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/roles.hpp"
#include "wishart/report/rows_text.hpp"

#include "pipeline_names.hpp"

namespace wishart::report {

/// A row of the mapped table.
struct MappedRow {
  std::string layer;
  double value = 0;
};

using wishart::visit_columns;  // otherwise hidden by the one below

template <class F>
void visit_columns(MappedRow& r, F&& f) {
  f("layer", r.layer), f("value", r.value);
}

namespace {

/// The most layers that a note names.
constexpr std::size_t kNamedLayers = 3;

/// The most names that are compared with each other.
constexpr std::size_t kMostCompared = 2000;

/// A layer with its value, by the name that a pipeline knows.
struct NamedValue {
  std::string name;
  const LayerRow* layer = nullptr;
  double value = 0;
};

/// Formats of checkpoints whose tensors have other names than in transformers.
constexpr std::array<std::string_view, 5> kOtherNames{"flax", "gguf", "keras", "megatron", "onnx"};

void check_names(const CheckpointRecord& record, const std::string& reader) {
  const std::string& format = record.provenance.format;
  if (std::find(kOtherNames.begin(), kOtherNames.end(), format) == kOtherNames.end()) return;
  throw Error(Blame::usage, printable(record.provenance.checkpoint_id) +
                                ": its layers have the names of a " + format + " checkpoint, " +
                                reader +
                                " knows those of transformers. Scan the checkpoint in the layout "
                                "of Hugging Face");
}

/// Which layers were left out, as a sentence; empty if none was.
std::vector<std::string> left_out(const std::vector<std::string>& names, const std::string& why) {
  if (names.empty()) return {};
  const std::size_t shown = std::min(kNamedLayers, names.size());
  std::string text = plural(std::ssize(names), "layer") + " " + is_are(std::ssize(names)) +
                     " left out, " + why + ": " +
                     printable(join(std::span(names).first(shown), ", "));
  if (shown < names.size()) text += ", ...";
  return {text};
}

/// The layers that a pipeline can address, with their values. Notes the others.
/// @param values  one for each layer; NaN: not known
std::vector<NamedValue> named_values(const CheckpointRecord& record,
                                     const std::vector<double>& values, const std::string& what,
                                     bool with_weight, PipelineFile& file) {
  std::vector<NamedValue> named;
  std::vector<std::string> parts;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    const LayerRow& layer = record.layers[i];
    if (!is_whole_matrix(layer)) {
      parts.push_back(layer.key);
    } else if (!std::isfinite(values[i])) {
      unknown.push_back(layer.key);
    } else {
      named.push_back({with_weight ? layer.longname : module_of(layer), &layer, values[i]});
    }
  }
  for (std::string& note : left_out(parts, "no matrices that a module has by itself")) {
    file.notes.push_back(std::move(note));
  }
  for (std::string& note : left_out(unknown, "without " + what)) {
    file.notes.push_back(std::move(note));
  }
  if (named.empty()) {
    std::string text = "no layer of " + printable(record.provenance.checkpoint_id) + " has " + what;
    for (const std::string& note : file.notes) text += ". " + note;
    throw Error(Blame::usage, text);
  }
  return named;
}

/// The names, sorted.
std::vector<std::string> names_of(const std::vector<NamedValue>& named) {
  std::vector<std::string> names;
  names.reserve(named.size());
  for (const NamedValue& one : named) names.push_back(one.name);
  std::sort(names.begin(), names.end());
  return names;
}

/// Orders names so that one that holds another comes before it: readers take the first match.
void put_longer_first(std::vector<NamedValue>& named) {
  const auto holds_another = [&](const NamedValue& one) {
    return std::any_of(named.begin(), named.end(), [&](const NamedValue& other) {
      return other.name.size() < one.name.size() && one.name.find(other.name) != std::string::npos;
    });
  };
  const bool few = named.size() <= kMostCompared;
  if (few && std::none_of(named.begin(), named.end(), holds_another)) return;
  std::stable_sort(named.begin(), named.end(), [](const NamedValue& a, const NamedValue& b) {
    return a.name.size() > b.name.size();
  });
}

std::vector<NamedValue> snr_of(const CheckpointRecord& record, PipelineFile& file) {
  const Provenance& provenance = record.provenance;
  if (provenance.analysis == AnalysisKind::difference ||
      provenance.analysis == AnalysisKind::adapter) {
    throw Error(Blame::usage, printable(provenance.checkpoint_id) + " is an analysis of " +
                                  analysis_text(provenance.analysis, provenance.base_path) +
                                  "; the signal-to-noise ratio is that of whole weights. Name a "
                                  "checkpoint that was scanned without --base");
  }
  check_names(record, "axolotl");
  std::vector<double> values;
  for (const LayerRow& layer : record.layers) values.push_back(layer.snr);
  return named_values(record, values, "a signal-to-noise ratio", false, file);
}

/// `name` as axolotl matches it: from the beginning, with literal dots.
std::string axolotl_name(const std::string& name, const std::vector<std::string>& names) {
  return escaped_but_dots(name) + (begins_another(name, names) ? "." : "");
}

bool always_trained(const LayerRow& layer) { return is_embedding_or_head(layer.role); }

/// `^NAME$` of a tensor and of the others that it is tied to.
void add_exact(std::string& text, const LayerRow& layer) {
  std::vector<std::string> names{layer.longname};
  if (!layer.aliases.empty()) {
    for (std::string& alias : split(layer.aliases, ',')) {
      names.push_back(alias.substr(std::min(alias.find_first_not_of(' '), alias.size())));
    }
  }
  for (const std::string& name : names) {
    text += "- " + yaml_text("^" + escaped_but_dots(name) + "$") + "\n";
  }
}

/// `"name": number` lines of a JSON object.
template <class Value>
std::string json_members(const std::vector<NamedValue>& named, const Value& value) {
  std::string text;
  for (const NamedValue& one : named) {
    text += (text.empty() ? "\n    " : ",\n    ") + json_quoted(escaped_but_dots(one.name)) + ": " +
            value(one);
  }
  return "{" + text + (text.empty() ? "}" : "\n  }");
}

}  // namespace

PipelineFile axolotl_json(const CheckpointRecord& record) {
  PipelineFile file;
  const std::vector<NamedValue> named = snr_of(record, file);
  const std::vector<std::string> names = names_of(named);
  std::string text;
  for (const NamedValue& one : named) {
    text += (text.empty() ? "{\n    " : ",\n    ") + json_quoted(axolotl_name(one.name, names)) +
            ": {\"snr\": " + json_value(one.value) +
            ", \"type\": " + json_quoted(type_of(one.name)) + "}";
  }
  file.text = text + "\n}\n";
  return file;
}

PipelineFile axolotl_yaml(const CheckpointRecord& record, double percent) {
  require(percent > 0 && percent <= 100, "axolotl_yaml needs a percentage above 0");
  PipelineFile file;
  const std::vector<NamedValue> named = snr_of(record, file);
  file.text = "# " + printable(record.provenance.checkpoint_id) + ": the " + shortest(percent) +
              " % of the layers of each type with the highest signal-to-noise ratio (Spectrum, "
              "arXiv 2406.06623), by wishart\nunfrozen_parameters:\n";
  for (const LayerRow& layer : record.layers) {
    if (is_whole_matrix(layer) && always_trained(layer)) add_exact(file.text, layer);
  }
  std::vector<std::string> types;  // in the order of the layers
  std::map<std::string, std::vector<NamedValue>> by_type;
  for (const NamedValue& one : named) {
    if (always_trained(*one.layer)) continue;
    std::vector<NamedValue>& of_type = by_type[type_of(one.name)];
    if (of_type.empty()) types.push_back(type_of(one.name));
    of_type.push_back(one);
  }
  std::size_t chosen = 0;
  for (const std::string& type : types) {
    std::vector<NamedValue>& layers = by_type[type];
    std::stable_sort(layers.begin(), layers.end(),
                     [](const NamedValue& a, const NamedValue& b) { return a.value > b.value; });
    const auto count = static_cast<std::size_t>(static_cast<double>(layers.size()) * percent / 100);
    if (count > 0) file.text += "# " + printable(type) + " layers\n";
    for (const NamedValue& one : std::span(layers).first(count)) {
      // The dot at the end keeps `mlp.gate` from meaning `mlp.gate_proj` too; weight and bias
      // match.
      const bool module = one.name != one.layer->longname;
      file.text += "- " + yaml_text("^" + escaped_but_dots(one.name) + (module ? "." : "$")) + "\n";
    }
    chosen += count;
  }
  if (chosen == 0) {
    throw Error(Blame::usage, "--top " + shortest(percent) +
                                  "%: less than one layer of every type, so nothing is chosen. "
                                  "Choose a larger share");
  }
  return file;
}

PipelineFile peft_json(const CheckpointRecord& record, std::span<const std::int64_t> ranks) {
  require(ranks.size() == record.layers.size(), "peft_json needs a rank for each layer");
  check_names(record, "PEFT");
  PipelineFile file;
  std::vector<double> values;
  for (const std::int64_t rank : ranks) {
    values.push_back(rank < 0 ? kNan : static_cast<double>(rank));
  }
  std::vector<NamedValue> named = named_values(record, values, "singular values", false, file);
  put_longer_first(named);
  std::vector<NamedValue> zero;
  const auto first_zero = std::stable_partition(
      named.begin(), named.end(), [](const NamedValue& one) { return one.value > 0; });
  zero.assign(first_zero, named.end());
  named.erase(first_zero, named.end());
  const auto rank = [](const NamedValue& one) {
    return std::to_string(static_cast<std::int64_t>(one.value));
  };
  const std::string pattern = json_members(named, rank);
  file.text = "{\n  \"rank_pattern\": " + pattern + ",\n  \"alpha_pattern\": " + pattern +
              ",\n  \"exclude_modules\": " + json_value(names_of(zero)) + "\n}\n";
  if (is_whole(record.provenance.analysis)) {
    file.notes.emplace_back(
        "the ranks are those of whole weights. For the ranks of what a training changed, scan it "
        "with --base");
  }
  return file;
}

PipelineFile mergekit_yaml(const CheckpointRecord& record, const analysis::LinearMap& map,
                           const std::string& parameter) {
  check_names(record, "mergekit");
  PipelineFile file;
  std::vector<NamedValue> named = named_values(record, analysis::mapped_values(record.layers, map),
                                               "a value of '" + map.column + "'", true, file);
  put_longer_first(named);
  long double sum = 0;
  for (const NamedValue& one : named) sum += one.value;
  file.text = "parameters:\n  " + yaml_text(parameter) + ":\n";
  for (const NamedValue& one : named) {
    file.text +=
        "  - filter: " + yaml_text(one.name) + "\n    value: " + yaml_number(one.value) + "\n";
  }
  file.text += "  - value: " +
               yaml_number(static_cast<double>(sum / static_cast<long double>(named.size()))) +
               "\n";
  return file;
}

PipelineFile mapped_table(const CheckpointRecord& record, const analysis::LinearMap& map,
                          TableFormat format) {
  PipelineFile file;
  const std::vector<double> values = analysis::mapped_values(record.layers, map);
  std::vector<MappedRow> rows;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string& key = record.layers[i].key;
    if (std::isfinite(values[i])) {
      rows.push_back({key, values[i]});
    } else {
      unknown.push_back(key);
    }
  }
  const std::string what = "a value of '" + map.column + "'";
  if (rows.empty()) {
    throw Error(Blame::usage,
                "no layer of " + printable(record.provenance.checkpoint_id) + " has " + what);
  }
  file.notes = left_out(unknown, "without " + what);
  file.text = rows_text(rows, format, {"map", record.provenance.checkpoint_id, ""});
  return file;
}

}  // namespace wishart::report
