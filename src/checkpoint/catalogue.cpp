#include "wishart/checkpoint/catalogue.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <unordered_set>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/disk.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/step_name.hpp"

#include "bytes/paths.hpp"
#include "folder/side_files.hpp"
#include "folder/weights_folder.hpp"
#include "formats/common/not_read.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/formats.hpp"
#include "formats/lora/adapter.hpp"
#include "formats/lora/loose_factors.hpp"
#include "formats/safetensors/mlx_axes.hpp"
#include "formats/safetensors/weight_index.hpp"
#include "joined_weights.hpp"
#include "quantised/quantised.hpp"
#include "text/json_scanner.hpp"
#include "usual_names.hpp"
#include "with_base.hpp"

namespace wishart::checkpoint {
namespace {

namespace fs = std::filesystem;
using Metadata = std::vector<std::pair<std::string, std::string>>;

std::string quoted_list(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    text += (i == 0 ? "" : ", ") + in_quotes(names[i], 100);
  }
  return names.size() > kShown ? text + ", ..." : text;
}

/// What the files tell beside their tensors.
struct Gathered {
  Metadata names;
  ModelConfig config;
  std::int64_t step = -1;
  std::vector<UnreadTensor> unread;       ///< in files that are read
  std::vector<std::string> unread_files;  ///< of the same format, by their paths in the folder
};

/// Adds files and those of their tensors that are to be read.
void add_weights(Catalogue& catalogue, Gathered& gathered, Weights&& weights) {
  const auto shift = narrow<std::int32_t>(catalogue.files.size(), "the number of files");
  const auto append = [](auto& to, auto& from) {
    std::move(from.begin(), from.end(), std::back_inserter(to));
  };
  append(catalogue.files, weights.files);
  for (Tensor& tensor : weights.tensors) shift_files(tensor, shift);
  append(catalogue.tensors, weights.tensors);
  append(gathered.names, weights.names);
  append(catalogue.warnings, weights.warnings);
  append(catalogue.left_out, weights.left_out);
  gathered.step = std::max(gathered.step, weights.step);
  if (gathered.config.model_type.empty()) gathered.config = std::move(weights.config);
}

/// Keeps the tensors that the index places in this file; all of those must be there.
void keep_indexed(Weights& file, const std::vector<std::string>& wanted, const fs::path& path,
                  const std::string& index, Gathered& gathered,
                  std::vector<std::string>& warnings) {
  std::vector<std::string> present;
  for (const Tensor& tensor : file.tensors) present.push_back(tensor.name);
  std::vector<std::string> known = present;
  for (const auto& [name, kept] : file.names) known.push_back(name);
  std::sort(present.begin(), present.end());
  std::sort(known.begin(), known.end());
  std::vector<std::string> missing;
  std::set_difference(wanted.begin(), wanted.end(), known.begin(), known.end(),
                      std::back_inserter(missing));
  if (!missing.empty()) {
    throw Error(Blame::input, shown(path) + ": lacks " + plural(std::ssize(missing), "tensor") +
                                  " that " + index + " places there: " + quoted_list(missing));
  }
  std::vector<std::string> extra;
  std::set_difference(present.begin(), present.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(extra));
  if (extra.empty()) return;
  for (const std::string& name : extra) {
    gathered.unread.push_back({name, "in " + printable(path.filename().string()) + ", but " +
                                         index + " does not place it there"});
  }
  warnings.push_back(shown(path) + ": " + plural(std::ssize(extra), "tensor") + " not in " + index +
                     ", not read: " + quoted_list(extra));
  std::erase_if(file.tensors, [&](const Tensor& tensor) {
    return !std::binary_search(wanted.begin(), wanted.end(), tensor.name);
  });
}

void open_indexed(Catalogue& catalogue, Gathered& gathered, FolderContent& content) {
  const Format& format = format_named(content.format);
  WeightMap map = read_weight_index(catalogue.root / content.index);
  for (auto& [file, tensors] : map) {
    if (format.name_in_index == nullptr) break;
    for (std::string& name : tensors) name = format.name_in_index(std::move(name));
    std::sort(tensors.begin(), tensors.end());
  }
  std::vector<std::string> names;
  for (const auto& [name, tensors] : map) names.push_back(name);
  std::sort(names.begin(), names.end(), natural_less);
  // All of them first: a missing shard is found before the headers of the others are read.
  for (const std::string& name : names) {
    if (!is_there(catalogue.root / name)) {
      throw Error(Blame::input, shown(catalogue.root / name) + ": no such file, expected " +
                                    plural(std::ssize(map.at(name)), "tensor") + " there by " +
                                    content.index + ". Copy the folder again");
    }
  }
  for (const std::string& name : names) {
    const fs::path path = catalogue.root / name;
    Weights file = format.read_file(path);
    keep_indexed(file, map.at(name), path, content.index, gathered, catalogue.warnings);
    add_weights(catalogue, gathered, std::move(file));
  }
  std::erase_if(content.unused, [&](const std::string& name) { return map.contains(name); });
}

/// Sorts the tensors by name; a name must be there once.
void order_tensors(Catalogue& catalogue) {
  std::vector<Tensor>& tensors = catalogue.tensors;
  std::stable_sort(tensors.begin(), tensors.end(),
                   [](const Tensor& a, const Tensor& b) { return natural_less(a.name, b.name); });
  const auto twice =
      std::adjacent_find(tensors.begin(), tensors.end(),
                         [](const Tensor& a, const Tensor& b) { return a.name == b.name; });
  if (twice == tensors.end()) return;
  const auto file_name = [&](const Tensor& tensor) {
    return printable(catalogue.files[static_cast<std::size_t>(tensor.file)].name);
  };
  if (twice->file == std::next(twice)->file) {
    throw Error(Blame::input, shown(catalogue.root) + ": the name of tensor " +
                                  in_quotes(twice->name) + " occurs twice in " + file_name(*twice) +
                                  ", expected it once");
  }
  throw Error(Blame::input, shown(catalogue.root) + ": tensor " + in_quotes(twice->name) +
                                " is in " + file_name(*twice) + " and in " +
                                file_name(*std::next(twice)) +
                                ", expected it once. Name one of the files instead of the folder");
}

/// A metadata entry that maps a name that is no tensor to one that is: a tied weight.
void find_aliases(Catalogue& catalogue, Metadata& metadata) {
  std::unordered_set<std::string> names;
  for (const Tensor& tensor : catalogue.tensors) names.insert(tensor.name);
  for (auto& entry : metadata) {
    if (!names.contains(entry.second) || !names.insert(entry.first).second) continue;
    catalogue.aliases.push_back(std::move(entry));
  }
  std::sort(catalogue.aliases.begin(), catalogue.aliases.end(),
            [](const auto& a, const auto& b) { return natural_less(a.first, b.first); });
}

/// Takes the wanted one of a model's precisions, or says which one was taken.
void choose_variant(Catalogue& catalogue, FolderContent& content, const std::string& wanted) {
  const std::vector<Variant>& variants = content.variants;
  const auto list = [&] {
    std::string text;
    for (const Variant& variant : variants) text += (text.empty() ? "" : ", ") + variant.name;
    return text;
  };
  if (!wanted.empty()) {
    const auto found = std::find_if(variants.begin(), variants.end(),
                                    [&](const Variant& variant) { return variant.name == wanted; });
    if (found == variants.end()) {
      throw Error(Blame::usage,
                  "--variant " + printable(wanted) + ": " + shown(catalogue.root) +
                      (variants.empty() ? " has no variants. Leave it out" : " has " + list()));
    }
    content.weights = {found->file};
  } else if (variants.size() > 1) {
    catalogue.warnings.push_back(shown(catalogue.root) + ": has the precisions " + list() +
                                 ", reads " + printable(variants.front().file) +
                                 ". Another one: --variant NAME");
  }
}

/// Names the files of weights in a folder inside by their paths from the checkpoint's folder.
void place_inside(Weights& weights, const std::string& name) {
  const fs::path inside = fs::path(name).parent_path();
  if (inside.empty()) return;
  for (SourceFile& file : weights.files) file.name = (inside / file.name).string();
}

void open_folder(Catalogue& catalogue, Gathered& gathered, const fs::path& folder,
                 const std::string& variant) {
  auto [root, content] = weights_in(folder);
  catalogue.root = std::move(root);
  const auto refuse = [&](const std::string& what) {
    throw Error(Blame::input, shown(catalogue.root) + ": " + what);
  };
  if (is_archive(catalogue.root, content.weights)) {
    throw Error(Blame::input, shown(catalogue.root) + std::string(kIsArchive));
  }
  catalogue.format = content.format;
  choose_variant(catalogue, content, variant);
  switch (content.kind) {
    case FolderContent::Kind::nothing:
      refuse("expected a folder with files of weights, found none");
      break;
    case FolderContent::Kind::unsupported:
      refuse("expected files of weights, found " + content.found);
      break;
    case FolderContent::Kind::incomplete:
      refuse("is not complete: " + content.found);
      break;
    case FolderContent::Kind::several:
      refuse("expected one file of weights, or shards of one checkpoint, found " +
             quoted_list(content.weights) + ". Name one of them");
      break;
    case FolderContent::Kind::folder:
      add_weights(catalogue, gathered,
                  format_named(content.format).read_folder(catalogue.root, content.inside));
      break;
    case FolderContent::Kind::index:
      open_indexed(catalogue, gathered, content);
      break;
    case FolderContent::Kind::files:
      check_shards_complete(content.weights, catalogue.root);
      for (const std::string& name : content.weights) {
        Weights weights = format_named(content.format).read_file(catalogue.root / name);
        place_inside(weights, name);
        add_weights(catalogue, gathered, std::move(weights));
      }
      if (content.adapter) catalogue.format = kLora;
      break;
  }
  gathered.unread_files = content.unused;
  if (!content.unused.empty()) {
    catalogue.warnings.push_back(shown(catalogue.root) + ": " +
                                 plural(std::ssize(content.unused), "other file") +
                                 " not read: " + quoted_list(content.unused));
  }
}

void open_file(Catalogue& catalogue, Gathered& gathered, const fs::path& file) {
  const std::string name = file.filename().string();
  const std::vector<std::string> beside = list_folder(file.parent_path());
  std::string unsupported = not_read_file(name, beside);
  if (unsupported.empty()) unsupported = not_read_instead(beside, {name});
  if (!unsupported.empty()) {
    throw Error(Blame::input,
                shown(file.parent_path()) + ": expected files of weights, found " + unsupported);
  }
  const Format* format = format_of_file(name);
  if (format != nullptr && is_unfinished(file.parent_path(), {name})) {
    throw Error(Blame::input,
                shown(file.parent_path()) + ": is not complete: " + std::string(kUnfinished));
  }
  if (format == nullptr) {
    throw Error(Blame::input, shown(file) + ": expected a folder or a file named " +
                                  endings_text() + ", found another file");
  }
  catalogue.format = format->name;
  catalogue.root = file.parent_path();
  add_weights(catalogue, gathered, format->read_file(file));
  if (is_adapter(name)) catalogue.format = kLora;
}

}  // namespace

std::string Catalogue::identity() const {
  const std::vector<std::byte> bytes = packed(files);
  return hash_hex(std::span<const std::byte>(bytes));
}

namespace {

/// Parts of quantised weights in files that are not read, of which no other file has them.
void check_unread(Catalogue& catalogue, Gathered& gathered,
                  const std::unordered_set<std::string>& read, bool allow_unknown) {
  const bool made = std::any_of(catalogue.tensors.begin(), catalogue.tensors.end(), is_quantised);
  if (!made) return;
  const Format& format = format_named(catalogue.format);
  for (const std::string& name : gathered.unread_files) {
    if (format_of_file(name) != &format || format.read_file == nullptr) continue;
    try {
      for (const Tensor& tensor : format.read_file(catalogue.root / name).tensors) {
        gathered.unread.push_back({tensor.name, "in " + printable(name) + ", which is not read"});
      }
    } catch (const SystemFailure&) {
      throw;
    } catch (const Error&) {
      continue;  // of no use to anyone, and a warning has named it
    }
  }
  std::erase_if(gathered.unread,
                [&](const UnreadTensor& tensor) { return read.contains(tensor.name); });
  refuse_without_unread(catalogue, gathered.unread, allow_unknown);
}

/// Opens a checkpoint by itself.
Catalogue open_alone(const fs::path& path, const std::string& variant, bool allow_unknown) {
  const fs::path whole = absolute_path(path);
  std::error_code status;
  if (!fs::exists(whole, status)) {
    if (status) throw_unread(shown(whole) + ": cannot be reached", status.value());
    throw Error(Blame::input, shown(whole) + ": no such file or folder");
  }
  Catalogue catalogue;
  Gathered gathered;
  std::string name = checkpoint_name(whole);
  if (is_folder(whole)) {
    open_folder(catalogue, gathered, whole, variant);
  } else {
    if (!variant.empty()) {
      throw Error(Blame::usage, "--variant: " + shown(whole) + " is one file. Leave it out");
    }
    open_file(catalogue, gathered, whole);
    const std::string meta = meta_file(name);
    const bool has_meta = !meta.empty() && is_there(catalogue.root / meta);
    if (parse_step_name(name).step < 0 && !has_meta) name = catalogue.root.filename().string();
  }
  const Format& format = format_named(catalogue.format);
  if (format.combine != nullptr) format.combine(catalogue);
  if (catalogue.format == kLora) {
    catalogue.analysis = AnalysisKind::adapter;
    assemble_adapter(catalogue);
  } else {
    refuse_loose_factors(catalogue);
    std::unordered_set<std::string> read;
    if (!gathered.unread.empty() || !gathered.unread_files.empty()) {
      for (const Tensor& tensor : catalogue.tensors) read.insert(tensor.name);
    }
    assemble_quantised(catalogue, gathered.names, allow_unknown);
    check_unread(catalogue, gathered, read, allow_unknown);
  }
  const bool of_mlx = catalogue.format == "safetensors" && is_of_mlx(gathered.names);
  if (of_mlx) reorder_convolutions(catalogue);
  order_tensors(catalogue);
  find_aliases(catalogue, gathered.names);
  catalogue.config = read_model_config(catalogue.root, catalogue.warnings);
  if (catalogue.config.model_type.empty() && !gathered.config.model_type.empty()) {
    catalogue.config = std::move(gathered.config);
  }
  join_divided_weights(catalogue, of_mlx);
  use_usual_names(catalogue, of_mlx);
  order_tensors(catalogue);
  const std::string doubt = doubt_on_experts(catalogue.tensors, catalogue.config);
  if (!doubt.empty()) catalogue.warnings.push_back(shown(catalogue.root) + ": " + doubt);
  catalogue.training =
      read_training_state(is_folder(whole) ? whole : catalogue.root, name, catalogue.warnings);
  if (catalogue.training.step < 0) catalogue.training.step = gathered.step;
  return catalogue;
}

}  // namespace

Catalogue open_checkpoint(const fs::path& path) { return open_alone(path, {}, false); }

Catalogue open_checkpoint(const fs::path& path, const OpenOptions& options) {
  Catalogue catalogue = open_alone(path, options.variant, options.allow_unknown);
  if (!options.base.empty() && !options.with_base.empty()) {
    throw Error(Blame::usage, "--base and --with-base: expected one of them, found both");
  }
  const bool adapter = catalogue.format == kLora;
  if (!options.base.empty()) {
    if (adapter) {
      throw Error(Blame::usage, "--base: " + shown(catalogue.root) +
                                    " is an adapter, which is a difference already. Leave it out, "
                                    "or use --with-base");
    }
    Catalogue base = open_alone(options.base, {}, options.allow_unknown);
    catalogue.analysis = AnalysisKind::difference;
    catalogue.base_identity = base.identity();
    subtract_base(catalogue, std::move(base));
  } else if (!options.with_base.empty()) {
    if (!adapter) {
      throw Error(Blame::usage,
                  "--with-base: " + shown(catalogue.root) + " is no adapter. Use --base");
    }
    Catalogue base = open_alone(options.with_base, {}, options.allow_unknown);
    catalogue.analysis = AnalysisKind::adapter_on_base;
    catalogue.base_identity = base.identity();
    add_to_base(catalogue, std::move(base));
    order_tensors(catalogue);
  }
  return catalogue;
}

}  // namespace wishart::checkpoint
