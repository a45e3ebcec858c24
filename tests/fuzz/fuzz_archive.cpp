/// @file
/// Archives and packed archives: all that is read, whatever the hashes say, and what is made of it:
/// contradictions, reports, tables. Changes go through HDF5's own interface; by hand also to bytes,
/// mostly with the checksums put right again.

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/report/export.hpp"
#include "wishart/report/report.hpp"

#include "content.hpp"
#include "fuzz/hdf5_checksums.hpp"
#include "fuzz/hdf5_mutator.hpp"
#include "provenance.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

constexpr std::array kFormats{report::ReportFormat::text, report::ReportFormat::html,
                              report::ReportFormat::json};
constexpr std::array kTables{report::Table::layers, report::Table::summary, report::Table::skipped,
                             report::Table::adapter, report::Table::traps};

/// @param choice  of what is made of the record: all of it for each input would take most of the
/// time
void use(const CheckpointRecord& record, std::size_t choice) {
  (void)contradictions(record);
  std::ostringstream table;
  report::export_table(table, record, kTables[choice % kTables.size()], report::TableFormat::csv);
  std::ostringstream text;
  report::write_report(text, record, kFormats[choice % kFormats.size()]);
}

void read(const OpenCheckpoint& open, std::size_t choice) {
  ContentCheck check;
  const CheckpointRecord record = read_checkpoint(open, Parts::all, check);
  (void)added_attributes(open.place, open.group.get(), check);
  use(record, choice);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TempFolder folder;  // HDF5 opens no file without a name
  const std::filesystem::path path =
      folder.write("input.h5", {reinterpret_cast<const char*>(data), size});
  const QuietHdf5 quiet;
  try {
    if (is_packed(path)) {
      const OpenPacked packed = opened_packed(path);
      ContentCheck check;
      for (const std::string& id : members(packed, check)) {
        read(opened_member(packed, id), size);
      }
    } else {
      const Place place(Place::Access::reading, "input");
      read({place, opened_file(place, path)}, size);
    }
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}

// Files that HDF5 itself has written it also reads. From changed bytes HDF5 1.10.8 crashes within
// seconds (docs/security.md), so bytes are changed only if WISHART_FUZZ_BYTES is set: by hand, with
// -fork=1 -ignore_crashes=1, and a look at each crash.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  static const bool changes_bytes = std::getenv("WISHART_FUZZ_BYTES") != nullptr;
  std::vector<std::uint8_t> bytes(data, data + size);
  if (!changes_bytes || seed % 3 != 0) bytes = test::Hdf5Change(seed).of(bytes, most);
  if (changes_bytes && (bytes.empty() || seed % 4 == 0)) {
    size = LLVMFuzzerMutate(data, size, most);
    bytes.assign(data, data + size);
    if (seed % 5 != 0) test::Checksums(bytes).mend();
  }
  if (bytes.empty()) return size;
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}
