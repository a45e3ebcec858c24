#include "wishart/archive/verify.hpp"

#include <algorithm>
#include <cmath>
#include <new>
#include <set>
#include <span>
#include <system_error>
#include <tuple>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/saturated.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "content.hpp"
#include "disk.hpp"
#include "hdf5_handle.hpp"
#include "provenance.hpp"
#include "seal.hpp"

namespace wishart::archive {
namespace {

/// How much the relative difference of the two sums of squares may deviate from the stored one.
/// Both are summed in long double over the same values, so only the rounding of numbers near 1
/// remains. This leaves room for a long double of 64 bits: sqrt(n) * eps for n = 10^8.
constexpr double kSumSlack = 1e-11;

/// The most findings that are reported for a record.
constexpr std::size_t kMostFindings = 20;

void check_values(const LayerRow& row, const StoredSpectrum& spectrum,
                  std::vector<std::string>& out) {
  const std::string name = printable(row.key) + ": ";
  const std::vector<double>& sigma = spectrum.sigma;
  const auto count = static_cast<std::int64_t>(sigma.size());
  if (count != row.num_evals) {
    out.push_back(name + std::to_string(count) + " singular values, num_evals is " +
                  std::to_string(row.num_evals));
  }
  if (spectrum.view_sigma_min.size() != spectrum.view_sigma_max.size() ||
      spectrum.view_sigma_min.size() != spectrum.view_rank_loss.size()) {
    out.push_back(name + "the datasets of its views have different lengths");
  }
  const auto bad = std::find_if(sigma.begin(), sigma.end(), [](double value) {
    return !(value >= 0) || !std::isfinite(value);
  });
  if (bad != sigma.end()) {
    out.push_back(name + "singular value " + std::to_string(bad - sigma.begin()) + " is " +
                  shortest(*bad));
    return;
  }
  if (const auto fall = std::is_sorted_until(sigma.begin(), sigma.end()); fall != sigma.end()) {
    out.push_back(name + "singular value " + std::to_string(fall - sigma.begin()) +
                  " is smaller than the one before");
    return;
  }
  if (std::isnan(row.sum_squares) || std::isnan(row.sum_squares_error)) return;
  long double sum = 0;
  for (const double value : sigma) sum += static_cast<long double>(value) * value;
  const double difference = std::abs(static_cast<double>(sum - row.sum_squares));
  const double error = difference == 0 ? 0 : difference / row.sum_squares;
  if (!(std::abs(error - row.sum_squares_error) <= kSumSlack)) {
    out.push_back(name + "the squared singular values add up to " +
                  rounded(static_cast<double>(sum), 17) + ", the squared elements to " +
                  rounded(row.sum_squares, 17) + "; the relative difference was stored as " +
                  rounded(row.sum_squares_error, 3) + " and is " + rounded(error, 3));
  }
}

void check_row(const LayerRow& row, std::int64_t index, std::vector<std::string>& out) {
  const std::string name = printable(row.key) + ": ";
  if (row.layer_id != index) {
    out.push_back(name + "layer_id is " + std::to_string(row.layer_id) + " in row " +
                  std::to_string(index));
  }
  if (row.rows < 0 || row.cols < 0 || row.M > row.N) {
    out.push_back(name + "its shape is " + std::to_string(row.rows) + " x " +
                  std::to_string(row.cols) + ", N x M is " + std::to_string(row.N) + " x " +
                  std::to_string(row.M));
  }
  if (!std::isnan(row.alpha_low) && !(row.alpha_low <= row.alpha_high)) {
    out.push_back(name + "the interval of alpha is from " + shortest(row.alpha_low) + " to " +
                  shortest(row.alpha_high));
  }
}

void check_traps(const CheckpointRecord& record, std::vector<std::string>& out) {
  const auto place = [](const TrapRow& row) {
    return std::tuple(row.layer_id, row.order, row.trap_index);
  };
  for (std::size_t i = 0; i < record.traps.size() && out.size() < kMostFindings; ++i) {
    const TrapRow& row = record.traps[i];
    const bool there = row.layer_id >= 0 && row.layer_id < std::ssize(record.layers) &&
                       record.layers[static_cast<std::size_t>(row.layer_id)].key == row.key;
    if (!there) {
      out.push_back("trap " + std::to_string(i) + ": no layer " + std::to_string(row.layer_id) +
                    " has the key " + printable(row.key));
    }
    if (i > 0 && !(place(record.traps[i - 1]) < place(row))) {
      out.push_back("trap " + std::to_string(i) + ": is not after the one before");
    }
  }
}

void check_summary(const CheckpointRecord& record, std::vector<std::string>& out) {
  const auto layers = static_cast<std::int64_t>(record.layers.size());
  for (const SummaryRow& row : record.summary) {
    if (row.group_by == "all" && saturated_sum(row.count, row.excluded) != layers) {
      out.push_back("summary of " + printable(row.metric) + ": " +
                    std::to_string(saturated_sum(row.count, row.excluded)) +
                    " layers, the table has " + std::to_string(layers));
    }
  }
}

/// What was found in a file; `judge` turns it into a verdict.
struct Found {
  std::vector<std::string> changes;   ///< what is not as written
  std::vector<std::string> unproven;  ///< other findings about hashes
  std::vector<std::string> renamed;   ///< checkpoints under another name than their own
};

/// The names in order, with all attributes as one entry.
std::string listed(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const bool attribute = name.starts_with(attribute_name(""));
    const std::string text = attribute ? "attributes" : printable(name);
    if (out.empty() || out.back() != text) out.push_back(text);
  }
  return join(out, ", ");
}

/// Adds what the hashes in a checkpoint prove, and what they do not.
void weigh(const ContentCheck& check, const std::vector<std::string>& added,
           const std::string& where, Verdict& verdict, Found& found) {
  verdict.announced = verdict.announced || check.announced();
  for (const Difference& one : check.differences()) found.changes.push_back(where + one.text);
  if (!check.differences().empty() && !check.proven().empty()) {
    found.unproven.push_back(where +
                             "as written, according to their hashes: " + listed(check.proven()));
  }
  if (check.announced() && !check.unseen().empty()) {
    found.unproven.push_back(
        where + "not checked, because this program does not know them: " + listed(check.unseen()));
  }
  if (!added.empty()) {
    std::vector<std::string> names;
    names.reserve(added.size());
    for (const std::string& name : added) names.push_back(printable(name));
    found.unproven.push_back(where + "added since, not part of the archive: attribute " +
                             join(names, ", "));
  }
}

/// Checks a checkpoint. Faults are added to `verdict`, differences to `found`.
void look_at(const OpenCheckpoint& open, const std::string& id, const std::string& where,
             Verdict& verdict, Found& found) {
  ContentCheck check;
  const CheckpointRecord record = read_checkpoint(open, Parts::all, check);
  std::vector<std::string> added;
  if (check.announced()) added = added_attributes(open.place, open.group.get(), check);
  weigh(check, added, where, verdict, found);
  verdict.num_layers += static_cast<std::int64_t>(record.layers.size());
  const std::string& own = record.provenance.checkpoint_id;
  if (own != id) {
    found.renamed.push_back(where + "holds the checkpoint '" + printable(own) +
                            (verdict.packed
                                 ? "', but was packed under another name. Unpack the archive, "
                                   "rename the file back, and pack it again"
                                 : "', but the file has another name. Rename it back, or remove "
                                   "it if it is a copy"));
  }
  for (const std::string& text : contradictions(record)) verdict.findings.push_back(where + text);
}

/// Takes what kept a file from being read through. A disk that fails and a lack of memory say
/// nothing about the file: it must not be set aside for them.
void take_failure(const std::exception& error, Verdict& verdict) {
  verdict.blame = blame_of(error);
  const bool unknown =
      dynamic_cast<const SystemFailure*>(&error) != nullptr || verdict.blame == Blame::resource;
  verdict.standing = unknown ? Standing::unreadable : Standing::damaged;
  verdict.findings.push_back(describe(error));
}

/// Checks all checkpoints of a file.
void look_into(Verdict& verdict, Found& found) {
  const QuietHdf5 quiet;
  if (!is_packed(verdict.file)) {
    look_at(opened_checkpoint(verdict.file), verdict.file.stem().string(), "", verdict, found);
    return;
  }
  verdict.packed = true;
  const OpenPacked packed = opened_packed(verdict.file);
  ContentCheck check;
  const std::vector<std::string> ids = members(packed, check);
  // What of the others, if one cannot be read?
  const auto tried = [&](const auto& look) {
    try {
      look();
    } catch (const ForeignFile&) {
      throw;
    } catch (const SystemFailure&) {
      throw;
    } catch (const Error& error) {
      if (error.blame() != Blame::input) throw;
      take_failure(error, verdict);
    }
  };
  tried([&] { (void)index_of(packed, check); });
  weigh(check, {}, "", verdict, found);
  for (const std::string& id : ids) {
    tried([&] { look_at(opened_member(packed, id), id, id + ": ", verdict, found); });
  }
}

/// Checks the content of a file like look_into, and adds exceptions to `verdict`.
void read_through(Verdict& verdict, Found& found) {
  try {
    look_into(verdict, found);
  } catch (const ForeignFile& error) {
    verdict.standing = Standing::foreign;
    verdict.findings.emplace_back(error.what());
  } catch (const std::bad_alloc&) {
    throw;  // says nothing about the file
  } catch (const std::exception& error) {
    take_failure(error, verdict);
  }
}

/// Sets the standing from what was found, and puts the findings in the order of the report.
void judge(Seal seal, const Found& found, Verdict& verdict) {
  std::vector<std::string>& findings = verdict.findings;
  const bool read = verdict.standing == Standing::whole;
  verdict.contradictory = read && !findings.empty();
  findings.insert(findings.begin(), found.changes.begin(), found.changes.end());
  const bool renamed = findings.empty() && !found.renamed.empty();
  findings.insert(findings.end(), found.renamed.begin(), found.renamed.end());
  if (seal == Seal::broken) {
    verdict.standing = Standing::damaged;
    findings.emplace_back(
        "its bytes are not those that were written: they do not match the hash in its seal");
    return;
  }
  if (!read) return;
  const bool gone = seal == Seal::none && verdict.announced;
  if (!found.changes.empty()) {
    verdict.standing = Standing::changed;
  } else if (renamed && !gone) {
    verdict.standing = Standing::renamed;
  } else if (!findings.empty()) {
    verdict.standing = Standing::damaged;
  } else if (gone) {
    verdict.standing = Standing::unsealed;
  }
  if (gone) {
    findings.insert(findings.begin(),
                    "its seal is gone: another program has opened it for writing");
  }
  if (!verdict.sealed || !found.changes.empty()) {
    findings.insert(findings.end(), found.unproven.begin(), found.unproven.end());
  }
  if (verdict.standing == Standing::unsealed) {
    findings.emplace_back(
        "all values are as written, according to their hashes; the other bytes of the file cannot "
        "be checked. `wishart verify --reseal` seals it again");
  } else if (verdict.standing == Standing::changed) {
    findings.push_back(std::string("the original content is not known. Restore the file, or ") +
                       (verdict.packed ? "unpack what is whole" : "set it aside with --repair") +
                       (verdict.contradictory ? "" : "; --reseal accepts it as it is"));
  }
}

}  // namespace

const char* standing_name(Standing standing) noexcept {
  switch (standing) {
    case Standing::unsealed:
      return "unsealed";
    case Standing::changed:
      return "changed";
    case Standing::renamed:
      return "renamed";
    case Standing::damaged:
      return "damaged";
    case Standing::unreadable:
      return "unreadable";
    case Standing::foreign:
      return "foreign";
    case Standing::whole:
      break;
  }
  return "whole";
}

std::vector<std::string> contradictions(const CheckpointRecord& record) {
  std::vector<std::string> out;
  if (record.spectra.size() != record.layers.size()) {
    return {std::to_string(record.spectra.size()) + " spectra for " +
            std::to_string(record.layers.size()) + " layers"};
  }
  std::set<std::string> keys;
  for (std::size_t i = 0; i < record.layers.size() && out.size() < kMostFindings; ++i) {
    const LayerRow& row = record.layers[i];
    if (!keys.insert(row.key).second) out.push_back(printable(row.key) + ": occurs twice");
    check_row(row, static_cast<std::int64_t>(i), out);
    const StoredSpectrum& spectrum = record.spectra[i];
    if (row.has_esd || !spectrum.sigma.empty()) check_values(row, spectrum, out);
  }
  check_traps(record, out);
  check_summary(record, out);
  if (out.size() > kMostFindings) {
    out.resize(kMostFindings);
    out.emplace_back("and more");
  }
  return out;
}

Verdict verify_file(const std::filesystem::path& file) {
  Verdict verdict;
  verdict.file = file;
  Seal seal = Seal::none;
  try {
    verdict.size_bytes = InputFile(file).size_bytes();
    seal = check_seal(file);
  } catch (const Error& error) {
    verdict.standing = Standing::unreadable;
    verdict.blame = error.blame();
    verdict.findings.emplace_back(error.what());
    return verdict;
  }
  verdict.sealed = seal == Seal::good;
  Found found;
  read_through(verdict, found);
  judge(seal, found, verdict);
  return verdict;
}

std::int64_t part_of(std::string_view checkpoint_id, std::int64_t parts) {
  require(parts >= 1, "an archive has at least one part");
  const std::uint64_t hash = hash64(std::as_bytes(std::span(checkpoint_id)));
  return static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(parts)) + 1;
}

Verdict verify_index(const std::filesystem::path& folder) {
  Verdict verdict;
  verdict.file = folder / "index.h5";
  Seal seal = Seal::none;
  try {
    verdict.size_bytes = InputFile(verdict.file).size_bytes();
    seal = check_seal(verdict.file);
    verdict.sealed = seal == Seal::good;
    verdict.announced = true;
    (void)read_index(folder);
    for (std::string& text : stray_links(folder)) verdict.findings.push_back(std::move(text));
  } catch (const std::exception& error) {
    take_failure(error, verdict);
    if (verdict.standing == Standing::unreadable) return verdict;
  }
  if (!verdict.sealed && verdict.findings.empty()) {
    verdict.findings.emplace_back(
        seal == Seal::none ? "its seal is gone: another program has opened it for writing"
                           : "its bytes are not those that were written");
  }
  if (!verdict.findings.empty()) {
    verdict.standing = Standing::damaged;
    verdict.findings.emplace_back("`wishart index` rebuilds it from the files");
  }
  return verdict;
}

std::vector<std::filesystem::path> leftovers(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code code;
  std::filesystem::directory_iterator entries(folder, code);
  for (const std::filesystem::directory_iterator end; !code && entries != end;
       entries.increment(code)) {
    const std::string name = entries->path().filename().string();
    const bool temporary = name.starts_with('.') && name.find(".h5.tmp-") != std::string::npos;
    const bool probe = name.starts_with(".wishart-probe-") ||
                       (name.starts_with('.') && name.find(".lock.now-") != std::string::npos);
    if (temporary || probe) found.push_back(entries->path());
  }
  if (code) throw_unread(shown(folder) + ": the folder cannot be listed", code.value());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace wishart::archive
