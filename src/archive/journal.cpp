#include "wishart/archive/journal.hpp"

#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wishart/archive/archive.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/own_file.hpp"
#include "wishart/core/pack.hpp"
#include "wishart/core/system_failure.hpp"

#include "disk.hpp"

namespace wishart::archive {
namespace {

constexpr std::string_view kMagic = "wishart journal 1\n";

constexpr std::uint32_t kFingerprintKind = 1;
constexpr std::uint32_t kEntryKind = 2;
constexpr std::uint32_t kRunKind = 3;

/// The bytes before the payload of a record.
struct Header {
  std::uint32_t kind = 0;
  std::uint32_t reserved = 0;
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Header) == 24, "the header of a record has no gaps");

/// The payload of a run record: the number of the run, from 1, and its wall time so far.
struct RunNote {
  std::int64_t run = 0;
  double seconds = 0;
};

template <class F>
void visit_fields(RunNote& v, F&& f) {
  f(v.run), f(v.seconds);
}

/// XXH3-64 over kind, reserved word, length and the XXH3-64 of the payload, so over all of a
/// record.
std::uint64_t checksum(const Header& header, std::span<const std::byte> payload) {
  const Header covered{header.kind, header.reserved, header.length, hash64(payload)};
  return hash64(std::as_bytes(std::span(&covered, 1)));
}

void append_record(std::vector<std::byte>& to, std::uint32_t kind,
                   std::span<const std::byte> payload) {
  Header header{kind, 0, payload.size(), 0};
  header.checksum = checksum(header, payload);
  const auto bytes = std::as_bytes(std::span(&header, 1));
  to.insert(to.end(), bytes.begin(), bytes.end());
  to.insert(to.end(), payload.begin(), payload.end());
}

/// An archive must not mix results of two builds, so the build is part of the fingerprint.
std::string whole_fingerprint(const std::string& fingerprint) {
  return fingerprint + '\n' + std::string(build_info().version) + ' ' +
         std::string(build_info().commit);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, int code) {
  throw Error(Blame::resource, shown(path) + ": " + what + ": " + system_reason(code));
}

/// Makes a file end at `size_bytes`; false, with errno, if it cannot.
bool cut(int descriptor, std::int64_t size_bytes) {
  return uninterrupted([&] { return ::ftruncate(descriptor, size_bytes); }) == 0;
}

/// Reads `out` from `offset_bytes`; false if the file ends before `out` is full.
bool read_fully(const std::filesystem::path& path, int descriptor, std::int64_t offset_bytes,
                std::span<std::byte> out) {
  while (!out.empty()) {
    const ::ssize_t got = ::pread(descriptor, out.data(), out.size(), offset_bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path, "the journal cannot be read", errno);
    if (got == 0) return false;
    offset_bytes += got;
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

struct Record {
  std::uint32_t kind = 0;
  std::vector<std::byte> payload;
};

/// The record at `offset_bytes` of a file of `size_bytes`, or nothing if it is incomplete.
std::optional<Record> record_at(const std::filesystem::path& path, int descriptor,
                                std::int64_t offset_bytes, std::int64_t size_bytes) {
  Header header;
  constexpr std::int64_t header_bytes = sizeof(Header);
  if (size_bytes - offset_bytes < header_bytes) return std::nullopt;
  if (!read_fully(path, descriptor, offset_bytes, std::as_writable_bytes(std::span(&header, 1)))) {
    return std::nullopt;
  }
  const auto left = static_cast<std::uint64_t>(size_bytes - offset_bytes - header_bytes);
  if (header.length > left) return std::nullopt;
  Record record{header.kind, std::vector<std::byte>(header.length)};
  if (!read_fully(path, descriptor, offset_bytes + header_bytes, record.payload)) {
    return std::nullopt;
  }
  if (header.checksum != checksum(header, record.payload)) return std::nullopt;
  return record;
}

/// True if `first` is the first record of a journal of the job `fingerprint`.
bool names_job(const Record& first, const std::string& fingerprint) {
  return first.kind == kFingerprintKind && first.payload == bytes_of(fingerprint);
}

/// The value in a payload, or nothing if it is not a T.
template <class T>
std::optional<T> value_of(std::span<const std::byte> payload) {
  try {
    return unpacked<T>(payload);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

Journal::Journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
                 const std::string& fingerprint) {
  require(is_checkpoint_id(checkpoint_id),
          "Journal needs a checkpoint id that is_checkpoint_id accepts");
  path_ = folder / (checkpoint_id + ".journal");
  OwnFile file = open_own_file(path_, O_RDWR | O_CREAT);
  if (file.planted) {
    throw Error(Blame::resource, shown(path_) +
                                     ": expected a journal, found something that is not a "
                                     "regular file, or a file with another name too. Remove it");
  }
  if (file.code != 0) fail(path_, "the journal cannot be opened", file.code);
  descriptor_ = std::move(file.descriptor);
  open(whole_fingerprint(fingerprint));
}

void Journal::open(const std::string& fingerprint) {
  struct stat status {};
  if (::fstat(descriptor_.get(), &status) != 0) fail(path_, "the journal cannot be read", errno);
  read_records(status.st_size, fingerprint);
  if (end_bytes_ == 0) {
    start_anew(fingerprint);
  } else if (end_bytes_ < status.st_size && !cut(descriptor_.get(), end_bytes_)) {
    fail(path_, "the incomplete end of the journal cannot be cut off", errno);
  }
}

void Journal::read_records(std::int64_t size_bytes, const std::string& fingerprint) {
  std::array<char, kMagic.size()> magic{};
  if (!read_fully(path_, descriptor_.get(), 0, std::as_writable_bytes(std::span(magic))) ||
      std::string_view(magic.data(), magic.size()) != kMagic) {
    return;
  }
  std::int64_t offset = kMagic.size();
  const auto next = [&]() {
    std::optional<Record> record = record_at(path_, descriptor_.get(), offset, size_bytes);
    if (record) offset += static_cast<std::int64_t>(sizeof(Header) + record->payload.size());
    return record;
  };
  const std::optional<Record> first = next();
  if (!first) return;
  if (!names_job(*first, fingerprint)) {
    for (auto record = next(); record; record = next()) discarded_ += record->kind == kEntryKind;
    return;
  }
  end_bytes_ = offset;
  for (auto record = next(); record && take_record(record->kind, record->payload);
       record = next()) {
    end_bytes_ = offset;
  }
  earlier_seconds_ += last_run_seconds_;
}

bool Journal::take_record(std::uint32_t kind, std::span<const std::byte> payload) {
  if (kind == kEntryKind) {
    std::optional<JournalEntry> entry = value_of<JournalEntry>(payload);
    if (entry) entries_.push_back(std::move(*entry));
    return entry.has_value();
  }
  if (kind != kRunKind) return false;
  const std::optional<RunNote> note = value_of<RunNote>(payload);
  if (!note) return false;
  if (note->run != runs_) earlier_seconds_ += last_run_seconds_;
  runs_ = note->run;
  last_run_seconds_ = note->seconds;
  return true;
}

void Journal::start_anew(const std::string& fingerprint) {
  if (!cut(descriptor_.get(), 0)) fail(path_, "the journal cannot be emptied", errno);
  if (const int code = write_fully(descriptor_.get(), 0, bytes_of(kMagic)); code != 0) {
    fail(path_, "the journal cannot be started", code);
  }
  end_bytes_ = kMagic.size();
  write_record(kFingerprintKind, bytes_of(fingerprint));
  if (const int code = flush_folder_of(path_); code != 0) {
    fail(path_, "the folder of the journal cannot be flushed to disk", code);
  }
}

void Journal::write_record(std::uint32_t kind, std::span<const std::byte> payload) {
  std::vector<std::byte> record;
  append_record(record, kind, payload);
  write(record);
}

void Journal::write(std::span<const std::byte> record) {
  require(descriptor_.get() >= 0, "append to a journal that was removed");
  if (const int code = write_fully(descriptor_.get(), end_bytes_, record); code != 0) {
    // If this fails too, the checksum still shows that the record is incomplete.
    const bool shortened = cut(descriptor_.get(), end_bytes_);
    fail(path_,
         std::to_string(record.size()) + " bytes cannot be appended (earlier results are kept" +
             (shortened ? "" : ", the file could not be truncated") + ")",
         code);
  }
  end_bytes_ += std::ssize(record);
}

void Journal::write_run(double seconds) {
  write_record(kRunKind, packed(RunNote{runs_ + 1, std::isfinite(seconds) ? seconds : 0}));
  run_written_ = true;
}

std::vector<JournalEntry> Journal::take_entries() { return std::exchange(entries_, {}); }

void Journal::append(std::span<const JournalEntry> entries) {
  if (entries.empty()) return;
  if (!run_written_) write_run(0);
  std::vector<std::byte> records;
  std::vector<std::size_t> ends;
  for (const JournalEntry& entry : entries) {
    append_record(records, kEntryKind, packed(entry));
    ends.push_back(records.size());
  }
  if (write_fully(descriptor_.get(), end_bytes_, records) == 0) {
    end_bytes_ += std::ssize(records);
    return;
  }
  // Write one by one, as many as there is room for.
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    write(std::span(records).subspan(begin, end - begin));
    begin = end;
  }
}

void Journal::flush(double seconds) {
  write_run(seconds);
  if (uninterrupted([&] { return ::fdatasync(descriptor_.get()); }) != 0) {
    fail(path_, "the journal cannot be flushed to disk", errno);
  }
}

void Journal::remove() {
  descriptor_ = Descriptor();
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) {
    fail(path_, "the journal cannot be removed", errno);
  }
}

void remove_left_journal(const std::filesystem::path& folder, const std::string& checkpoint_id,
                         const std::string& fingerprint) {
  const std::filesystem::path path = folder / (checkpoint_id + ".journal");
  {
    const OwnFile file = open_own_file(path, O_RDONLY);
    const int descriptor = file.descriptor.get();
    struct stat status {};
    if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return;
    // One that does not even say whose it is was broken off at once, and is of no use to anyone.
    const auto first = record_at(path, descriptor, kMagic.size(), status.st_size);
    if (first && !names_job(*first, whole_fingerprint(fingerprint))) return;
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    fail(path, "the journal cannot be removed", errno);
  }
}

}  // namespace wishart::archive
