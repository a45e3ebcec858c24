#pragma once

/// @file
/// The root attributes: what kind of file this is, its schema version, and the provenance.

#include "wishart/record/checkpoint_record.hpp"

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// The longest text of an attribute. HDF5 keeps up to 64 KiB in the object header, under its
/// checksum; what is longer would lie outside of it, unprotected.
inline constexpr std::size_t kMaxAttributeBytes = 60'000;

/// Writes the marker, the schema version and all of `provenance` to the root of a file.
/// @throws Error with Blame::input if a text is longer than kMaxAttributeBytes
void write_attributes(const Place& file, hid_t root, const Provenance& provenance);

/// Checks the marker and the schema version, and reads the provenance. Attributes that the file
/// does not have keep their defaults.
/// @throws Error with Blame::input if it is not an archive or of a newer schema
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root);

}  // namespace wishart::archive
