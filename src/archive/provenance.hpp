#pragma once

/// @file
/// The root attributes: what kind of file this is, its schema version, and the provenance.

#include <string>

#include "wishart/record/checkpoint_record.hpp"

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// The longest text of an attribute. HDF5 keeps up to 64 KiB in the object header, under its
/// checksum; what is longer would lie outside of it, unprotected.
inline constexpr std::size_t kMaxAttributeBytes = 60'000;

/// Writes the marker, the schema version and all of `provenance` to the root of a file.
/// @throws Error with Blame::input if a text is longer than kMaxAttributeBytes
void write_attributes(const Place& file, hid_t root, const Provenance& provenance);

/// What a file of wishart is: its root attribute `wishart`.
inline constexpr const char* kCheckpointKind = "checkpoint";
inline constexpr const char* kIndexKind = "index";
inline constexpr const char* kPackedKind = "packed";

/// Writes the marker and the schema version alone.
void write_kind(const Place& file, hid_t root, const std::string& kind);
/// Checks the marker and the schema version.
/// @throws ForeignFile if it is not a file of this kind, or of a newer schema
void check_kind(const Place& file, hid_t root, const std::string& kind);

/// Checks the marker and the schema version, and reads the provenance. Attributes that the file
/// does not have keep their defaults.
/// @throws Error with Blame::input if it is not an archive or of a newer schema
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root);

}  // namespace wishart::archive
