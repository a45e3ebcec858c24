#include "scan/archived/failed_matrices.hpp"

#include <array>
#include <cstdint>
#include <map>

#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/record/layer_status.hpp"

namespace wishart::job {
namespace {

/// The failures that matrices can have, the most serious first.
constexpr std::array kGravestFirst{Blame::input, Blame::resource, Blame::numerics, Blame::bug};

/// The most bytes of a reason to show, because it may come from an archive.
constexpr std::size_t kMostReason = 2000;

/// Who has to act on a matrix, according to `exit_code`. `numerics` for any other value: the column
/// is read from a file, and earlier versions stored only the status.
Blame blame_of_row(const LayerRow& row) {
  for (const Blame blame : kGravestFirst) {
    if (row.exit_code == static_cast<int>(blame)) return blame;
  }
  return Blame::numerics;
}

std::string advice(Blame blame, const std::string& id, const std::filesystem::path& archive) {
  if (blame == Blame::input) {
    return "Restore the file and run the same command again: it computes only what failed";
  }
  if (blame == Blame::resource) {
    return "Fix the cause and run the same command again: it computes only what failed";
  }
  if (blame == Blame::bug) return "This is a bug in wishart: report it with this message";
  return "Check the weights: `wishart report " + printable(archive.parent_path().string()) +
         " --checkpoint " + printable(id) + "` lists what failed";
}

}  // namespace

Ending ending_of(const std::string& checkpoint_id, const std::vector<LayerRow>& rows,
                 const std::function<std::string(const std::string&)>& file_of,
                 const std::filesystem::path& archive) {
  std::int64_t failed = 0;
  for (const LayerRow& row : rows) failed += !has_spectrum(row) ? 1 : 0;
  if (failed == 0) return {};
  for (const Blame blame : kGravestFirst) {
    for (const LayerRow& row : rows) {
      if (has_spectrum(row) || blame_of_row(row) != blame) continue;
      const std::string file = file_of(row.key);
      // Read errors already name the file.
      const bool named = file.empty() || row.reason.find(file) != std::string::npos;
      return {blame,
              printable(checkpoint_id) + ": " + std::to_string(failed) + " of " +
                  plural(std::ssize(rows), "matrix", "matrices") + " failed, first " +
                  printable(row.key) + (named ? "" : " in " + printable(file)) + ": " +
                  (row.reason.empty() ? "its status is " + printable(row.status)
                                      : printable(one_line(row.reason), kMostReason)) +
                  ". The archive " + printable(archive.string()) +
                  (failed < static_cast<std::int64_t>(rows.size()) ? " holds the others. "
                                                                   : " holds no spectrum. ") +
                  advice(blame, checkpoint_id, archive)};
    }
  }
  throw Error(Blame::bug, "a failed matrix has no blame");
}

Ending nothing_analysed(const std::string& checkpoint_id, const std::vector<SkippedRow>& skipped) {
  std::map<std::string, std::int64_t> reasons;
  for (const SkippedRow& row : skipped) ++reasons[row.reason];
  std::string counts;
  for (const auto& [reason, count] : reasons) {
    counts += (counts.empty() ? ": " : ", ") + std::to_string(count) + " " + reason;
  }
  return {Blame::input, checkpoint_id + ": none of its " + std::to_string(skipped.size()) +
                            " tensors is a matrix that can be analysed" + counts +
                            ". wishart inspect shows the reason for each"};
}

}  // namespace wishart::job
