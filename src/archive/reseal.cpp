#include <algorithm>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/build_info.hpp"
#include "wishart/core/text.hpp"

#include "content.hpp"
#include "provenance.hpp"

namespace wishart::archive {
namespace {

/// The most bytes of differences in a line of the log.
constexpr std::size_t kMaxLineBytes = 4000;

/// Records in the provenance that the file was sealed again, and what differed.
void note_reseal(Provenance& provenance, const ContentCheck& check) {
  std::vector<std::string> texts;
  for (const Difference& one : check.differences()) texts.push_back(one.text);
  const std::string what = texts.empty() ? "all values as written" : join(texts, "; ");
  const BuildInfo& info = build_info();
  std::string& log = provenance.reseal_log;
  log += utc_now() + " wishart " + std::string(info.version) + " (" + std::string(info.commit) +
         "): " + printable(what, kMaxLineBytes) + "\n";
  while (log.size() > kMaxAttributeBytes) log.erase(0, log.find('\n') + 1);
  ++provenance.reseals;
}

CheckpointRecord resealed(const OpenCheckpoint& open, const std::filesystem::path& from) {
  ContentCheck check;
  CheckpointRecord record = read_checkpoint(open, Parts::all, check);
  check_own_id(from, record);
  note_reseal(record.provenance, check);
  return record;
}

}  // namespace

void reseal(const std::filesystem::path& file, const std::function<void()>& before) {
  const QuietHdf5 quiet;
  if (!is_packed(file)) {
    replace_archive(file, resealed(opened_checkpoint(file), file), filter_here(), before);
    return;
  }
  const OpenPacked open = opened_packed(file);
  ContentCheck check;
  write_packed(
      file, members(open, check),
      [&](const std::string& id) { return resealed(opened_member(open, id), file / (id + ".h5")); },
      before);
}

}  // namespace wishart::archive
