#include "scan/archived/same_analysis.hpp"

#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/job/options.hpp"
#include "wishart/record/mode.hpp"

namespace wishart::job {
namespace {

// The options as written by result_options_json: one object whose last member is `layers`. Its
// strings cannot contain the texts below, because quotes in them are escaped.
constexpr std::string_view kLayers = ", \"layers\": ";
constexpr std::string_view kMoreLayers = ", \"more_layers\": ";

using Settings = std::map<std::string, std::string>;

Settings parsed(const std::string& options) {
  Settings settings;
  std::string_view rest = std::string_view(options).substr(0, options.find(kLayers));
  if (rest.starts_with("{\"")) rest.remove_prefix(2);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(", \""), rest.size());
    const std::string_view one = rest.substr(0, end);
    const std::size_t colon = std::min(one.find("\": "), one.size());
    settings.emplace(one.substr(0, colon), one.substr(std::min(colon + 3, one.size())));
    rest.remove_prefix(std::min(end + 3, rest.size()));
  }
  return settings;
}

/// The options that affect spectra. Options that an earlier version did not have get their
/// defaults.
Settings settings_of(const Provenance& provenance) {
  Settings settings = parsed(provenance.options);
  // `tolerance` affects metrics, not spectra, and has moved to the options of the fit.
  if (provenance.fit_version <= 1) settings.erase("tolerance");
  for (const char* key : {"base", "with_base"})
    settings.erase(key);  // the identity of the base counts instead
  for (const auto& one : parsed(ScanOptions{}.result_options_json())) settings.insert(one);
  return settings;
}

/// The settings of an archive, where those of a scan in compat mode ask for no other method. Gram
/// matrices and SVDs hold the same digits there, so that spectra by svd serve a scan with `auto`,
/// which earlier versions did not have, and `auto` and `gram` each other. A scan with `svd` takes
/// only its own.
Settings meeting(Settings there, const Settings& here) {
  const auto value = [](const Settings& settings, const char* key) {
    const auto found = settings.find(key);
    return found == settings.end() ? std::string() : found->second;
  };
  const std::string method = value(here, "method");
  const std::string weightwatcher = json_quoted(mode_name(Mode::weightwatcher));
  const bool compat = value(there, "mode") == weightwatcher && value(here, "mode") == weightwatcher;
  if (compat && (method == "\"auto\"" || method == "\"gram\"")) there["method"] = method;
  return there;
}

/// For each option that differs: `method "gram" in the archive, "qr" now`.
std::string settings_apart(const Provenance& there, const Provenance& here) {
  const Settings b = settings_of(here);
  const Settings a = meeting(settings_of(there), b);
  std::set<std::string> keys;
  for (const Settings* settings : {&a, &b}) {
    for (const auto& one : *settings) keys.insert(one.first);
  }
  const auto value = [](const Settings& settings, const std::string& key) {
    const auto found = settings.find(key);
    if (found != settings.end()) return found->second;
    return std::string(key == "products" ? "\"auto\"" : "none");  // stored only if it is not auto
  };
  std::string text;
  for (const std::string& key : keys) {
    if (value(a, key) == value(b, key)) continue;
    text += (text.empty() ? "" : "; ") + printable(key) + " " + printable(value(a, key)) +
            " in the archive, " + printable(value(b, key)) + " now";
  }
  return text;
}

std::string about(const Provenance& provenance) {
  return analysis_text(provenance.analysis, provenance.base_path);
}

/// The values of `layers` and `more_layers`: lists in brackets, as written.
std::pair<std::string, std::string> layer_lists(const std::string& options) {
  const std::size_t begin = options.find(kLayers);
  if (begin == std::string::npos) return {"[]", "[]"};
  std::string layers = options.substr(begin + kLayers.size());
  if (layers.ends_with('}')) layers.pop_back();
  std::string more = "[]";
  if (const std::size_t at = layers.find(kMoreLayers); at != std::string::npos) {
    more = layers.substr(at + kMoreLayers.size());
    layers.resize(at);
  }
  return {layers, more};
}

}  // namespace

bool same_settings(const Provenance& there, const Provenance& here) {
  const Settings wanted = settings_of(here);
  return meeting(settings_of(there), wanted) == wanted;
}

bool same_layers(const std::string& options_a, const std::string& options_b) {
  return layer_lists(options_a) == layer_lists(options_b);
}

std::string why_another(const Provenance& there, const Provenance& here) {
  const bool same_files = there.checkpoint_identity == here.checkpoint_identity;
  // The identity of the files also covers those of the base, by their full paths.
  const bool same_base = same_files || there.base_path == here.base_path;
  if (there.analysis != here.analysis || !same_base) {
    return about(there) + " in the archive, " + about(here) + " now";
  }
  if (std::string apart = settings_apart(there, here); !apart.empty()) return apart;
  if (same_files) return {};
  if (there.base_identity == here.base_identity) return "its files have changed since then";
  if (there.base_identity.empty()) return "its files or those of its base have changed since then";
  return "the files of its base have changed since then";
}

bool only_files_changed(const Provenance& there, const Provenance& here) {
  Provenance as_now = there;
  as_now.checkpoint_identity = here.checkpoint_identity;
  return there.checkpoint_identity != here.checkpoint_identity &&
         there.base_path == here.base_path && why_another(as_now, here).empty();
}

std::string with_layers_added(const std::string& there, const std::string& here, bool all) {
  const std::string settings = here.substr(0, here.find(kLayers)) + std::string(kLayers);
  if (all) return settings + "[]}";
  const auto [first, more] = layer_lists(there);
  const auto [added, none] = layer_lists(here);
  std::string lists = more.substr(0, more.size() - 1);  // without the bracket at the end
  const bool known = first == added || lists.find("[" + added) != std::string::npos ||
                     lists.find(", " + added) != std::string::npos;
  if (!known) lists += (lists == "[" ? "" : ", ") + added;
  if (lists == "[") return settings + first + "}";
  return settings + first + std::string(kMoreLayers) + lists + "]}";
}

bool is_another_checkpoint(const Provenance& there, const Provenance& here) {
  if (there.checkpoint_identity == here.checkpoint_identity) return false;
  if (there.checkpoint_path == here.checkpoint_path) return false;
  // Of a path that is no longer there, as much is resolved as there is.
  std::error_code code;
  const auto real = [&](const std::string& path) {
    const std::filesystem::path found = std::filesystem::weakly_canonical(path, code);
    return code ? std::filesystem::path(path) : found;
  };
  return real(there.checkpoint_path) != real(here.checkpoint_path);
}

}  // namespace wishart::job
