#pragma once

/// @file
/// The root attributes: what kind of file this is, its schema version, and the provenance.

#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

#include "content_hashes.hpp"
#include "hdf5_handle.hpp"

namespace wishart::archive {

/// The longest text of an attribute. HDF5 keeps up to 64 KiB in the object header, under its
/// checksum; what is longer would lie outside of it, unprotected.
inline constexpr std::size_t kMaxAttributeBytes = 60'000;

/// Writes the marker, the schema version and all of `provenance` to the root of a file; their
/// hashes go into `hashes`.
/// @throws Error with Blame::input if a text is longer than kMaxAttributeBytes
void write_attributes(const Place& file, hid_t root, const Provenance& provenance,
                      ContentHashes& hashes);

/// What a file of wishart is: its root attribute `wishart`.
inline constexpr const char* kCheckpointKind = "checkpoint";
inline constexpr const char* kIndexKind = "index";
inline constexpr const char* kPackedKind = "packed";

/// Writes the marker and the schema version alone.
void write_kind(const Place& file, hid_t root, const std::string& kind, ContentHashes& hashes);
/// Writes the hashes of all that was written before.
void write_hashes(const Place& file, hid_t root, const ContentHashes& hashes);

/// Checks the marker and the schema version, and reads the stored hashes.
/// @throws ForeignFile if it is not a file of this kind, or of a newer schema
[[nodiscard]] ContentCheck check_kind(const Place& file, hid_t root, const std::string& kind);

/// The same, and reads the provenance. Attributes that the file does not have keep their defaults.
/// `check` becomes that of the file, and knows of attributes that are not as written.
/// @throws Error with Blame::input if it is not an archive or of a newer schema
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root, ContentCheck& check);
/// The same, of a file whose attributes are as written.
/// @throws Error with Blame::input also if they are not
[[nodiscard]] Provenance read_attributes(const Place& file, hid_t root);

/// The attributes of a checkpoint that are neither of wishart nor in the stored hashes.
[[nodiscard]] std::vector<std::string> added_attributes(const Place& file, hid_t root,
                                                        const ContentCheck& check);

}  // namespace wishart::archive
