#include "wishart/core/environment.hpp"

#include <array>
#include <cstdlib>

#include <unistd.h>

namespace wishart {

std::optional<std::string> environment_variable(const char* name) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

std::int64_t environment_number(const char* name) {
  const std::optional<std::string> text = environment_variable(name);
  return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}

std::optional<std::string> host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return std::nullopt;
  return name.data();
}

}  // namespace wishart
