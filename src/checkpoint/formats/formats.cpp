#include "formats/formats.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"

#include "bytes/paths.hpp"
#include "formats/common/not_read.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/deepspeed/zero.hpp"
#include "formats/distributed/distributed.hpp"
#include "formats/gguf/gguf_file.hpp"
#include "formats/hdf5/keras_file.hpp"
#include "formats/lora/adapter.hpp"
#include "formats/lora/adapter_config.hpp"
#include "formats/megatron/megatron.hpp"
#include "formats/msgpack/flax_file.hpp"
#include "formats/numpy/numpy_file.hpp"
#include "formats/onnx/onnx_file.hpp"
#include "formats/safetensors/safetensors_header.hpp"
#include "formats/torch/torch_file.hpp"

namespace wishart::checkpoint {

std::span<const Format* const> formats() {
  // Safetensors first: many folders hold the same weights a second time in an older format.
  static const std::array kFormats{
      &safetensors_format(), &lora_format(),  &distributed_format(), &megatron_format(),
      &deepspeed_format(),   &torch_format(), &gguf_format(),        &keras_format(),
      &flax_format(),        &numpy_format(), &onnx_format(),
  };
  return kFormats;
}

const Format& format_named(std::string_view name) {
  for (const Format* format : formats()) {
    if (format->name == name) return *format;
  }
  throw Error(Blame::bug, "no format is called " + printable(name));
}

const Format* format_of_file(std::string_view name) {
  for (const Format* format : formats()) {
    for (const std::string_view ending : format->endings) {
      if (name.ends_with(ending)) return format;
    }
  }
  return nullptr;
}

bool is_archive(const std::filesystem::path& folder, const std::vector<std::string>& weights) {
  return !weights.empty() &&
         std::all_of(weights.begin(), weights.end(), [&](const std::string& name) {
           return name.ends_with(".h5") && is_wishart_archive(folder / name);
         });
}

std::string endings_text() {
  std::vector<std::string> endings;
  for (const Format* format : formats()) {
    for (const std::string_view ending : format->endings)
      endings.push_back("*" + std::string(ending));
  }
  std::string text = endings.front();
  for (std::size_t i = 1; i < endings.size(); ++i) {
    text += (i + 1 == endings.size() ? " or " : ", ") + endings[i];
  }
  return text;
}

namespace {

/// An adapter beside safetensors files that are no model: the value head that LLaMA-Factory and
/// ms-swift save (value_head.safetensors), vectors of speakers. They are not read.
std::optional<FolderContent> adapter_beside_parts(const std::vector<std::string>& names) {
  const auto is_model = [](const std::string& name) {
    return name == "model.safetensors" || name == "model.safetensors.index.json" ||
           (name.starts_with("model-") && name.ends_with(".safetensors"));
  };
  if (!has_name(names, kAdapterConfig) || std::any_of(names.begin(), names.end(), is_model)) {
    return std::nullopt;
  }
  FolderContent content = lora_format().classify(names);
  if (content.kind == FolderContent::Kind::nothing) return std::nullopt;
  FolderContent others = classify_files(safetensors_format(), names);
  content.unused = std::move(others.weights);
  std::move(others.unused.begin(), others.unused.end(), std::back_inserter(content.unused));
  std::erase(content.unused, content.weights.front());
  if (content.unused.empty()) return std::nullopt;  // as any other adapter
  return content;
}

}  // namespace

FolderContent classify_folder(std::vector<std::string> names) {
  std::sort(names.begin(), names.end(), natural_less);
  FolderContent content;
  if (std::optional<FolderContent> adapter = adapter_beside_parts(names)) return *adapter;
  for (const Format* format : formats()) {
    content =
        format->classify != nullptr ? format->classify(names) : classify_files(*format, names);
    if (content.kind == FolderContent::Kind::nothing) continue;
    if (content.format.empty()) content.format = format->name;
    for (const std::string& name : names) {
      if (!content.adapter && is_adapter(name) && format_of_file(name) == format) {
        content.unused.push_back(name);
      }
    }
    if (content.kind == FolderContent::Kind::incomplete) return content;
    std::string other = content.kind == FolderContent::Kind::index
                            ? pieces_beside_index(names, content.unused)
                            : not_read_instead(names, content.weights);
    if (other.empty()) return content;
    content = {};
    content.kind = FolderContent::Kind::unsupported;
    content.found = std::move(other);
    return content;
  }
  content = {};
  content.found = not_read_among(names);
  if (!content.found.empty()) content.kind = FolderContent::Kind::unsupported;
  return content;
}

namespace {

/// What the folder `inside` holds of this format, with paths from `folder`.
FolderContent content_inside(const Format& format, const std::filesystem::path& folder,
                             const std::string& inside) {
  std::vector<std::string> names = list_folder(folder / inside);
  std::sort(names.begin(), names.end(), natural_less);
  FolderContent content =
      format.classify != nullptr ? format.classify(names) : classify_files(format, names);
  const auto place = [&](std::string& name) { name.insert(0, inside + "/"); };
  if (!content.index.empty()) place(content.index);
  for (std::string& name : content.weights) place(name);
  for (std::string& name : content.unused) place(name);
  for (Variant& variant : content.variants) place(variant.file);
  return content;
}

}  // namespace

FolderContent content_of_folder(const std::filesystem::path& folder) {
  const std::vector<std::string> names = list_folder(folder);
  FolderContent content = classify_folder(names);
  if (is_unfinished(folder, content.weights)) {
    content = {};
    content.kind = FolderContent::Kind::incomplete;
    content.found = kUnfinished;
    return content;
  }
  if (content.is_readable()) return content;
  for (const Format* format : formats()) {
    if (format->find_inside == nullptr) continue;
    std::string inside = format->find_inside(folder, names);
    if (inside.empty()) continue;
    if (format->read_folder == nullptr) {  // a folder of files, each read by itself
      FolderContent files = content_inside(*format, folder, inside);
      const bool any = files.kind != FolderContent::Kind::nothing;
      if (any && content.kind == FolderContent::Kind::nothing) content = std::move(files);
      continue;
    }
    content = {};
    content.kind = FolderContent::Kind::folder;
    content.format = format->name;
    content.inside = std::move(inside);
  }
  return content;
}

}  // namespace wishart::checkpoint
