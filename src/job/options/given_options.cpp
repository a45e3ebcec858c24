#include "options/given_options.hpp"

#include <algorithm>
#include <filesystem>

#include "options/shell_word.hpp"

namespace wishart::job {
namespace {

template <class T>
const T* as(const po::variable_value& value) {
  return boost::any_cast<T>(&value.value());
}

/// The values as the command line has them; none for a switch.
std::vector<std::string> texts_of(const po::variable_value& value) {
  if (as<bool>(value) != nullptr) return {};
  if (const auto* text = as<std::string>(value)) return {*text};
  if (const auto* texts = as<std::vector<std::string>>(value)) return *texts;
  if (const auto* number = as<double>(value)) return {shortest(*number)};
  if (const auto* number = as<int>(value)) return {std::to_string(*number)};
  if (const auto* number = as<std::int64_t>(value)) return {std::to_string(*number)};
  if (const auto* number = as<std::uint64_t>(value)) return {std::to_string(*number)};
  throw Error(Blame::bug, "an option has a type that cannot be handed on");
}

}  // namespace

std::vector<GivenOption> given_options(const po::variables_map& values,
                                       const po::options_description& table,
                                       const std::vector<std::string>& except) {
  std::vector<GivenOption> given;
  for (const auto& option : table.options()) {
    const std::string& name = option->long_name();
    const auto value = values.find(name);
    if (value == values.end() || value->second.defaulted()) continue;
    if (std::find(except.begin(), except.end(), name) != except.end()) continue;
    const bool* is_on = as<bool>(value->second);
    if (is_on != nullptr && !*is_on) continue;
    const bool is_path = option->semantic()->name().starts_with("PATH");
    given.push_back({name, texts_of(value->second), is_path});
  }
  return given;
}

std::string given_words(const std::vector<GivenOption>& options, bool absolute) {
  std::string words;
  for (const GivenOption& option : options) {
    if (option.values.empty()) words += " --" + option.name;
    for (const std::string& value : option.values) {
      const std::string text =
          option.is_path && absolute ? std::filesystem::absolute(value).string() : value;
      // A value that begins with a dash would be taken for an option.
      words += " --" + option.name + (text.starts_with('-') ? "=" : " ") + shell_argument(text);
    }
  }
  return words;
}

}  // namespace wishart::job
