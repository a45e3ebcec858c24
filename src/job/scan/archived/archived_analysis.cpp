#include "scan/archived/archived_analysis.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/foreign_file.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "scan/archived/earlier_checkpoint.hpp"
#include "scan/archived/same_analysis.hpp"
#include "scan/archived/stored_spectrum.hpp"

namespace wishart::job {
namespace {

std::string of_total(std::size_t count, std::size_t total) {
  return std::to_string(count) + " of " + std::to_string(total) + " matrices";
}

/// Implements `look_up` for one file.
class LookUp {
public:
  LookUp(const std::filesystem::path& file, const WantedAnalysis& wanted)
      : file_(file), name_(printable(file.string())), wanted_(wanted) {}

  ArchivedAnalysis take() {
    CheckpointRecord old;
    if (!is_there(file_) || !read(old, archive::Parts::without_spectra) || is_another(old)) {
      return std::move(found_);
    }
    found_.there = true;
    found_.provenance = old.provenance;
    look_at_rows(old);
    if (!found_.complete) keep(old);
    return std::move(found_);
  }

private:
  [[nodiscard]] const std::string& id() const { return wanted_.provenance.checkpoint_id; }

  /// False if the file is damaged, so that there is nothing to keep.
  bool read(CheckpointRecord& record, archive::Parts parts) {
    try {
      record = archive::read_archive(file_, parts);
      return true;
    } catch (const archive::ForeignFile& error) {
      if (!wanted_.replace) {
        throw Error(Blame::input,
                    std::string(error.what()) +
                        ". Choose another name with --id, or replace it with --replace");
      }
      found_.warnings.push_back(std::string(error.what()) + ". It is replaced");
    } catch (const SystemFailure&) {
      throw;  // the file may be whole: it is not to be replaced
    } catch (const Error& error) {
      found_.warnings.push_back(std::string(error.what()) + ". It is computed again and replaced");
    }
    return false;
  }

  /// True if the file holds another analysis, which is replaced.
  bool is_another(const CheckpointRecord& old) {
    const Provenance& there = old.provenance;
    const Provenance& here = wanted_.provenance;
    if (is_another_checkpoint(there, here)) {
      throw Error(Blame::usage, name_ + ": holds another checkpoint, " +
                                    printable(there.checkpoint_path) + ", but " +
                                    printable(here.checkpoint_path) +
                                    " has the same name. Choose another with --id");
    }
    const std::string why = why_another(there, here);
    if (why.empty()) return false;
    // An analysis that was interrupted because its files changed need not be kept.
    const bool broken_off = only_files_changed(there, here) && !all_lasting(old.layers);
    if (!wanted_.replace && !broken_off) {
      throw Error(Blame::usage, name_ + ": holds another analysis of this checkpoint: " + why +
                                    ". Give this one its own name with --id, or replace that "
                                    "one with --replace");
    }
    found_.warnings.push_back(id() + ": the analysis in " + name_ + " is replaced: " + why);
    return true;
  }

  void look_at_rows(const CheckpointRecord& old) {
    std::unordered_map<std::string, const LayerRow*> rows;
    for (const LayerRow& row : old.layers) rows.emplace(row.key, &row);
    std::vector<const LayerRow*> asked_for;
    // If the same layers were requested, the analysis is complete even if another version of the
    // program selects other matrices.
    const bool same = same_layers(old.provenance.options, wanted_.provenance.options);
    if (same) {
      for (const LayerRow& row : old.layers) asked_for.push_back(&row);
    } else {
      for (const Matrix& matrix : wanted_.selected.matrices) {
        const auto row = rows.find(matrix.key);
        if (row == rows.end()) return;
        asked_for.push_back(row->second);
      }
    }
    found_.complete = std::all_of(asked_for.begin(), asked_for.end(),
                                  [](const LayerRow* row) { return is_lasting(*row); });
    if (!found_.complete) return;
    for (const LayerRow* row : asked_for) found_.rows.push_back(*row);
  }

  /// Records which matrices the file holds, so that the new file holds them too.
  void keep(const CheckpointRecord& old) {
    check_known(old);
    const bool by_this_program = is_by_this_program(old.provenance);
    CheckpointRecord whole;
    if (by_this_program && !read(whole, archive::Parts::all)) {
      found_.there = false;
      return;
    }
    for (const LayerRow& row : old.layers) found_.keys.push_back(row.key);
    if (!by_this_program) {
      found_.warnings.push_back(
          id() + ": the results in " + name_ + " were computed by wishart " +
          printable(old.provenance.program_version) + " (" +
          printable(old.provenance.program_commit) +
          "). They are computed again, because a file must be written by one build");
      return;
    }
    for (std::size_t i = 0; i < whole.layers.size(); ++i) {
      const LayerRow& row = whole.layers[i];
      if (is_lasting(row)) {
        found_.spectra.push_back(
            {row.key, restored(row, std::move(whole.spectra[i]), whole.traps)});
      } else {
        found_.failures = true;
      }
    }
    warn_of_rest();
  }

  /// Throws if the file holds a matrix that this scan does not know, because it would be lost.
  void check_known(const CheckpointRecord& old) const {
    std::unordered_set<std::string> known;
    for (const Matrix& matrix : wanted_.everything.matrices) known.insert(matrix.key);
    for (const LayerRow& row : old.layers) {
      if (known.contains(row.key)) continue;
      throw Error(Blame::usage,
                  name_ + ": holds " + printable(row.key) +
                      ", which this program does not analyse in the checkpoint. Give this analysis "
                      "its own name with --id, or remove the file");
    }
  }

  void warn_of_rest() {
    std::unordered_set<std::string> all(found_.keys.begin(), found_.keys.end());
    const std::size_t there = all.size();
    for (const Matrix& matrix : wanted_.selected.matrices) all.insert(matrix.key);
    const bool adds = all.size() > there;
    const char* rest = !found_.failures ? "the others are added"
                       : adds ? "the others had failed and are computed again, or are added"
                              : "the others had failed and are computed again";
    found_.warnings.push_back(id() + ": " + of_total(found_.spectra.size(), all.size()) +
                              " are kept from " + name_ + ", " + rest);
  }

  const std::filesystem::path& file_;
  std::string name_;
  const WantedAnalysis& wanted_;
  ArchivedAnalysis found_;
};

}  // namespace

ArchivedAnalysis look_up(const std::filesystem::path& file, const WantedAnalysis& wanted) {
  return LookUp(file, wanted).take();
}

}  // namespace wishart::job
