#include "wishart/core/descriptor.hpp"

#include <cerrno>

#include "wishart/core/system_failure.hpp"

namespace wishart {

int close_fully(Descriptor& descriptor) noexcept {
  return ::close(descriptor.release()) == 0 || errno == EINTR ? 0 : errno;
}

int flush_fully(const Descriptor& descriptor) noexcept {
  return uninterrupted([&] { return ::fsync(descriptor.get()); }) == 0 ? 0 : errno;
}

}  // namespace wishart
