/// @file
/// Smaller files that others may have written, by the first character of the input: `s` a table of
/// scores, `g` rules of the gate, `j` a job file, `J` a journal as it is, `R` the records of a
/// journal, of which the bytes are the lengths and the contents.

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/archive/journal.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/job/options.hpp"

#include "commands/gate_rules.hpp"
#include "commands/score_file.hpp"
#include "fuzz/input_file.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;

namespace {

constexpr std::string_view kMagic = "wishart journal 1\n";

/// docs/archive-format.md, the journal.
struct Header {
  std::uint32_t kind = 0;
  std::uint32_t reserved = 0;
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;
};

void append(std::string& journal, std::uint32_t kind, std::string_view payload) {
  Header header{kind, 0, payload.size(), hash64(std::as_bytes(std::span(payload)))};
  header.checksum = hash64(std::as_bytes(std::span(&header, 1)));
  journal.append(reinterpret_cast<const char*>(&header), sizeof(header)).append(payload);
}

/// A journal of this program for the job `job`, with sound records of the given bytes: kind,
/// length, content, kind, ...
std::string journal_of(std::string_view bytes) {
  std::string journal(kMagic);
  append(journal, 1,
         "job\n" + std::string(build_info().version) + ' ' + std::string(build_info().commit));
  while (bytes.size() >= 2) {
    const auto kind = static_cast<std::uint32_t>(bytes[0] & 3);
    const std::size_t length =
        std::min<std::size_t>(static_cast<unsigned char>(bytes[1]), bytes.size() - 2);
    append(journal, kind, bytes.substr(2, length));
    bytes.remove_prefix(2 + length);
  }
  return journal;
}

void open_journal(std::string_view content) {
  static const test::TempFolder folder;
  folder.write("m.journal", content);
  archive::Journal journal(folder.path(), "m", "job");
  const auto entries = journal.take_entries();
  journal.append(entries);
  journal.remove();
}

void read(char kind, std::string_view text) {
  const test::MemoryFile file(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  switch (kind) {
    case 's':
      (void)job::read_scores(file.path(), "score");
      break;
    case 'g':
      (void)job::parse_rules(std::string(text), "rules");
      break;
    case 'j': {
      const std::array<std::string, 5> words{"model", "--archive", "a", "--job",
                                             file.path().string()};
      (void)job::parse_scan(words);
      break;
    }
    case 'J':
      open_journal(text);
      break;
    case 'R':
      open_journal(journal_of(text));
      break;
    default:
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    read(static_cast<char>(data[0]), {reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
