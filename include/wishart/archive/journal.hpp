#pragma once

/// @file
/// The journal: finished matrices of a running job, kept on disk until the archive is written.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "wishart/core/descriptor.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::archive {

/// A finished matrix, as gathered on rank 0.
struct JournalEntry {
  std::string key;  ///< Matrix::key
  Spectrum spectrum;
};

template <class F>
void visit_fields(JournalEntry& v, F&& f) {
  f(v.key), f(v.spectrum);
}

/// An append-only file `folder/<checkpoint_id>.journal`: a magic line, the fingerprint of the job
/// (checkpoint identity and the options that affect results), then records, each with its length
/// and XXH3-64 checksum. docs/archive-format.md specifies the bytes.
///
/// Only one process at a time may write a journal. The build of wishart is part of the fingerprint,
/// so an archive never mixes results of two programs.
class Journal {
public:
  /// Opens the journal and reads its records. Anything after the last complete record is cut off. A
  /// journal with another fingerprint is emptied and started again.
  /// @pre is_checkpoint_id(checkpoint_id)
  /// @throws Error with Blame::resource if it cannot be opened, read or written
  Journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
          const std::string& fingerprint);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Returns the entries found on opening, in the order in which they were written. A second call
  /// returns nothing.
  [[nodiscard]] std::vector<JournalEntry> take_entries();
  /// The number of earlier runs that appended to it, even if only by `flush`.
  [[nodiscard]] std::int64_t runs() const noexcept { return runs_; }
  /// The number of finished matrices in a journal of another job, which was emptied.
  [[nodiscard]] std::int64_t discarded() const noexcept { return discarded_; }
  /// Wall time recorded by the earlier runs.
  [[nodiscard]] double earlier_seconds() const noexcept { return earlier_seconds_; }

  /// Appends a record for each entry. They are safely on disk after the next `flush`.
  /// @throws Error with Blame::resource, e.g. on a full disk. The file stays readable, with as many
  ///   of the entries as there was room for
  void append(std::span<const JournalEntry> entries);
  void append(const JournalEntry& entry) { append(std::span(&entry, 1)); }
  /// Flushes the appended records to disk, and records `seconds`, the wall time of this run so far.
  /// @throws Error with Blame::resource, as `append`
  void flush(double seconds);
  /// Removes the file once the archive has been written. Nothing can be appended afterwards.
  /// @throws Error with Blame::resource if the file cannot be removed
  void remove();

private:
  void write_record(std::uint32_t kind, std::span<const std::byte> payload);
  void write(std::span<const std::byte> record);
  void write_run(double seconds);
  void read_records(std::int64_t size_bytes, const std::string& fingerprint);
  bool take_record(std::uint32_t kind, std::span<const std::byte> payload);
  void start_anew(const std::string& fingerprint);
  void open(const std::string& fingerprint);

  std::filesystem::path path_;
  Descriptor descriptor_;
  std::int64_t end_bytes_ = 0;   ///< end of the last complete record
  bool run_written_ = false;     ///< the file has a record of this run
  double last_run_seconds_ = 0;  ///< while reading: last time recorded by the run `runs_`
  std::vector<JournalEntry> entries_;
  std::int64_t discarded_ = 0;
  std::int64_t runs_ = 0;
  double earlier_seconds_ = 0;
};

/// Removes a journal of the job `fingerprint` that was left by a run killed after it had written
/// its archive. The journal of another job is kept.
/// @throws Error with Blame::resource if it cannot be read or removed
void remove_left_journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
                         const std::string& fingerprint);

}  // namespace wishart::archive
