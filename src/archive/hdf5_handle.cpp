#include "hdf5_handle.hpp"

#include "wishart/core/text.hpp"

namespace wishart::archive {
namespace {

/// Takes the description of the first entry of the error stack and stops there.
herr_t take_first(unsigned /*n*/, const H5E_error2_t* entry, void* out) {
  if (entry->desc != nullptr) *static_cast<std::string*>(out) = entry->desc;
  return 1;
}

/// HDF5's innermost message. Messages of its file driver contain times and addresses, which would
/// make every message different; only the text of the system error is kept of these.
std::string innermost_message() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &text);
  static constexpr std::string_view mark = "error message = '";
  if (const std::size_t at = text.find(mark); at != std::string::npos) {
    const std::size_t begin = at + mark.size();
    text = text.substr(begin, text.find('\'', begin) - begin);
  }
  return text.empty() ? "HDF5 gives no reason" : printable(text);
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

Place Place::at(std::string_view path) const { return {access_, name_ + ": " + printable(path)}; }

void Place::fail() const {
  const std::string reason = innermost_message();
  if (access_ == Access::writing) {
    throw Error(Blame::resource, name_ + ": cannot be written: " + reason +
                                     ". What stood there before is unchanged");
  }
  throw Error(Blame::input, name_ + ": cannot be read: " + reason +
                                ". The file is damaged: restore it, or delete it and scan the "
                                "checkpoint again");
}

void Place::refuse(const std::string& text) const {
  throw Error(Blame::input, name_ + ": " + text);
}

void Place::disown(const std::string& text) const {
  throw ForeignFile(Blame::input, name_ + ": " + text);
}

}  // namespace wishart::archive
