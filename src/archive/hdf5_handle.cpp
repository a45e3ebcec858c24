#include "hdf5_handle.hpp"

#include <cerrno>
#include <cstddef>
#include <new>
#include <string>

#include "wishart/core/disk.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/whole_number.hpp"

namespace wishart::archive {
namespace {

/// Twice what HDF5 takes to open a file.
constexpr std::size_t kOpeningBytes = std::size_t{1} << 20U;

/// HDF5's innermost message, and whose failure it tells of.
struct Reason {
  std::string text;
  int system = 0;  ///< the errno of a call of the system; 0: HDF5's own
};

/// Takes the first entry of the error stack and stops there. No exception may pass through HDF5.
herr_t take_first(unsigned /*n*/, const H5E_error2_t* entry, void* out) noexcept {
  auto& reason = *static_cast<Reason*>(out);
  try {
    if (entry->desc != nullptr) reason.text = entry->desc;
  } catch (const std::bad_alloc&) {
    reason.system = ENOMEM;
  }
  if (entry->min_num == H5E_NOSPACE || entry->min_num == H5E_CANTALLOC) reason.system = ENOMEM;
  // HDF5 1.10.8 does not keep the errno of an lstat.
  if (entry->maj_num == H5E_FILE && entry->min_num == H5E_CANTGET) reason.system = EIO;
  return 1;
}

/// What stands behind `mark` in `text`, up to `end`; empty if it does not occur.
std::string behind(const std::string& text, std::string_view mark, char end) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + mark.size();
  return text.substr(begin, text.find(end, begin) - begin);
}

/// HDF5's innermost message. Messages of its file driver contain times and addresses, which would
/// make every message different; only the text of the system error is kept of these.
Reason innermost_reason() {
  Reason reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
  if (const std::string text = behind(reason.text, "error message = '", '\''); !text.empty()) {
    reason.system =
        static_cast<int>(whole_number(behind(reason.text, "errno = ", ',')).value_or(0));
    reason.text = text;
  }
  reason.text = reason.text.empty() ? "HDF5 gives no reason" : printable(reason.text);
  return reason;
}

}  // namespace

QuietHdf5::QuietHdf5() noexcept {
  H5dont_atexit();  // works only before the first other call; later calls have no effect
  H5Eget_auto2(H5E_DEFAULT, &function_, &data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  known_ = H5PLget_loading_state(&plugins_) >= 0;
  H5PLset_loading_state(0);
}

QuietHdf5::~QuietHdf5() {
  if (known_) H5PLset_loading_state(plugins_);
  H5Eset_auto2(H5E_DEFAULT, function_, data_);
}

Place Place::at(std::string_view path) const {
  Place inside(access_, name_ + ": " + printable(path));
  inside.packed_ = packed_;
  return inside;
}

Place Place::at_member(std::string_view path) const {
  Place member = at(path);
  member.packed_ = true;
  return member;
}

const char* Place::way_back() const noexcept {
  return packed_ ? "unpack the others (wishart merge FILE --unpack DIR) and scan this one again"
                 : "delete it and scan the checkpoint again";
}

void Place::fail() const {
  const auto [reason, code] = innermost_reason();
  if (access_ == Access::writing) {
    throw Error(Blame::resource, name_ + ": cannot be written: " + reason +
                                     ". What stood there before is unchanged");
  }
  if (code != 0) {
    throw SystemFailure(blame_of_code(code), name_ + ": cannot be read: " + reason);
  }
  throw Error(Blame::input, name_ + ": cannot be read: " + reason +
                                ". The file is damaged: restore it, or " + way_back());
}

void Place::check_memory() const {
  // HDF5's own allocation, which no compiler leaves out.
  void* memory = H5allocate_memory(kOpeningBytes, false);
  if (memory != nullptr) {
    H5free_memory(memory);
    return;
  }
  if (access_ == Access::writing) {
    throw Error(Blame::resource, name_ + ": cannot be written: " + system_reason(ENOMEM) +
                                     ". What stood there before is unchanged");
  }
  throw SystemFailure(Blame::resource, name_ + ": cannot be read: " + system_reason(ENOMEM));
}

void Place::refuse(const std::string& text) const {
  throw Error(Blame::input, name_ + ": " + text);
}

void Place::disown(const std::string& text) const {
  throw ForeignFile(Blame::input, name_ + ": " + text);
}

}  // namespace wishart::archive
