#include "wishart/core/error.hpp"

#include <exception>
#include <filesystem>
#include <new>
#include <system_error>

#include "wishart/core/text.hpp"

namespace wishart {

Blame blame_of(const std::exception& error) noexcept {
  if (const auto* own = dynamic_cast<const Error*>(&error)) return own->blame();
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) return Blame::resource;
  // A call of the system that the standard library made for us: a file's status, a new thread.
  if (dynamic_cast<const std::system_error*>(&error) != nullptr) return Blame::resource;
  return Blame::bug;
}

namespace {

std::string own_text(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return "out of memory. Use more nodes or fewer ranks per node";
  }
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    return printable(file->path1().string()) + ": cannot be examined: " + file->code().message();
  }
  return error.what();
}

}  // namespace

std::string describe(const std::exception& error) {
  std::string text = own_text(error);
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
