#pragma once

/// @file
/// What a file says about its objects is looked at here before anything acts on it. A file may come
/// from a stranger: HDF5 would open the other files that it names, load plugins for its filters,
/// and allocate what it declares.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// The length of the file in which an object is. No count or size of bytes stored can be larger.
[[nodiscard]] std::int64_t file_bytes(const Place& place, hid_t object);

/// Checks that each link on the way to `path` is there and is a hard link, so that the object is in
/// this file. Soft links, external ones and those of users are not followed.
/// @param place  the object, for messages
/// @throws Error with Blame::input
void check_links(const Place& place, hid_t location, const std::string& path);

/// The group `path`, in this file.
/// @throws Error with Blame::input if it is missing or elsewhere
[[nodiscard]] Handle opened_group(const Place& place, hid_t location, const std::string& path);

/// Calls `visit` for each link of a group, in the order of their names, as long as it returns true.
/// It may throw: HDF5 is C code, so the exception is thrown here when HDF5 has returned.
void each_link(const Place& place, hid_t group,
               const std::function<bool(const char* name, const H5L_info_t& info)>& visit);

/// The same for the names of the attributes of an object.
void each_attribute(const Place& place, hid_t object,
                    const std::function<bool(const char* name)>& visit);

/// The names of the links of a group, all of them hard.
/// @throws Error with Blame::input
[[nodiscard]] std::vector<std::string> names_in(const Place& place, hid_t group);

/// Checks that the elements of a dataset are in this file, stored by no other filters than those
/// that wishart uses.
/// @param creation  its creation property list
/// @throws Error with Blame::input
void check_storage(const Place& place, hid_t creation);

}  // namespace wishart::archive
