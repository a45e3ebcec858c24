#pragma once

/// @file
/// Owned file descriptors.

#include <utility>

#include <unistd.h>

namespace wishart {

/// A file descriptor that closes itself.
class Descriptor {
public:
  explicit Descriptor(int descriptor = -1) noexcept : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(Descriptor&& other) noexcept : descriptor_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  /// -1 if there is none.
  [[nodiscard]] int get() const noexcept { return descriptor_; }
  /// The descriptor, which the caller closes.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }

private:
  int descriptor_;
};

/// Closes a file that was written. Returns 0 or an errno: file servers may tell only here that the
/// disk is full. Interrupted, the file is closed all the same, and what was to be told is lost.
[[nodiscard]] int close_fully(Descriptor& descriptor) noexcept;

/// Forces what was written to disk. Returns 0 or an errno.
[[nodiscard]] int flush_fully(const Descriptor& descriptor) noexcept;

}  // namespace wishart
