#pragma once

/// @file
/// The stored types. On a little-endian host they are also the types in memory.

#include <cstddef>
#include <cstdint>
#include <string>

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// What a column or an attribute holds.
enum class Kind : std::uint8_t {
  real,     ///< double, IEEE 754 binary64
  integer,  ///< std::int64_t
  boolean,  ///< bool, as h5py writes it: an 8-bit enumeration FALSE, TRUE
  text,     ///< UTF-8 of fixed length, padded with zeros
};

constexpr Kind kind_of(const double& /*value*/) noexcept { return Kind::real; }
constexpr Kind kind_of(const std::int64_t& /*value*/) noexcept { return Kind::integer; }
constexpr Kind kind_of(const bool& /*value*/) noexcept { return Kind::boolean; }
inline Kind kind_of(const std::string& /*value*/) noexcept { return Kind::text; }

/// The name of a kind, for messages.
[[nodiscard]] const char* kind_name(Kind kind) noexcept;

/// The HDF5 type of a value; `size_bytes` and `charset` are used for text only.
[[nodiscard]] Handle make_type(const Place& place, Kind kind, std::size_t size_bytes,
                               H5T_cset_t charset = H5T_CSET_UTF8);

/// True if a value of the stored `type` can be read as `kind`: a number of the machine of at most
/// 64 bits, for which HDF5 needs no rules from the file; the enumeration that is written; or a text
/// of fixed length, of at most `kMaxTextBytes`.
[[nodiscard]] bool is_of_kind(const Place& place, hid_t type, Kind kind);

/// The longest text. Longer ones are refused, because every row of a table reserves this space.
inline constexpr std::size_t kMaxTextBytes = std::size_t{1} << 20U;

/// What a stored type is, for messages: `an integer of 4 bytes`.
[[nodiscard]] std::string type_text(hid_t type);

/// `text` as it is stored: bytes that are not UTF-8 become `\xNN`, and so do zero bytes, because a
/// zero ends a stored text.
[[nodiscard]] std::string storable(const std::string& text);

/// A stored text without its padding.
[[nodiscard]] std::string unpadded(const char* text, std::size_t size_bytes);

}  // namespace wishart::archive
