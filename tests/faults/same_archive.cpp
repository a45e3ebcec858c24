/// @file
/// Says of every file of an archive what `wishart verify` says, and whether its numbers are those
/// of one of several other archives: what a program that was disturbed has left, beside what it
/// should have left.
///
///     same_archive FOUND EXPECTED...
///     same_archive -
///
/// The second form reads such words from lines of standard input, divided by tabs, and ends each
/// answer with an empty line. It keeps what it has read of EXPECTED, which must not change.
///
/// FOUND and EXPECTED are folders, or packed files. One line a checkpoint: its id, its standing,
/// and the number of the first EXPECTED with the same record, or a difference from the last one.
/// Times and restarts do not count. If matrices have failed, `failed` stands before the number, and
/// only the other matrices are compared.

#include <algorithm>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/reader.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/text.hpp"

#include "unit/archive/sample_record.hpp"

namespace wishart::test {

struct IndexRows {
  std::vector<archive::IndexRow> rows;
};

std::string dump(const IndexRows& index) {
  Dump dump;
  dump.table("rows", index.rows);
  return dump.text();
}

}  // namespace wishart::test

using namespace wishart;

namespace {

/// The record as far as it does not depend on when and how often it was computed.
CheckpointRecord timeless(CheckpointRecord record) {
  for (LayerRow& row : record.layers) row.seconds = row.predicted_seconds = row.fit_seconds = 0;
  Provenance& p = record.provenance;
  p.created.clear();
  p.mpi_layout.clear();
  p.seconds = p.predicted_seconds = p.working_seconds = p.busy_share = 0;
  p.restarts = 0;
  return record;
}

archive::IndexRow timeless(archive::IndexRow row) {
  row.created.clear();
  row.size_bytes = row.mtime_ns = row.restarts = 0;
  row.seconds = 0;
  return row;
}

bool has_failed(const LayerRow& row) { return row.status == "error"; }

/// The matrices of `record` that have not failed in `found`, without what depends on all of them.
CheckpointRecord without_failed(CheckpointRecord record, const CheckpointRecord& found) {
  std::set<std::string> failed;
  for (const LayerRow& row : found.layers) {
    if (has_failed(row)) failed.insert(row.key);
  }
  CheckpointRecord kept;
  kept.provenance = record.provenance;
  for (std::size_t i = 0; i < record.layers.size(); ++i) {
    LayerRow& row = record.layers[i];
    if (failed.contains(row.key)) continue;
    row.tempbalance_lr = row.alphapruning_sparsity = row.alphadecay_wd = 0;
    kept.layers.push_back(std::move(row));
    kept.spectra.push_back(std::move(record.spectra[i]));
  }
  return kept;
}

/// A record and its text, in which equal records are equal.
template <class Record>
struct Told {
  explicit Told(Record given) : record(std::move(given)), text(test::dump(record)) {}
  Record record;
  std::string text;
};

/// The number of the first that is equal to `found`, or a difference from the last.
template <class Record, class Read>
std::string equal_to(const Told<Record>& found, const std::vector<std::string>& expected,
                     Read read) {
  std::string text = "nothing to compare with";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    try {
      const Told<Record>& other = read(expected[i]);
      if (found.text == other.text) return std::to_string(i);
      if (i + 1 == expected.size()) text = test::difference(found.record, other.record);
    } catch (const std::exception& error) {
      text = error.what();
    }
  }
  return text;
}

class Looker {
public:
  /// One line for each file of `archive`.
  std::string look(const std::string& archive, const std::vector<std::string>& expected) {
    const archive::Reader reader(archive);
    std::ostringstream text;
    for (const std::string& id : reader.ids()) {
      const std::filesystem::path file =
          reader.packed() ? std::filesystem::path(archive) : reader.file_of(id);
      // Equal bytes have equal answers.
      std::string& answer = answers_[id + '\t' + join(expected, "\t") + '\t' + hash_of(file)];
      if (answer.empty()) {
        const archive::Standing standing = archive::verify_file(file).standing;
        answer = id + '\t' + archive::standing_name(standing) + '\t';
        if (standing == archive::Standing::whole) answer += compared(reader, id, expected);
        answer += '\n';
      }
      text << answer;
    }
    if (!reader.packed() && std::filesystem::exists(archive + "/index.h5")) {
      const archive::Standing standing = archive::verify_index(archive).standing;
      text << "index\t" << archive::standing_name(standing) << '\t';
      if (standing == archive::Standing::whole) {
        text << equal_to(
            read_index(archive),
            expected, [&](const std::string& other) -> const auto& { return kept_index(other); });
      }
      text << '\n';
    }
    return text.str();
  }

private:
  using Checkpoint = Told<CheckpointRecord>;
  using Index = Told<test::IndexRows>;

  std::string compared(const archive::Reader& reader, const std::string& id,
                       const std::vector<std::string>& expected) {
    const CheckpointRecord found = timeless(reader.read(id, archive::Parts::all));
    if (std::none_of(found.layers.begin(), found.layers.end(), has_failed)) {
      return equal_to(
          Checkpoint(found), expected, [&](const std::string& other) -> const auto& {
            return kept_checkpoint(other, id);
          });
    }
    std::optional<Checkpoint> part;
    return "failed " +
           equal_to(
               Checkpoint(without_failed(found, found)),
               expected, [&](const std::string& other) -> const auto& {
                 return part.emplace(without_failed(kept_checkpoint(other, id).record, found));
               });
  }

  static Index read_index(const std::string& folder) {
    test::IndexRows index{archive::read_index(folder)};
    for (archive::IndexRow& row : index.rows) row = timeless(std::move(row));
    return Index(std::move(index));
  }

  const Checkpoint& kept_checkpoint(const std::string& archive, const std::string& id) {
    const std::pair key(archive, id);
    const auto place = checkpoints_.find(key);
    if (place != checkpoints_.end()) return place->second;
    Checkpoint read(timeless(archive::Reader(archive).read(id, archive::Parts::all)));
    return checkpoints_.emplace(key, std::move(read)).first->second;
  }

  const Index& kept_index(const std::string& archive) {
    const auto place = indices_.find(archive);
    if (place != indices_.end()) return place->second;
    return indices_.emplace(archive, read_index(archive)).first->second;
  }

  static std::string hash_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return hash_hex(std::string(std::istreambuf_iterator<char>(in), {}));
  }

  std::map<std::string, std::string> answers_;
  // Those of EXPECTED.
  std::map<std::pair<std::string, std::string>, Checkpoint> checkpoints_;
  std::map<std::string, Index> indices_;
};

/// False if the archive cannot be listed.
bool answer(Looker& looker, const std::vector<std::string>& words) {
  try {
    if (words.empty()) throw std::runtime_error("usage: same_archive FOUND EXPECTED...");
    std::cout << looker.look(words.front(), {words.begin() + 1, words.end()});
  } catch (const std::exception& error) {
    std::cout << "-\tunreadable\t" << error.what() << '\n';
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  Looker looker;
  if (words != std::vector<std::string>{"-"}) return answer(looker, words) ? 0 : 1;
  for (std::string line; std::getline(std::cin, line);) {
    answer(looker, split(line, '\t'));
    std::cout << std::endl;  // an empty line, and flushed
  }
  return 0;
}
