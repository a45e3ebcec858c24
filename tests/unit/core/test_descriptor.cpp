/// @file
/// Closing and flushing tell of a full disk, and take an interruption for none.

#include <cerrno>
#include <utility>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wishart/core/descriptor.hpp"

#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::test;

namespace {

/// What the functions below answer, which stand in for those of the C library.
struct Answers {
  int closing = 0;    ///< the errno of the next close, which closes all the same
  int flushing = 0;   ///< that of the next fsync
  int flushings = 0;  ///< how often fsync was called
};
Answers answers;

int failed(int& code) {
  errno = std::exchange(code, 0);
  return -1;
}

int opened(const TempFolder& temp) {
  return ::open((temp / "file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) != -1; }

}  // namespace

extern "C" int close(int descriptor) {
  const auto done = static_cast<int>(::syscall(SYS_close, descriptor));
  return answers.closing == 0 ? done : failed(answers.closing);
}

extern "C" int fsync(int descriptor) {
  ++answers.flushings;
  return answers.flushing == 0 ? static_cast<int>(::syscall(SYS_fsync, descriptor))
                               : failed(answers.flushing);
}

TEST_CASE("an interrupted close has closed the file, another failure is told", "[descriptor]") {
  const TempFolder temp;
  for (const int code : {0, EINTR, ENOSPC, EIO}) {
    CAPTURE(code);
    Descriptor descriptor(opened(temp));
    const int number = descriptor.get();
    REQUIRE(is_open(number));
    answers = {code, 0, 0};
    CHECK(close_fully(descriptor) == (code == EINTR ? 0 : code));
    CHECK(descriptor.get() == -1);
    CHECK_FALSE(is_open(number));
  }
}

TEST_CASE("an interrupted flush is repeated, another failure is told", "[descriptor]") {
  const TempFolder temp;
  const Descriptor descriptor(opened(temp));
  for (const int code : {0, EINTR, ENOSPC, EIO}) {
    CAPTURE(code);
    answers = {0, code, 0};
    CHECK(flush_fully(descriptor) == (code == EINTR ? 0 : code));
    CHECK(answers.flushings == (code == EINTR ? 2 : 1));
  }
}

TEST_CASE("a descriptor has one owner", "[descriptor]") {
  const TempFolder temp;
  Descriptor first(opened(temp));
  const int number = first.get();
  Descriptor second(std::move(first));
  CHECK(second.get() == number);
  first = Descriptor();  // has none to close
  CHECK(is_open(number));
  second = Descriptor();
  CHECK_FALSE(is_open(number));
  Descriptor third(opened(temp));
  const int given = third.release();
  third = Descriptor();
  CHECK(is_open(given));
  CHECK(::close(given) == 0);
}
