#include "formats/safetensors/weight_index.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// True if `name` joined to a folder names an entry of that folder, on any system.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name != "." && name.find('/') == std::string_view::npos &&
         name.find('\\') == std::string_view::npos && name.find("..") == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

}  // namespace

WeightMap read_weight_index(const std::filesystem::path& file) {
  const std::string place = printable(file.string());
  const std::string text = read_text_file(file, kMaxIndexBytes);
  JsonScanner scanner(text, place, JsonDialect::python);
  bool has_map = false;
  WeightMap map;
  std::vector<std::string> names;
  scanner.read_object([&](const std::string& key) {
    if (key != "weight_map") return scanner.skip_value();
    if (has_map) scanner.fail("one weight_map", "a second");
    has_map = true;
    scanner.read_object([&](std::string tensor) {
      scanner.set_tensor(tensor);
      const std::string target = scanner.read_string();
      if (!is_plain_name(target)) {
        scanner.fail("the plain name of a file in the same folder", in_quotes(target));
      }
      scanner.set_tensor({});
      names.push_back(tensor);
      map[target].push_back(std::move(tensor));
    });
  });
  scanner.finish();
  if (names.empty()) {
    throw Error(Blame::input, place + ": expected a weight_map with tensors, found " +
                                  (has_map ? "an empty one" : "none"));
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    throw Error(Blame::input, place + ": tensor " + in_quotes(*twice) + " appears twice");
  }
  for (auto& [target, tensors] : map) std::sort(tensors.begin(), tensors.end());
  return map;
}

}  // namespace wishart::checkpoint
