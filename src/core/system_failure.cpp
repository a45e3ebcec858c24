#include "wishart/core/system_failure.hpp"

#include <system_error>

#include "wishart/core/disk.hpp"

namespace wishart {
namespace {

/// True if the call says something about the name or the file, which is so the next time too.
bool is_about_file(int code) noexcept {
  return code == ENOENT || code == ENOTDIR || code == EISDIR || code == EACCES || code == EPERM ||
         code == ELOOP || code == ENAMETOOLONG || code == ENXIO || code == EINVAL;
}

/// @param status  of a status that may be an error
bool told(const std::filesystem::path& path, std::filesystem::file_status status,
          const std::error_code& code) {
  if (code && !is_about_file(code.value())) {
    throw_unread(shown(path) + ": cannot be examined", code.value());
  }
  return std::filesystem::exists(status);
}

}  // namespace

Blame blame_of_code(int code) noexcept {
  switch (code) {
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
    case EAGAIN:
    case EINTR:
    case ENOSPC:
    case EDQUOT:
    case EROFS:
      return Blame::resource;
    default:
      return Blame::input;
  }
}

void throw_unread(const std::string& text, int code) {
  const std::string whole = text + ": " + system_reason(code);
  if (is_about_file(code)) throw Error(blame_of_code(code), whole);
  throw SystemFailure(blame_of_code(code), whole);
}

bool is_there(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  return told(path, status, code);
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  return told(path, status, code) && std::filesystem::is_directory(status);
}

bool is_file(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::status(path, code);
  return told(path, status, code) && std::filesystem::is_regular_file(status);
}

bool is_taken(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status status = std::filesystem::symlink_status(path, code);
  return told(path, status, code);
}

bool is_dangling(const std::filesystem::path& path) {
  std::error_code code;
  const std::filesystem::file_status own = std::filesystem::symlink_status(path, code);
  return told(path, own, code) && std::filesystem::is_symlink(own) && !is_there(path);
}

bool is_given(const std::filesystem::path& path) {
  if (!is_dangling(path)) return is_taken(path);
  throw Error(Blame::input, shown(path) +
                                ": is a link that leads nowhere. Restore the file that it led to, "
                                "or remove the link");
}

}  // namespace wishart
