/// @file
/// The journal keeps what was appended, whatever happens to its end.

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "wishart/archive/journal.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/pack.hpp"

#include "file_size_limit.hpp"
#include "sample_record.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::archive;
using test::error_of;

namespace {

constexpr std::size_t kHeaderBytes = 24;

JournalEntry entry(std::int64_t i) {
  JournalEntry e;
  e.key = "layer." + std::to_string(i);
  e.spectrum.status = SpectrumStatus::ok;
  e.spectrum.solver = "dsyevd";
  e.spectrum.sigma = test::sample_spectrum(i).sigma;
  e.spectrum.view_sigma_min = {0.5};
  e.spectrum.view_sigma_max = {1.5};
  e.spectrum.view_rank_loss = {i};
  e.spectrum.sum_squares = kNan;
  e.spectrum.hash = "abc";
  e.spectrum.traps = test::filled_rows<TrapRow>(i % 3);
  return e;
}

std::string bytes_of(const JournalEntry& e) {
  const std::vector<std::byte> bytes = packed(e);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bytes of a file. They are compared by `difference`: a failure prints what is not the same.
std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    constexpr const char* kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    text += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return text;
}

/// Empty if the two are the same; else their sizes and the bytes around the first that is not.
std::string difference(const std::string& found, const std::string& expected) {
  if (found == expected) return {};
  const auto [a, b] = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  const auto at = static_cast<std::size_t>(a - found.begin());
  constexpr std::size_t kShown = 16;
  const std::size_t from = at - std::min(at, kShown / 2);
  return "found " + std::to_string(found.size()) + " bytes, expected " +
         std::to_string(expected.size()) + "; from byte " + std::to_string(from) + " on found " +
         hex(found.substr(from, kShown)) + ", expected " + hex(expected.substr(from, kShown)) +
         ", not the same at byte " + std::to_string(at);
}

/// What a run finds in a journal of `fingerprint` whose file holds `bytes`.
struct Found {
  std::vector<JournalEntry> entries;
  std::int64_t runs = 0;
  double seconds = 0;
};
Found found_in(const test::TempFolder& folder, const std::string& bytes,
               const std::string& fingerprint = "job") {
  folder.write("m.journal", bytes);
  Journal journal(folder.path(), "m", fingerprint);
  return {journal.take_entries(), journal.runs(), journal.earlier_seconds()};
}

/// True if `entries` are entry(0), entry(1), ...
bool in_order(const std::vector<JournalEntry>& entries) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (bytes_of(entries[i]) != bytes_of(entry(static_cast<std::int64_t>(i)))) return false;
  }
  return true;
}

/// The entries as a failure tells of them.
std::string told(const std::vector<JournalEntry>& entries) {
  std::string text = ": found " + std::to_string(entries.size()) + " entries";
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string expected = bytes_of(entry(static_cast<std::int64_t>(i)));
    text += (i == 0 ? ": " : ", ") + entries[i].key;
    const std::string wrong = difference(bytes_of(entries[i]), expected);
    if (!wrong.empty()) text += " (" + wrong + ")";
  }
  return text;
}

/// The bytes of a journal with the entries 0, 1, ... count - 1.
std::string journal_bytes(const test::TempFolder& folder, std::int64_t count) {
  std::filesystem::remove(folder / "m.journal");
  Journal journal(folder.path(), "m", "job");
  for (std::int64_t i = 0; i < count; ++i) journal.append(entry(i));
  return content(folder / "m.journal");
}

}  // namespace

TEST_CASE("entries come back in the order they were written, over several runs", "[journal]") {
  const test::TempFolder folder;
  {
    Journal journal(folder.path(), "m", "job");
    CHECK(journal.take_entries().empty());
    CHECK(journal.runs() == 0);
    CHECK(journal.earlier_seconds() == 0);
    journal.append(entry(0));
    journal.flush(1.5);
    journal.append(entry(1));
    journal.flush(2.5);
  }
  {
    Journal journal(folder.path(), "m", "job");
    CHECK(journal.runs() == 1);
    CHECK(journal.earlier_seconds() == 2.5);
    const std::vector<JournalEntry> entries = journal.take_entries();
    CHECK(entries.size() == 2);
    INFO(told(entries));
    CHECK(in_order(entries));
    CHECK(journal.take_entries().empty());
    journal.append(entry(2));
  }
  {
    Journal journal(folder.path(), "m", "job");
    CHECK(journal.runs() == 2);
    CHECK(journal.earlier_seconds() == 2.5);
    journal.flush(10);
  }
  Journal journal(folder.path(), "m", "job");
  CHECK(journal.runs() == 3);
  CHECK(journal.earlier_seconds() == 12.5);
  const std::vector<JournalEntry> entries = journal.take_entries();
  CHECK(entries.size() == 3);
  INFO(told(entries));
  CHECK(in_order(entries));
}

TEST_CASE("opening alone counts as no run and changes nothing", "[journal]") {
  const test::TempFolder folder;
  const std::string bytes = journal_bytes(folder, 2);
  for (int i = 0; i < 3; ++i) CHECK(found_in(folder, bytes).runs == 1);
  CHECK(difference(content(folder / "m.journal"), bytes) == "");
}

TEST_CASE("the file has the layout that docs/archive-format.md describes", "[journal]") {
  const test::TempFolder folder;
  const std::string empty = journal_bytes(folder, 0);
  const std::string magic = "wishart journal 1\n";
  REQUIRE(empty.substr(0, magic.size()) == magic);
  const std::string one = journal_bytes(folder, 1);
  REQUIRE(one.substr(0, empty.size()) == empty);
  // A run record of 16 bytes, then the entry.
  const std::size_t at = empty.size() + kHeaderBytes + 16;
  const std::string payload = bytes_of(entry(0));
  REQUIRE(one.size() == at + kHeaderBytes + payload.size());
  CHECK(one.substr(at + kHeaderBytes) == payload);
  const auto word = [&](std::size_t offset, std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, one.data() + at + offset, size);
    return value;
  };
  CHECK(word(0, 4) == 2);  // kind: entry
  CHECK(word(4, 4) == 0);
  CHECK(word(8, 8) == payload.size());
  std::string covered = one.substr(at, 16);
  const std::uint64_t inner = hash64(std::as_bytes(std::span(payload)));
  covered.append(reinterpret_cast<const char*>(&inner), sizeof(inner));
  CHECK(word(16, 8) == hash64(std::as_bytes(std::span(covered))));
}

TEST_CASE("a torn tail of any length is cut off, and appending goes on from there", "[journal]") {
  const test::TempFolder folder;
  const std::string two = journal_bytes(folder, 2);
  const std::string three = journal_bytes(folder, 3);
  REQUIRE(three.substr(0, two.size()) == two);
  for (std::size_t length = two.size(); length < three.size(); ++length) {
    folder.write("m.journal", three.substr(0, length));
    {
      Journal journal(folder.path(), "m", "job");
      const std::vector<JournalEntry> entries = journal.take_entries();
      if (entries.size() != 2 || !in_order(entries)) FAIL("cut at " << length << told(entries));
      const std::string left = difference(content(folder / "m.journal"), two);
      if (!left.empty()) FAIL("not truncated at " << length << ": " << left);
      journal.append(entry(2));
    }
    Journal journal(folder.path(), "m", "job");
    const std::vector<JournalEntry> entries = journal.take_entries();
    if (entries.size() != 3 || !in_order(entries))
      FAIL("after appending at " << length << told(entries));
  }
}

TEST_CASE("a journal cut anywhere gives a beginning of its entries", "[journal]") {
  const test::TempFolder folder;
  const std::string bytes = journal_bytes(folder, 3);
  std::size_t most = 0;
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::vector<JournalEntry> entries = found_in(folder, bytes.substr(0, length)).entries;
    if (!in_order(entries) || entries.size() < most) FAIL("cut at " << length << told(entries));
    most = entries.size();
  }
  CHECK(most == 3);
}

TEST_CASE("a flipped byte in any place never yields a wrong entry", "[journal]") {
  const test::TempFolder folder;
  const std::string bytes = journal_bytes(folder, 2);
  for (const unsigned bits : {0x01U, 0xFFU}) {
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ bits);
      const std::vector<JournalEntry> entries = found_in(folder, damaged).entries;
      if (entries.size() >= 2 || !in_order(entries))
        FAIL("byte " << at << ", bits " << bits << told(entries));
    }
  }
}

TEST_CASE("a length beyond the file ends the journal without allocating it", "[journal]") {
  const test::TempFolder folder;
  const std::string two = journal_bytes(folder, 2);
  for (const std::uint64_t length :
       {std::uint64_t{1} << 63U, ~std::uint64_t{0}, std::uint64_t{1} << 40U, std::uint64_t{1}}) {
    std::string header(kHeaderBytes, '\0');
    header[0] = 2;
    std::memcpy(header.data() + 8, &length, sizeof(length));
    const std::vector<JournalEntry> entries = found_in(folder, two + header).entries;
    CHECK(entries.size() == 2);
    INFO(told(entries));
    CHECK(in_order(entries));
    CHECK(difference(content(folder / "m.journal"), two) == "");
  }
}

TEST_CASE("records that another program would write end the journal", "[journal]") {
  const test::TempFolder folder;
  const std::string two = journal_bytes(folder, 2);
  const auto record = [](std::uint32_t kind, const std::string& payload) {
    std::string covered(16, '\0');
    const std::uint64_t length = payload.size();
    std::memcpy(covered.data(), &kind, sizeof(kind));
    std::memcpy(covered.data() + 8, &length, sizeof(length));
    std::string bytes = covered;
    const std::uint64_t inner = hash64(std::as_bytes(std::span(payload)));
    covered.append(reinterpret_cast<const char*>(&inner), sizeof(inner));
    const std::uint64_t outer = hash64(std::as_bytes(std::span(covered)));
    return bytes.append(reinterpret_cast<const char*>(&outer), sizeof(outer)) + payload;
  };
  const std::string third = record(2, bytes_of(entry(2)));
  CHECK(found_in(folder, two + third).entries.size() == 3);
  for (const std::string& foreign : {record(9, ""), record(1, "job"), record(2, ""),
                                     record(2, bytes_of(entry(2)) + "x"), record(3, "short")}) {
    CHECK(found_in(folder, two + foreign + third).entries.size() == 2);
    CHECK(difference(content(folder / "m.journal"), two) == "");
  }
}

TEST_CASE("a journal of another job, or no journal at all, is started anew", "[journal]") {
  const test::TempFolder folder;
  const std::string bytes = journal_bytes(folder, 3);
  const Found other = found_in(folder, bytes, "another job");
  CHECK(other.entries.empty());
  CHECK(other.runs == 0);
  CHECK(found_in(folder, content(folder / "m.journal")).entries.empty());
  CHECK(found_in(folder, "").entries.empty());
  folder.write("m.journal", bytes);
  CHECK(Journal(folder.path(), "m", "another job").discarded() == 3);
  CHECK(Journal(folder.path(), "m", "another job").discarded() == 0);
  CHECK(found_in(folder, "wishart journal 2\n" + bytes.substr(18)).entries.empty());
  CHECK(difference(content(folder / "m.journal"), journal_bytes(folder, 0)) == "");
}

TEST_CASE("the journals of two checkpoints are two files", "[journal]") {
  const test::TempFolder folder;
  Journal a(folder.path(), "a", "job");
  Journal b(folder.path(), "b", "job");
  a.append(entry(0));
  CHECK(Journal(folder.path(), "a", "job").take_entries().size() == 1);
  CHECK(Journal(folder.path(), "b", "job").take_entries().empty());
}

TEST_CASE("on a full disk the results so far stay, and appending can go on", "[journal]") {
  const test::TempFolder folder;
  const std::string two = journal_bytes(folder, 2);
  const std::filesystem::path path = folder / "m.journal";
  std::filesystem::remove(path);
  Journal journal(folder.path(), "m", "job");
  journal.append(entry(0));
  journal.append(entry(1));
  const std::size_t record = kHeaderBytes + bytes_of(entry(2)).size();
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, kHeaderBytes, record - 1}) {
    std::string text;
    {
      const test::FileSizeLimit full(two.size() + room);
      text = error_of([&] { journal.append(entry(2)); });
    }
    CHECK(text == "4: " + path.string() + ": " + std::to_string(record) +
                      " bytes cannot be appended (earlier results are kept): File too "
                      "large");
    CHECK(difference(content(path), two) == "");
  }
  {
    std::string text;
    {
      const test::FileSizeLimit full(two.size());
      text = error_of([&] { journal.flush(1); });
    }
    CHECK(text == "4: " + path.string() +
                      ": 40 bytes cannot be appended (earlier results are kept): File too "
                      "large");
  }
  journal.append(entry(2));
  CHECK(difference(content(path), journal_bytes(folder, 3)) == "");
}

TEST_CASE("a journal that cannot be opened is named", "[journal]") {
  const test::TempFolder folder;
  const auto opened = [](const std::filesystem::path& where) {
    return error_of([&] { Journal(where, "m", "job"); });
  };
  CHECK(opened(folder / "none") == "4: " + (folder / "none/m.journal").string() +
                                       ": the journal cannot be opened: No such file or directory");
  folder.write("m.journal/x", "");
  CHECK(opened(folder.path()) ==
        "4: " + (folder / "m.journal").string() + ": the journal cannot be opened: Is a directory");
  const test::TempFolder other;
  std::filesystem::create_symlink("/dev/null", other / "m.journal");
  CHECK(opened(other.path()) ==
        "4: " + (other / "m.journal").string() +
            ": expected a journal, found something that is not a regular file, or a file with "
            "another name too. Remove it");
  CHECK(error_of([&] { Journal(folder.path(), "../m", "job"); }) ==
        "70: Journal needs a checkpoint id that is_checkpoint_id accepts. This is a bug in "
        "wishart");
}

TEST_CASE("a journal that was left is removed by the same job only", "[journal]") {
  const test::TempFolder folder;
  const std::string two = journal_bytes(folder, 2);
  const std::filesystem::path path = folder / "m.journal";
  remove_left_journal(folder.path(), "m", "another job");
  CHECK(difference(content(path), two) == "");
  remove_left_journal(folder.path(), "other", "job");
  CHECK(difference(content(path), two) == "");
  remove_left_journal(folder.path(), "m", "job");
  CHECK_FALSE(std::filesystem::exists(path));
  remove_left_journal(folder.path(), "m", "job");  // there is none
  folder.write("m.journal", "");                   // broken off before it said whose it is
  remove_left_journal(folder.path(), "m", "job");
  CHECK_FALSE(std::filesystem::exists(folder / "m.journal"));
}

TEST_CASE("a journal that was removed is gone and takes nothing more", "[journal]") {
  const test::TempFolder folder;
  Journal journal(folder.path(), "m", "job");
  journal.append(entry(0));
  journal.remove();
  CHECK(std::filesystem::is_empty(folder.path()));
  journal.remove();
  CHECK(error_of([&] { journal.append(entry(1)); }) ==
        "70: append to a journal that was removed. This is a bug in wishart");
}
