#pragma once

/// @file
/// A disk that is full: writes beyond a limit fail with EFBIG, for this process.

#include <csignal>

#include <catch2/catch.hpp>
#include <sys/resource.h>

namespace wishart::test {

/// No file of this process can grow beyond `bytes` while it lives.
class FileSizeLimit {
public:
  explicit FileSizeLimit(::rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
    const ::rlimit limit{bytes, before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
  using Handler = void (*)(int);
  Handler handler_;
  ::rlimit before_{};
};

}  // namespace wishart::test
