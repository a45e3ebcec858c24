#pragma once

/// @file
/// HDF5's handles as objects that close themselves, and its errors as ours.

#include <string>
#include <string_view>
#include <utility>

#include <hdf5.h>

#include "wishart/archive/foreign_file.hpp"
#include "wishart/core/error.hpp"

namespace wishart::archive {

/// An HDF5 identifier that closes itself.
class Handle {
public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  Handle(hid_t id, Close closer) noexcept : id_(id), close_(closer) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept { swap(other); }
  Handle& operator=(Handle&& other) noexcept {
    Handle(std::move(other)).swap(*this);  // what this held is closed here, not with `other`
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  /// Closes now; false if that fails.
  [[nodiscard]] bool close() noexcept {
    const hid_t id = std::exchange(id_, -1);
    return id < 0 || close_(id) >= 0;
  }

private:
  void swap(Handle& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
  }

  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// Keeps HDF5 from printing its error stack, for as long as it lives, and from cleaning up when the
/// process ends: HDF5 1.10 loses memory on a damaged object header, and then ends every process
/// with the words `infinite loop closing library`. All that it could clean up is closed by then.
/// Every public function of the module that calls HDF5 begins with one.
class QuietHdf5 {
public:
  QuietHdf5() noexcept;
  ~QuietHdf5();
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;

private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
};

/// What a call is about, for the text of its failure: a file, or an object in a file.
class Place {
public:
  enum class Access { reading, writing };

  Place(Access access, std::string name) : access_(access), name_(std::move(name)) {}

  /// The object `path` in this file, e.g. `/layers`.
  [[nodiscard]] Place at(std::string_view path) const;

  /// Throws for a call of HDF5 that failed: names the place and HDF5's innermost message.
  /// Blame::input when reading (the file is damaged), Blame::resource when writing.
  [[noreturn]] void fail() const;
  /// Throws Error with Blame::input: this place is not as the schema wants it, `text` says how.
  [[noreturn]] void refuse(const std::string& text) const;

  /// Throws ForeignFile with Blame::input: this file is not one that this program reads.
  [[noreturn]] void disown(const std::string& text) const;

  /// `id` as a Handle, or `fail`.
  [[nodiscard]] Handle own(hid_t id, Handle::Close closer) const {
    if (id < 0) fail();
    return {id, closer};
  }
  /// `value`, or `fail` if it is negative.
  template <class T>
  T check(T value) const {
    if (value < 0) fail();
    return value;
  }

private:
  Access access_;
  std::string name_;
};

}  // namespace wishart::archive
