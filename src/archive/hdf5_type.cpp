#include "hdf5_type.hpp"

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <limits>
#include <string_view>

#include "wishart/core/text.hpp"

namespace wishart::archive {

static_assert(std::endian::native == std::endian::little && sizeof(bool) == 1 &&
                  std::numeric_limits<double>::is_iec559,
              "the stored types are used for memory too");

const char* kind_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::real:
      return "floating-point number";
    case Kind::integer:
      return "integer";
    case Kind::boolean:
      return "FALSE/TRUE enumeration";
    case Kind::text:
      return "text of fixed length";
  }
  return "value";
}

Handle make_type(const Place& place, Kind kind, std::size_t size_bytes, H5T_cset_t charset) {
  if (kind == Kind::real) return place.own(H5Tcopy(H5T_IEEE_F64LE), H5Tclose);
  if (kind == Kind::integer) return place.own(H5Tcopy(H5T_STD_I64LE), H5Tclose);
  if (kind == Kind::boolean) {
    Handle type = place.own(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
    const std::int8_t no = 0;
    const std::int8_t yes = 1;
    place.check(H5Tenum_insert(type.get(), "FALSE", &no));
    place.check(H5Tenum_insert(type.get(), "TRUE", &yes));
    return type;
  }
  Handle type = place.own(H5Tcopy(H5T_C_S1), H5Tclose);
  place.check(H5Tset_size(type.get(), size_bytes));
  place.check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD));
  place.check(H5Tset_cset(type.get(), charset));
  return type;
}

bool is_of_kind(const Place& place, hid_t type, Kind kind) {
  const auto is_one_of = [&](std::initializer_list<hid_t> types) {
    return std::any_of(types.begin(), types.end(),
                       [&](hid_t one) { return H5Tequal(type, one) > 0; });
  };
  switch (kind) {
    case Kind::real:
      return is_one_of({H5T_IEEE_F64LE, H5T_IEEE_F32LE});
    case Kind::integer:
      return is_one_of({H5T_STD_I64LE, H5T_STD_I32LE, H5T_STD_I16LE, H5T_STD_I8LE});
    case Kind::boolean:
      return is_one_of({make_type(place, kind, 0).get()});
    case Kind::text:
      return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
             H5Tget_size(type) <= kMaxTextBytes;
  }
  return false;
}

std::string type_text(hid_t type) {
  const std::string size = " of " + std::to_string(H5Tget_size(type)) + " bytes";
  switch (H5Tget_class(type)) {
    case H5T_INTEGER:
      return "an integer" + size;
    case H5T_FLOAT:
      return "a floating-point number" + size;
    case H5T_STRING:
      return H5Tis_variable_str(type) > 0 ? "a text of variable length" : "a text" + size;
    case H5T_ENUM:
      return "an enumeration" + size;
    case H5T_COMPOUND:
      return "a row of " + std::to_string(H5Tget_nmembers(type)) + " columns";
    case H5T_TIME:
    case H5T_BITFIELD:
    case H5T_OPAQUE:
    case H5T_REFERENCE:
    case H5T_VLEN:
    case H5T_ARRAY:
    case H5T_NO_CLASS:
    case H5T_NCLASSES:
      break;
  }
  return "something else" + size;
}

std::string storable(const std::string& text) {
  if (is_utf8(text) && text.find('\0') == std::string::npos) return text;
  return printable(text, std::numeric_limits<std::size_t>::max());
}

std::string unpadded(const char* text, std::size_t size_bytes) {
  const std::string_view whole(text, size_bytes);
  return std::string(whole.substr(0, whole.find('\0')));
}

}  // namespace wishart::archive
