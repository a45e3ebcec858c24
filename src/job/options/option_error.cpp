#include "options/option_error.hpp"

#include <algorithm>
#include <map>

namespace wishart::job {
namespace {

using boost::program_options::error_with_option_name;

/// Gives access to what was found.
class Opened : public error_with_option_name {
public:
  static const std::map<std::string, std::string>& found(const error_with_option_name& error) {
    return error.*(&Opened::m_substitutions);
  }
};

/// The text with each `%name%` replaced by what was found, once.
std::string filled(const std::string& text, const std::map<std::string, std::string>& found) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '%' ? text.find('%', at + 1) : std::string::npos;
    const auto value =
        end == std::string::npos ? found.end() : found.find(text.substr(at + 1, end - at - 1));
    if (value == found.end()) {
      out += text[at++];
    } else {
      out += value->second;
      at = end + 1;
    }
  }
  return out;
}

}  // namespace

std::string text_of(const boost::program_options::error& error) {
  const auto* named = dynamic_cast<const error_with_option_name*>(&error);
  if (named == nullptr) return error.what();
  std::map<std::string, std::string> found = Opened::found(*named);
  const bool percent = std::any_of(found.begin(), found.end(), [](const auto& one) {
    return one.second.find('%') != std::string::npos;
  });
  if (!percent) return error.what();
  found.emplace("canonical_option", named->get_option_name());
  return filled(named->m_error_template, found);
}

}  // namespace wishart::job
