#pragma once

/// @file
/// HDF5 handles as objects that close themselves, and HDF5 errors as Error.

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
    Handle(std::move(other)).swap(*this);  // closes the old handle now, not when `other` ends
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  /// Closes the handle now. Returns false if that fails.
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

/// Keeps HDF5 from printing its error stack and from loading plugins, which a file could ask for,
/// during its lifetime, and from cleaning up when the process ends. HDF5 1.10 leaks an object after
/// reading a damaged object header, and then prints `infinite loop closing library` at exit. By
/// then everything is closed, so no clean-up is needed. Every public function of the module that
/// calls HDF5 begins with one.
class QuietHdf5 {
public:
  QuietHdf5() noexcept;
  ~QuietHdf5();
  QuietHdf5(const QuietHdf5&) = delete;
  QuietHdf5& operator=(const QuietHdf5&) = delete;

private:
  H5E_auto2_t function_ = nullptr;
  void* data_ = nullptr;
  unsigned plugins_ = 0;
  bool known_ = false;  ///< what plugins were loaded before
};

/// The file, or the object in a file, that a call works on. Error messages name it.
class Place {
public:
  enum class Access { reading, writing };

  Place(Access access, std::string name) : access_(access), name_(std::move(name)) {}

  /// The object `path` in this file, e.g. `/layers`.
  [[nodiscard]] Place at(std::string_view path) const;
  /// The same, for a checkpoint of a packed archive, which others share the file with.
  [[nodiscard]] Place at_member(std::string_view path) const;
  /// How to get back a checkpoint that is not as it was written, other than restoring the file:
  /// `delete it and scan the checkpoint again`.
  [[nodiscard]] const char* way_back() const noexcept;

  /// Throws an Error for a failed HDF5 call, with the place and HDF5's innermost message. The blame
  /// is Blame::input when reading (the file is damaged), Blame::resource when writing.
  [[noreturn]] void fail() const;
  /// Throws Error with Blame::input: this place does not follow the schema; `text` says how.
  [[noreturn]] void refuse(const std::string& text) const;

  /// Throws ForeignFile with Blame::input: this program does not read such files.
  [[noreturn]] void disown(const std::string& text) const;

  /// Throws if the memory is not there that HDF5 takes to open a file: HDF5 1.10.8 crashes if it
  /// cannot allocate its cache of metadata (`H5AC_create`), half a mebibyte.
  /// @throws Error with Blame::resource; when reading, a SystemFailure
  void check_memory() const;

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
  bool packed_ = false;
};

}  // namespace wishart::archive
