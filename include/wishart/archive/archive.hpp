#pragma once

/// @file
/// The archive: one HDF5 file per checkpoint. docs/archive-format.md is its schema.
///
/// HDF5 is not thread-safe: call these functions from one thread of the process.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/archive/chunk_filter.hpp"
#include "wishart/core/error.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"

namespace wishart::archive {

/// The schema version that this program writes. It reads all older ones.
inline constexpr std::int64_t kSchemaVersion = 3;

/// True if `id` can name a checkpoint: 1 to 200 letters, digits and `._+=-`, no leading dot, and
/// not `index`, the name of the index file.
[[nodiscard]] bool is_checkpoint_id(std::string_view id) noexcept;

/// Called when a file is written and on disk, right before it replaces the one before: the last
/// chance to see that it still may (CheckpointLock::beat). What it throws leaves the old file.
using BeforeReplacing = std::function<void()>;

/// Writes `record` to `folder/<checkpoint_id>.h5`. The file is written under a temporary name in
/// the same folder, flushed to disk and renamed, so that a reader sees a complete file or none.
///
/// The same record gives the same bytes. In texts, zero bytes and bytes that are not UTF-8 are
/// stored as `\xNN`.
/// @param filter  who compresses; the bytes are the same
/// @return the path of the file
/// @pre is_checkpoint_id(record.provenance.checkpoint_id), one spectrum for each layer, and in each
///   spectrum the same number of views in all its parts
/// @throws Error with Blame::resource if the folder cannot be written, with Blame::input if a text
///   is too long (limits: 1 MiB in a column, 60000 bytes in an attribute)
std::filesystem::path write_archive(const std::filesystem::path& folder,
                                    const CheckpointRecord& record,
                                    const ChunkFilter& filter = filter_here(),
                                    const BeforeReplacing& before = {});

/// Does the same with a file of any name, for rewriting a record where it was read.
void replace_archive(const std::filesystem::path& path, const CheckpointRecord& record,
                     const ChunkFilter& filter = filter_here(), const BeforeReplacing& before = {});

/// Checks, before anything is computed, that the names of the matrices and of the skipped tensors
/// can be stored. Every row of a table has room for the longest text of each column.
/// @param file  the archive file that will be written
/// @throws Error with Blame::input if a name has more than 1 MiB, or a table would have more than
///   8 GiB before compression
void check_names_fit(const std::filesystem::path& file, std::span<const Matrix> matrices,
                     std::span<const SkippedRow> skipped);

/// Checks, before a record is rewritten, that it has a valid checkpoint id.
/// @param file  where the record was read
/// @throws Error with Blame::input that names `file`, if the id is not valid
void check_own_id(const std::filesystem::path& file, const CheckpointRecord& record);

/// What read_archive reads. With `without_spectra`, CheckpointRecord::spectra is empty.
enum class Parts : std::uint8_t { all, without_spectra };

/// Reads an archive file, or a checkpoint in a packed file (`packed/<id>.h5`). Verifies the
/// checksums of datasets, and compares all values read with the hashes stored in the file.
/// @throws Error with Blame::input that names file and dataset if it is not an archive, damaged,
///   changed after it was written, or of a newer schema
[[nodiscard]] CheckpointRecord read_archive(const std::filesystem::path& file,
                                            Parts parts = Parts::all);

/// Selects the layers whose singular values are read, as indices into the layer table.
using ChooseLayers = std::function<std::vector<std::size_t>(const std::vector<LayerRow>&)>;

/// Reads the singular values of the chosen layers only. CheckpointRecord::spectra has an entry for
/// each layer. Entries of other layers are empty, as are the views of all.
[[nodiscard]] CheckpointRecord read_archive(const std::filesystem::path& file,
                                            const ChooseLayers& choose);

/// Reads only the provenance, which is fast.
[[nodiscard]] Provenance read_provenance(const std::filesystem::path& file);

/// Ids of the checkpoints in an archive folder, in natural order.
/// @throws Error with `blame` if there is no such folder: a job that has prepared its folder itself
///         gives Blame::resource, since the folder was taken from it
[[nodiscard]] std::vector<std::string> list_checkpoints(const std::filesystem::path& folder,
                                                        Blame blame = Blame::input);

/// Checks that an archive that is to be written is no file, packed or not. It need not exist.
/// @throws Error with Blame::usage
void check_is_folder(const std::filesystem::path& archive);

/// True if `file` is a packed archive (pack_archive). Its checkpoints are read under the paths
/// `file/<id>.h5`, as if it were a folder. A Reader opens it only once.
[[nodiscard]] bool is_packed(const std::filesystem::path& file);

/// The file of the checkpoint in `folder` that `id` selects (choice.hpp). `folder` may also be an
/// archive file or a packed archive.
/// @throws Error, as choose
[[nodiscard]] std::filesystem::path resolve_checkpoint(const std::filesystem::path& folder,
                                                       const std::string& id);

/// Creates the folder if necessary, and checks that files can be written in it.
/// @throws Error with Blame::resource
void prepare_folder(const std::filesystem::path& folder);

}  // namespace wishart::archive
