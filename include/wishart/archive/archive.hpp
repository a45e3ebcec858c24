#pragma once

/// @file
/// The archive: one HDF5 file per checkpoint. docs/archive-format.md is its schema.
///
/// HDF5 serves one thread at a time, so these functions are called from one thread of the process.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"

namespace wishart::archive {

/// Version of the schema that this program writes. It reads every older one.
inline constexpr std::int64_t kSchemaVersion = 3;

/// True if `id` can name a checkpoint: 1 to 200 letters, digits and `._+=-`, no leading dot, and
/// not `index`, the name of the folder's own file.
[[nodiscard]] bool is_checkpoint_id(std::string_view id) noexcept;

/// Writes `record` to `folder/<checkpoint_id>.h5`: first under a temporary name in the same
/// folder, flushed to disk, then renamed, so that a reader sees a whole file or none.
///
/// The same record gives the same bytes. Texts that are not UTF-8, or that hold a zero byte, are
/// stored with those bytes as `\xNN`.
/// @return the path of the file
/// @pre is_checkpoint_id(record.provenance.checkpoint_id), one spectrum for each layer, and in each
///   spectrum the same number of views in all its parts
/// @throws Error with Blame::resource if the folder cannot be written, with Blame::input if a text
///   is longer than an archive takes (1 MiB in a column, 60000 bytes in an attribute)
std::filesystem::path write_archive(const std::filesystem::path& folder,
                                    const CheckpointRecord& record);

/// The same to a file that may be called otherwise: one that was read from there stays there.
void replace_archive(const std::filesystem::path& path, const CheckpointRecord& record);

/// A record that was read is written again only under an id that a checkpoint can have.
/// @throws Error with Blame::input that names `file`, where it was read, if it calls itself
/// otherwise
void check_own_id(const std::filesystem::path& file, const CheckpointRecord& record);

/// What read_archive reads; `without_spectra` leaves CheckpointRecord::spectra empty.
enum class Parts : std::uint8_t { all, without_spectra };

/// Reads an archive file back, or a checkpoint in a packed file (`packed/<id>.h5`), every dataset
/// through its checksums.
/// @throws Error with Blame::input that names file and dataset if it is not an archive, damaged, or
///   of a newer schema
[[nodiscard]] CheckpointRecord read_archive(const std::filesystem::path& file,
                                            Parts parts = Parts::all);

/// Which layers' singular values are wanted, as indices into the table of layers.
using ChooseLayers = std::function<std::vector<std::size_t>(const std::vector<LayerRow>&)>;

/// The same with the singular values of the chosen layers only: CheckpointRecord::spectra has an
/// entry for each layer, of which those not chosen, and the views of all, are empty.
[[nodiscard]] CheckpointRecord read_archive(const std::filesystem::path& file,
                                            const ChooseLayers& choose);

/// Only the provenance; quick.
[[nodiscard]] Provenance read_provenance(const std::filesystem::path& file);

/// Ids of the checkpoints in an archive folder, in natural order.
/// @throws Error with Blame::input if there is no such folder
[[nodiscard]] std::vector<std::string> list_checkpoints(const std::filesystem::path& folder);

/// True if `file` is a packed archive (pack_archive). What is in it is read under the paths
/// `file/<id>.h5`, as if it were a folder; Reader opens it but once.
[[nodiscard]] bool is_packed(const std::filesystem::path& file);

/// The file of checkpoint `id` in `folder`. `id` may be empty if the folder holds one checkpoint.
/// `folder` may itself be an archive file, or a packed one.
/// @throws Error with Blame::usage that lists the ids if `id` is missing or unknown
[[nodiscard]] std::filesystem::path resolve_checkpoint(const std::filesystem::path& folder,
                                                       const std::string& id);

/// Makes the folder if need be and checks that files can be written in it.
/// @throws Error with Blame::resource
void prepare_folder(const std::filesystem::path& folder);

}  // namespace wishart::archive
