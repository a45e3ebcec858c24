#include "provenance.hpp"

#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/text.hpp"

#include "hdf5_type.hpp"
#include "stored_object.hpp"

namespace wishart::archive {
namespace {

constexpr const char* kMarkerName = "wishart";
constexpr const char* kVersionName = "schema_version";
constexpr const char* kAnalysisName = "analysis";

/// Calls `f(name, member)` for every attribute of the provenance.
template <class P, class F>
void visit_attributes(P& p, F&& f) {
  f("checkpoint_id", p.checkpoint_id), f("checkpoint_path", p.checkpoint_path);
  f("checkpoint_identity", p.checkpoint_identity), f("base_path", p.base_path);
  f("base_identity", p.base_identity), f("format", p.format);
  f("model_type", p.model_type), f("step", p.training.step), f("tokens", p.training.tokens);
  f("loss", p.training.loss), f("eval_loss", p.training.eval_loss);
  f("learning_rate", p.training.learning_rate), f("mode", p.mode), f("options", p.options);
  f("fit_options", p.fit_options), f("fit_version", p.fit_version);
  f("program_version", p.program_version), f("program_commit", p.program_commit);
  f("compiler", p.compiler), f("libraries", p.libraries), f("mpi_layout", p.mpi_layout);
  f("created", p.created), f("seconds", p.seconds), f("restarts", p.restarts);
  f("predicted_seconds", p.predicted_seconds), f("working_seconds", p.working_seconds);
  f("busy_share", p.busy_share), f("reseals", p.reseals), f("reseal_log", p.reseal_log);
}

/// @return the hash of the stored bytes
template <class T>
std::string write_attribute(const Place& file, hid_t root, const char* name, const T& value) {
  const Place place = file.at(std::string("attribute ") + name);
  constexpr bool is_text = std::is_same_v<T, std::string>;
  std::string text;
  if constexpr (is_text) {
    text = storable(value);
    if (text.size() > kMaxAttributeBytes) {
      place.refuse("a text of " + std::to_string(text.size()) + " bytes, expected at most " +
                   std::to_string(kMaxAttributeBytes));
    }
    if (text.empty()) text.push_back('\0');  // HDF5 cannot store a text of zero bytes
  }
  const Handle type = make_type(place, kind_of(value), text.size());
  const Handle space = place.own(H5Screate(H5S_SCALAR), H5Sclose);
  const Handle attribute = place.own(
      H5Acreate2(root, name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  std::span<const std::byte> bytes;
  if constexpr (is_text) {
    bytes = std::as_bytes(std::span(text));
  } else {
    bytes = std::as_bytes(std::span(&value, 1));
  }
  place.check(H5Awrite(attribute.get(), type.get(), bytes.data()));
  return hash_hex(bytes);
}

/// @return the hash of the stored bytes, or nothing if there is no such attribute
template <class T>
std::optional<std::string> read_attribute(const Place& file, hid_t root, const char* name,
                                          T& value) {
  const Place place = file.at(std::string("attribute ") + name);
  if (place.check(H5Aexists(root, name)) == 0) return std::nullopt;
  const Handle attribute = place.own(H5Aopen(root, name, H5P_DEFAULT), H5Aclose);
  const Handle stored = place.own(H5Aget_type(attribute.get()), H5Tclose);
  const Handle space = place.own(H5Aget_space(attribute.get()), H5Sclose);
  const Kind kind = kind_of(value);
  if (!is_of_kind(place, stored.get(), kind) || H5Sget_simple_extent_npoints(space.get()) != 1) {
    place.refuse(std::string("has the wrong type, expected one ") + kind_name(kind) + ", found " +
                 std::to_string(H5Sget_simple_extent_npoints(space.get())) + " times " +
                 type_text(stored.get()));
  }
  const std::size_t bytes = H5Tget_size(stored.get());
  if (bytes > kMaxAttributeBytes || H5Aget_storage_size(attribute.get()) != bytes) {
    place.refuse("declares a value of " + std::to_string(bytes) + " bytes and stores " +
                 std::to_string(H5Aget_storage_size(attribute.get())) + ", expected at most " +
                 std::to_string(kMaxAttributeBytes));
  }
  if constexpr (std::is_same_v<T, std::string>) {
    std::vector<char> text(H5Tget_size(stored.get()));
    const Handle type = make_type(place, kind, text.size(), H5Tget_cset(stored.get()));
    place.check(H5Aread(attribute.get(), type.get(), text.data()));
    value = unpadded(text.data(), text.size());
    return hash_hex(std::as_bytes(std::span(text)));
  } else {
    const Handle type = make_type(place, kind, sizeof(value));
    place.check(H5Aread(attribute.get(), type.get(), &value));
    return hash_hex(std::as_bytes(std::span(&value, 1)));
  }
}

void compare(ContentCheck& check, const char* name, const std::optional<std::string>& found) {
  if (found) {
    check.compare(attribute_name(name), *found);
  } else {
    check.miss(attribute_name(name));
  }
}

/// The most attributes that are listed beside those of the archive.
constexpr std::size_t kMostListed = 1000;

/// The text after `, "name": ` in an object as ScanOptions writes it; empty if there is none. No
/// JSON string can contain these bytes, because its quotes are escaped.
std::string option_text(const std::string& options, const std::string& name) {
  const std::string head = ", \"" + name + "\": \"";
  const std::size_t begin = options.find(head);
  if (begin == std::string::npos) return {};
  std::string text;
  for (std::size_t i = begin + head.size(); i < options.size() && options[i] != '"'; ++i) {
    if (options[i] == '\\' && i + 1 < options.size()) ++i;
    text += options[i];
  }
  return text;
}

/// Before version 3 only the options say what was analysed.
void take_analysis_of_options(Provenance& provenance) {
  const std::string base = option_text(provenance.options, "base");
  const std::string with_base = option_text(provenance.options, "with_base");
  if (!base.empty()) {
    provenance.analysis = AnalysisKind::difference;
  } else if (!with_base.empty()) {
    provenance.analysis = AnalysisKind::adapter_on_base;
  } else if (provenance.format == "lora") {
    provenance.analysis = AnalysisKind::adapter;
  }
  provenance.base_path = base.empty() ? with_base : base;
}

void read_analysis(const Place& file, hid_t root, Provenance& provenance, ContentCheck& check) {
  std::string name;
  const std::optional<std::string> found = read_attribute(file, root, kAnalysisName, name);
  compare(check, kAnalysisName, found);
  if (!found) {
    take_analysis_of_options(provenance);
    return;
  }
  const std::optional<AnalysisKind> kind = analysis_from_name(name);
  if (!kind) {
    file.at(std::string("attribute ") + kAnalysisName)
        .refuse("expected weights, difference, adapter or adapter-on-base, found '" +
                printable(name) + "'. The archive was changed: scan the checkpoint again");
  }
  provenance.analysis = *kind;
}

}  // namespace

void write_attributes(const Place& file, hid_t root, const Provenance& provenance,
                      ContentHashes& hashes) {
  write_kind(file, root, kCheckpointKind, hashes);
  const std::string analysis(analysis_name(provenance.analysis));
  hashes.add(attribute_name(kAnalysisName), write_attribute(file, root, kAnalysisName, analysis));
  visit_attributes(provenance, [&](const char* name, const auto& value) {
    hashes.add(attribute_name(name), write_attribute(file, root, name, value));
  });
}

void write_kind(const Place& file, hid_t root, const std::string& kind, ContentHashes& hashes) {
  hashes.add(attribute_name(kMarkerName), write_attribute(file, root, kMarkerName, kind));
  hashes.add(attribute_name(kVersionName),
             write_attribute(file, root, kVersionName, kSchemaVersion));
}

void write_hashes(const Place& file, hid_t root, const ContentHashes& hashes) {
  (void)write_attribute(file, root, kHashesName, hashes.text());
}

ContentCheck check_kind(const Place& file, hid_t root, const std::string& kind) {
  std::string marker;
  const std::optional<std::string> marker_hash = read_attribute(file, root, kMarkerName, marker);
  if (!marker_hash) {
    file.disown("is an HDF5 file, but not a wishart archive");
  }
  if (marker != kind) {
    file.disown("is a wishart file of kind '" + printable(marker) + "', expected '" + kind + "'");
  }
  std::int64_t version = 0;
  const std::optional<std::string> version_hash = read_attribute(file, root, kVersionName, version);
  if (!version_hash || version < 1) {
    file.refuse("has no schema version. The archive was changed: scan the checkpoint again");
  }
  if (version > kSchemaVersion) {
    file.disown("schema version " + std::to_string(version) + ", this program reads up to " +
                std::to_string(kSchemaVersion) + ". Use a newer wishart");
  }
  std::string hashes;
  (void)read_attribute(file, root, kHashesName, hashes);
  ContentCheck check(version, hashes);
  compare(check, kMarkerName, marker_hash);
  compare(check, kVersionName, version_hash);
  return check;
}

Provenance read_attributes(const Place& file, hid_t root, ContentCheck& check) {
  check = check_kind(file, root, kCheckpointKind);
  Provenance provenance;
  visit_attributes(provenance, [&](const char* name, auto& value) {
    compare(check, name, read_attribute(file, root, name, value));
  });
  read_analysis(file, root, provenance, check);
  return provenance;
}

Provenance read_attributes(const Place& file, hid_t root) {
  ContentCheck check;
  Provenance provenance = read_attributes(file, root, check);
  check.refuse_differences(file);
  return provenance;
}

std::vector<std::string> added_attributes(const Place& file, hid_t root,
                                          const ContentCheck& check) {
  std::vector<std::string> names;
  each_attribute(file, root, [&names](const char* name) {
    names.emplace_back(name);
    return names.size() < kMostListed;
  });
  std::erase_if(names, [&](const std::string& name) {
    return name == kHashesName || check.expects(attribute_name(name));
  });
  return names;
}

}  // namespace wishart::archive
