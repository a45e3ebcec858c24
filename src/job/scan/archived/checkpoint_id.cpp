#include "scan/archived/checkpoint_id.hpp"

#include "wishart/archive/archive.hpp"
#include "wishart/checkpoint/catalogue.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::job {
namespace {

constexpr std::size_t kMaxIdBytes = 200;  ///< as archive::is_checkpoint_id
/// The most bytes of a base's name in an id, so that both names fit.
constexpr std::size_t kMaxBaseBytes = 90;

/// The part of the id for the variant and the base; empty without them.
std::string suffix_of(const SelectionArguments& selection) {
  std::string variant = selection.variant.empty() ? "" : "-" + selection.variant;
  const std::filesystem::path& base = selection.base.empty() ? selection.with_base : selection.base;
  if (base.empty()) return variant;
  const std::string name = plain_name(std::filesystem::absolute(base));
  return variant + (selection.base.empty() ? "-with-base-" : "-base-") +
         name.substr(0, kMaxBaseBytes);
}

}  // namespace

std::string plain_name(const std::filesystem::path& path) {
  std::string name = checkpoint::checkpoint_name(path);
  for (const char* ending : {".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".th"}) {
    if (name.ends_with(ending)) name.resize(name.size() - std::string_view(ending).size());
  }
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
                       c == '.' || c == '_' || c == '-' || c == '+' || c == '=';
    if (!plain) c = '_';
  }
  while (!name.empty() && name.front() == '.') name.erase(0, 1);
  return name.empty() ? "checkpoint" : name;
}

std::string checkpoint_id(const std::filesystem::path& path, const ScanOptions& options) {
  if (!options.id.empty()) return options.id;
  const std::string suffix = suffix_of(options.selection);
  std::string id = plain_name(path).substr(0, kMaxIdBytes - suffix.size()) + suffix;
  if (!archive::is_checkpoint_id(id)) {
    throw Error(Blame::usage, printable(path.string()) + ": its name gives it the id '" + id +
                                  "', which is reserved for the archive's own file. Scan it with "
                                  "another name: --id NAME");
  }
  return id;
}

}  // namespace wishart::job
