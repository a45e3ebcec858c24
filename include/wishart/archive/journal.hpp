#pragma once

/// @file
/// The journal: finished matrices of a running job, on disk before the archive is written.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "wishart/record/checkpoint_record.hpp"
#include "wishart/record/matrix.hpp"
#include "wishart/record/rows.hpp"
#include "wishart/record/spectrum.hpp"

namespace wishart::archive {

/// One finished matrix, as it is gathered on rank 0.
struct JournalEntry {
  std::string key;  ///< Matrix::key
  Spectrum spectrum;
};

template <class F>
void visit_fields(JournalEntry& v, F&& f) {
  f(v.key), f(v.spectrum);
}

/// An append-only file `folder/<checkpoint_id>.journal`: a magic line, the fingerprint of the job
/// (checkpoint identity and the options that shape results), then records, each with its length
/// and XXH3-64 checksum. docs/archive-format.md has it byte by byte.
///
/// One process at a time writes a journal. A journal of another build of wishart counts as one of
/// another fingerprint: an archive never mixes the results of two programs.
class Journal {
public:
  /// Opens the journal and reads what it holds, as far as its records are whole; what comes after
  /// the last whole record is cut off. A journal of another fingerprint is started anew.
  /// @pre is_checkpoint_id(checkpoint_id)
  /// @throws Error with Blame::resource if it cannot be opened, read or written
  Journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
          const std::string& fingerprint);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /// Entries found on opening, in the order they were written. Moved out by the caller.
  [[nodiscard]] std::vector<JournalEntry> take_entries();
  /// How many earlier runs appended to it, be it only by `flush`.
  [[nodiscard]] std::int64_t runs() const noexcept { return runs_; }
  /// Wall seconds that the earlier runs noted.
  [[nodiscard]] double earlier_seconds() const noexcept { return earlier_seconds_; }

  /// Appends a record for each entry; on disk after the next `flush`.
  /// @throws Error with Blame::resource, e.g. on a full disk; what is in the file stays readable,
  ///         with as many of the entries as there was room for
  void append(std::span<const JournalEntry> entries);
  void append(const JournalEntry& entry) { append(std::span(&entry, 1)); }
  /// Forces what was appended to disk, and notes `seconds`, the wall time of this run so far.
  /// @throws Error with Blame::resource, as `append`
  void flush(double seconds);
  /// Removes the file: the archive has been written. Nothing is appended afterwards.
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
  void close() noexcept;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t end_bytes_ = 0;   ///< of the last whole record
  bool run_written_ = false;     ///< the file tells of this run
  double last_run_seconds_ = 0;  ///< while reading: noted last by the run `runs_`
  std::vector<JournalEntry> entries_;
  std::int64_t runs_ = 0;
  double earlier_seconds_ = 0;
};

/// Removes a journal of the job `fingerprint`, if there is one: left by a run that was killed after
/// it had written its archive. That of another job stays.
/// @throws Error with Blame::resource if it cannot be read or removed
void remove_left_journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
                         const std::string& fingerprint);

}  // namespace wishart::archive
