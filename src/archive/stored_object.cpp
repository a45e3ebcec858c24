#include "stored_object.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

namespace wishart::archive {
namespace {

/// The filters of `create_dataset`. A dataset without some of them was rewritten by another
/// program.
constexpr std::array<H5Z_filter_t, 3> kFilters{H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE,
                                               H5Z_FILTER_FLETCHER32};

const char* link_name(H5L_type_t type) {
  switch (type) {
    case H5L_TYPE_SOFT:
      return "a soft link";
    case H5L_TYPE_EXTERNAL:
      return "a link to another file";
    case H5L_TYPE_HARD:
    case H5L_TYPE_ERROR:
    case H5L_TYPE_MAX:
      break;
  }
  return "a link of an unknown kind";
}

[[noreturn]] void refuse_link(const Place& place, const std::string& name, H5L_type_t type) {
  place.refuse("'" + printable(name) + "' is " + link_name(type) +
               ", expected an object of this file. It was not written by wishart");
}

/// A function that HDF5 calls. An exception must not pass through HDF5's frames, which would leave
/// open what they hold: it ends the iteration, and is thrown by `end`.
template <class Info>
class Visit {
public:
  using Function = std::function<bool(const char* name, const Info& info)>;

  explicit Visit(Function function) : function_(std::move(function)) {}

  static herr_t call(hid_t /*object*/, const char* name, const Info* info, void* self) noexcept {
    auto& visit = *static_cast<Visit*>(self);
    try {
      return visit.function_(name, *info) ? 0 : 1;
    } catch (...) {
      visit.thrown_ = std::current_exception();
      return 1;
    }
  }

  /// @param status  what the iteration returned
  void end(const Place& place, herr_t status) const {
    if (thrown_) std::rethrow_exception(thrown_);
    place.check(status);
  }

private:
  Function function_;
  std::exception_ptr thrown_;
};

}  // namespace

std::int64_t file_bytes(const Place& place, hid_t object) {
  const Handle file = place.own(H5Iget_file_id(object), H5Fclose);
  hsize_t size = 0;
  place.check(H5Fget_filesize(file.get(), &size));
  return narrow<std::int64_t>(size, "bytes of a file");
}

void check_links(const Place& place, hid_t location, const std::string& path) {
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (place.check(H5Lexists(location, part.c_str(), H5P_DEFAULT)) == 0) {
      place.refuse(
          "is missing. The archive was changed or is incomplete: scan the checkpoint again");
    }
    H5L_info_t info{};
    place.check(H5Lget_info(location, part.c_str(), &info, H5P_DEFAULT));
    if (info.type != H5L_TYPE_HARD) refuse_link(place, part, info.type);
  }
}

void each_link(const Place& place, hid_t group,
               const std::function<bool(const char* name, const H5L_info_t& info)>& visit) {
  Visit<H5L_info_t> visited(visit);
  hsize_t first = 0;
  visited.end(place, H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &first, Visit<H5L_info_t>::call,
                                &visited));
}

void each_attribute(const Place& place, hid_t object,
                    const std::function<bool(const char* name)>& visit) {
  Visit<H5A_info_t> visited([&visit](const char* name, const H5A_info_t&) { return visit(name); });
  hsize_t first = 0;
  visited.end(place, H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &first,
                                 Visit<H5A_info_t>::call, &visited));
}

Handle opened_group(const Place& place, hid_t location, const std::string& path) {
  check_links(place, location, path);
  return place.own(H5Gopen2(location, path.c_str(), H5P_DEFAULT), H5Gclose);
}

std::vector<std::string> names_in(const Place& place, hid_t group) {
  // A link takes more than one byte, so more links than bytes go in circles.
  const auto most = narrow<std::size_t>(file_bytes(place, group), "bytes of a file");
  std::vector<std::string> names;
  each_link(place, group, [&](const char* name, const H5L_info_t& info) {
    if (info.type != H5L_TYPE_HARD) refuse_link(place, name, info.type);
    if (names.size() >= most) {
      place.refuse("has more links than the file has bytes, which are " + std::to_string(most) +
                   ". The file is damaged");
    }
    names.emplace_back(name);
    return true;
  });
  return names;
}

void check_storage(const Place& place, hid_t creation) {
  const H5D_layout_t layout = H5Pget_layout(creation);
  if (layout == H5D_VIRTUAL) {
    place.refuse(
        "is a view of datasets that may be in other files, expected its own elements. It was not "
        "written by wishart");
  }
  if (layout != H5D_COMPACT && layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED) {
    place.refuse("is stored in a way that wishart does not know");
  }
  if (const int files = place.check(H5Pget_external_count(creation)); files > 0) {
    place.refuse("has its elements in " + std::to_string(files) +
                 " other files, expected them in this one. It was not written by wishart");
  }
  const int count = place.check(H5Pget_nfilters(creation));
  if (count > static_cast<int>(kFilters.size())) {
    place.refuse("has " + std::to_string(count) + " filters, expected at most " +
                 std::to_string(kFilters.size()) + ". It was not written by wishart");
  }
  for (int i = 0; i < count; ++i) {
    unsigned flags = 0;
    std::size_t values = 0;
    const H5Z_filter_t filter = place.check(H5Pget_filter2(
        creation, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, nullptr));
    if (std::find(kFilters.begin(), kFilters.end(), filter) == kFilters.end()) {
      place.refuse("has the filter " + std::to_string(filter) +
                   ", expected shuffle, deflate and Fletcher-32 only. It was not written by "
                   "wishart");
    }
  }
}

}  // namespace wishart::archive
