/// @file
/// Work in a child process: its result, and each way in which it may not come back.

#include <csignal>
#include <fstream>
#include <limits>
#include <new>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "commands/in_child.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::job;

namespace {

constexpr ChildLimits kLimits{std::int64_t{1} << 30U, 1};

std::string failure(const std::function<void()>& work) {
  return run_in_child(kLimits,
                      [&] {
                        work();
                        return std::vector<std::byte>{};
                      })
      .failure;
}

}  // namespace

TEST_CASE("a child hands over what it has found, however much", "[in_child]") {
  const std::vector<std::byte> much(3'000'000, std::byte{7});
  const ChildResult result = run_in_child(kLimits, [&] { return much; });
  CHECK(result.failure.empty());
  CHECK(result.bytes == much);
}

TEST_CASE("a child that does not come back is told about", "[in_child]") {
  CHECK(failure([] { (void)std::raise(SIGSEGV); }) == "was ended by SIGSEGV, a wrong address");
  CHECK(failure([] { std::abort(); }) == "was ended by SIGABRT, its own check");
  CHECK(failure([] { throw std::bad_alloc(); }) ==
        "needs more than 1.0 GiB of memory, the limit for a file of this size");
  CHECK(failure([] { throw std::runtime_error("x"); }) == "ended with code 91");
  CHECK(failure([] {
          volatile bool forever = true;
          while (forever) {
          }
        }) == "was ended after 1 seconds of processor time, the limit for a file of this size");
}

#ifndef WISHART_SANITIZED  // which needs more addresses than any limit leaves
TEST_CASE("a child gets no more memory than its limit", "[in_child][native]") {
  CHECK(failure([] {
          const std::vector<char> large(std::size_t{2} << 30U);
          const char* const volatile first = large.data();  // clang leaves out what nobody sees
          (void)first;
        }) == "needs more than 1.0 GiB of memory, the limit for a file of this size");
}
#endif

TEST_CASE("a child writes no files", "[in_child]") {
  const test::TempFolder folder;
  CHECK(failure([&] { std::ofstream(folder / "x") << "text" << std::flush; }).empty());
  CHECK(test::content_of(folder / "x").empty());
}
