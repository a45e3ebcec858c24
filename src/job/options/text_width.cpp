#include "options/text_width.hpp"

#include <algorithm>

#include <sys/ioctl.h>
#include <unistd.h>

namespace wishart::job {

std::size_t text_width(bool to_file) noexcept {
  constexpr std::size_t kLeastWidth = 40;
  winsize size{};
  if (to_file || ::isatty(STDOUT_FILENO) != 1) return kTextWidth;
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kTextWidth;
  return std::max(kLeastWidth, static_cast<std::size_t>(size.ws_col));
}

}  // namespace wishart::job
