#include "wishart/core/error.hpp"

#include <exception>
#include <new>

namespace wishart {

Blame blame_of(const std::exception& error) noexcept {
  if (const auto* own = dynamic_cast<const Error*>(&error)) return own->blame();
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return Blame::resource;
  return Blame::bug;
}

std::string describe(const std::exception& error) {
  std::string text = dynamic_cast<const std::bad_alloc*>(&error) != nullptr
                         ? "out of memory. Use more nodes or fewer ranks per node"
                         : error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += "\n  because: " + describe(cause);
  } catch (...) {
    text += "\n  because of an exception of unknown type";
  }
  return text;
}

void require(bool condition, const char* text) {
  if (!condition) throw Error(Blame::bug, std::string(text) + ". This is a bug in wishart");
}

}  // namespace wishart
