#pragma once

/// @file
/// Variables of the environment for the length of a test.

#include <cstdlib>
#include <optional>
#include <string>

namespace wishart::test {

/// Sets a variable, or removes it with a null pointer, until the end of its life; then it is as
/// before.
class Variable {
public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    set(value);
  }
  ~Variable() { set(before_ ? before_->c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

private:
  void set(const char* value) const {
    if (value == nullptr) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, value, 1);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace wishart::test
