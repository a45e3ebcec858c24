#include "text/json_facts.hpp"

#include <charconv>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "text/json_scanner.hpp"
#include "text/name_budget.hpp"

namespace wishart::checkpoint {
namespace {

using Kind = JsonScanner::Kind;

/// Calls `take(path, value)` for every scalar below the next value; `value` is nothing for null,
/// {} and [].
template <class Take>
void walk(JsonScanner& scanner, NameBudget& names, const std::string& path, Take&& take) {
  switch (scanner.peek()) {
    case Kind::object: {
      bool any = false;
      scanner.read_object([&](const std::string& key) {
        any = true;
        walk(scanner, names, names.joined(path, key), take);
      });
      if (!any) take(path, std::nullopt);
      return;
    }
    case Kind::array: {
      std::size_t index = 0;
      scanner.read_array(
          [&] { walk(scanner, names, names.joined(path, std::to_string(index++)), take); });
      if (index == 0) take(path, std::nullopt);
      return;
    }
    case Kind::string:
      return take(path, scanner.read_string());
    case Kind::number:
      return take(path, std::string(scanner.read_number()));
    case Kind::boolean:
      return take(path, scanner.read_boolean() ? "true" : "false");
    case Kind::null:
      scanner.skip_value();
      return take(path, std::nullopt);
  }
}

}  // namespace

JsonFacts::JsonFacts(std::string_view text, const std::string& place, std::size_t max_facts) {
  JsonScanner scanner(text, place, JsonDialect::python);
  NameBudget names(place, std::ssize(text));
  walk(scanner, names, "", [&](const std::string& path, std::optional<std::string> value) {
    if (facts_.size() + without_.size() == max_facts) {
      throw TooMuchText(place + ": expected at most " + std::to_string(max_facts) +
                        " values, found more");
    }
    if (value) {
      add(path, std::move(*value));
    } else {
      without_.push_back(path);
    }
  });
  scanner.finish();
}

void JsonFacts::add(std::string path, std::string value) {
  index_.insert_or_assign(path, facts_.size());
  facts_.emplace_back(std::move(path), std::move(value));
}

std::optional<std::string> JsonFacts::text(const std::string& path) const {
  const auto found = index_.find(path);
  if (found == index_.end()) return std::nullopt;
  return facts_[found->second].second;
}

std::optional<std::int64_t> JsonFacts::integer(const std::string& path) const {
  const std::optional<std::string> value = text(path);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const char* last = value->data() + value->size();
  const auto [end, status] = std::from_chars(value->data(), last, number);
  if (status != std::errc{} || end != last) return std::nullopt;
  return number;
}

std::optional<double> JsonFacts::real(const std::string& path) const {
  const std::optional<std::string> value = text(path);
  if (!value) return std::nullopt;
  double number = 0;
  const char* last = value->data() + value->size();
  const auto [end, status] = std::from_chars(value->data(), last, number);
  if (status != std::errc{} || end != last) return std::nullopt;
  return number;
}

bool JsonFacts::is_true(const std::string& path) const { return text(path) == "true"; }

JsonFacts JsonFacts::below(const std::string& path) const {
  JsonFacts result;
  const std::string stem = path + ".";
  for (const auto& [name, value] : facts_) {
    if (name.starts_with(stem)) result.add(name.substr(stem.size()), value);
  }
  for (const std::string& name : without_) {
    if (name.starts_with(stem)) result.without_.push_back(name.substr(stem.size()));
  }
  return result;
}

JsonFacts read_json_facts(const std::filesystem::path& file, std::vector<std::string>& warnings) {
  if (!is_given(file)) return {};
  try {
    return {read_text_file(file, kMaxConfigBytes), printable(file.string())};
  } catch (const SystemFailure&) {
    throw;
  } catch (const TooMuchText&) {
    throw;
  } catch (const Error& error) {
    warnings.push_back(std::string(error.what()) + ". The file is ignored");
    return {};
  }
}

}  // namespace wishart::checkpoint
