#pragma once

/// @file
/// The root attributes: the kind of the file, its schema version, and the provenance.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "content_hashes.hpp"
#include "hdf5_handle.hpp"

namespace wishart::archive {

/// The longest text of an attribute. HDF5 stores up to 64 KiB in the object header, which has a
/// checksum. A longer text would be stored outside, without one.
inline constexpr std::size_t kMaxAttributeBytes = 60'000;

/// Writes the marker, the schema version and all of `provenance` to the root of a file, and adds
/// their hashes to `hashes`.
/// @throws Error with Blame::input if a text is longer than kMaxAttributeBytes
void write_attributes(const Place& file, hid_t root, const Provenance& provenance,
                      ContentHashes& hashes);

/// The kind of a wishart file: its root attribute `wishart`.
inline constexpr const char* kCheckpointKind = "checkpoint";
inline constexpr const char* kIndexKind = "index";
inline constexpr const char* kPackedKind = "packed";

/// Writes only the marker and the schema version.
void write_kind(const Place& file, hid_t root, const std::string& kind, ContentHashes& hashes);
/// Writes the hashes as an attribute.
void write_hashes(const Place& file, hid_t root, const ContentHashes& hashes);

/// Checks the marker and the schema version, and reads the stored hashes.
/// @throws ForeignFile if the file is of another kind, or has a newer schema
[[nodiscard]] ContentCheck check_kind(const Place& file, hid_t root, const std::string& kind);

/// Also reads the provenance. Attributes that the file does not have keep their defaults. `check`
/// is set to that of the file, and records attributes that are not as written.
/// @throws Error with Blame::input if it is not an archive, or has a newer schema
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root, ContentCheck& check);
/// The same, but a difference is an error.
/// @throws Error with Blame::input also if an attribute is not as written
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root);

/// The attributes of a checkpoint that wishart did not write: they are not in the stored hashes.
[[nodiscard]] std::vector<std::string> added_attributes(const Place& file, hid_t root,
                                                        const ContentCheck& check);

}  // namespace wishart::archive
