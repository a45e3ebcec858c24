/// @file
/// `verify`, `index` and `merge`: commands that maintain an archive.

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/plural.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/json_schema.hpp"

#include "commands/foreign_verify.hpp"
#include "scan/locks/kept_lock.hpp"
#include "scan/locks/lock_taker.hpp"

namespace wishart::job {
namespace {

/// A verified file, and what was done with it.
struct Judged {
  archive::Verdict verdict;
  std::filesystem::path aside;  ///< the new path if it was set aside, else empty
  bool resealed = false;
  std::string left;  ///< why it was not sealed again, although requested
  std::string kept;  ///< why it was not set aside, although requested
};

const std::string& checked_id(const std::string& id) {
  if (archive::is_checkpoint_id(id)) return id;
  throw Error(Blame::usage, "--checkpoint: '" + printable(id) + "' is not the id of a checkpoint");
}

/// What `--part` says about the files that were looked at; nothing without it.
struct Share {
  ArchivePart part;
  std::int64_t checkpoints = 0;  ///< in this part
  std::int64_t all = 0;          ///< in the archive
};

/// Leaves the files of the part that is wanted.
std::optional<Share> take_part(const VerifyOptions& options,
                               std::vector<std::filesystem::path>& files) {
  if (!options.part) return {};
  if (!std::filesystem::is_directory(options.archive)) {
    throw Error(Blame::usage, "--part: " + printable(options.archive.string()) +
                                  " is one file, with one seal over all of it. Leave out --part");
  }
  Share share{*options.part, 0, std::ssize(files)};
  std::erase_if(files, [&](const std::filesystem::path& file) {
    return archive::part_of(file.stem().string(), share.part.count) != share.part.number;
  });
  share.checkpoints = std::ssize(files);
  return share;
}

/// @param notes  which checkpoint was chosen, if the options do not name one
std::vector<std::filesystem::path> files_of(const VerifyOptions& options,
                                            std::vector<std::string>& notes) {
  if (options.foreign && !std::filesystem::is_directory(options.archive)) return {options.archive};
  if (options.foreign && !options.checkpoint.empty()) {
    return {options.archive / (checked_id(options.checkpoint) + ".h5")};
  }
  // A packed file has a single seal.
  if (archive::is_packed(options.archive)) return {options.archive};
  if (!options.checkpoint.empty() || !std::filesystem::is_directory(options.archive)) {
    const archive::Reader archive(options.archive);
    const archive::Choice choice = archive::choose(archive, options.checkpoint);
    if (!choice.note.empty()) notes.push_back(choice.note);
    return {archive.file_of(choice.id)};
  }
  std::vector<std::filesystem::path> files;
  for (const std::string& id : archive::list_checkpoints(options.archive)) {
    files.push_back(options.archive / (id + ".h5"));
  }
  // Throws if there is none, because a mistyped folder must not count as a whole archive.
  if (files.empty()) (void)archive::resolve_checkpoint(options.archive, "");
  return files;
}

std::string text_of(const std::vector<Judged>& all,
                    const std::vector<std::filesystem::path>& leftovers,
                    const std::optional<Share>& share) {
  std::string text;
  std::int64_t whole = 0;
  std::int64_t sealed = 0;
  std::int64_t older = 0;
  std::int64_t bytes = 0;
  for (const Judged& one : all) {
    const archive::Verdict& verdict = one.verdict;
    const bool good = verdict.standing == archive::Standing::whole;
    whole += good ? 1 : 0;
    sealed += good && verdict.sealed ? 1 : 0;
    older += good && !verdict.sealed ? 1 : 0;
    bytes += verdict.size_bytes;
    if (good) continue;
    text +=
        printable(verdict.file.string()) + ": " + archive::standing_name(verdict.standing) + "\n";
    for (const std::string& finding : verdict.findings) {
      text += "  " + printable(finding, 2000) + "\n";
    }
    if (!one.aside.empty()) {
      text += "  set aside as " + printable(one.aside.string()) +
              ": the next scan computes the checkpoint again\n";
    }
    if (one.resealed) text += "  sealed again as it is; this is recorded in its provenance\n";
    if (!one.kept.empty()) text += "  not set aside: " + one.kept + "\n";
    if (!one.left.empty()) text += "  not sealed again: " + one.left + "\n";
  }
  for (const auto& path : leftovers) {
    text += printable(path.string()) +
            ": left behind by a killed run; remove it when no scan is running\n";
  }
  if (older > 0) {
    text += plural(older, "file") + " without a seal " + was_were(older) +
            " written before seals were announced: changes by other programs cannot be " +
            "detected\n";
  }
  text += std::to_string(whole) + " of " + plural(std::ssize(all), "file") + " " +
          is_are(std::ssize(all)) + " intact";
  if (older > 0) {
    text += " (seal checked in " + std::to_string(sealed) + ", only the checksums of the data in " +
            std::to_string(older) + ")";
  } else if (sealed > 0) {
    text += " (seal checked)";
  }
  text += "; " + human_bytes(bytes) + " read\n";
  if (share) {
    text += "part " + std::to_string(share->part.number) + " of " +
            std::to_string(share->part.count) + ": " + std::to_string(share->checkpoints) + " of " +
            plural(share->all, "checkpoint") + "\n";
  }
  return text;
}

std::string json_of(const std::vector<Judged>& all,
                    const std::vector<std::filesystem::path>& leftovers,
                    const std::optional<Share>& share) {
  std::string text = report::json_opening(report::kVerifySchema);
  text += ", \"part\": " + (share ? std::to_string(share->part.number) : "null");
  text += ", \"parts\": " + (share ? std::to_string(share->part.count) : "null");
  text += ", \"files\": [";
  const char* separator = "\n  ";
  for (const auto& [verdict, aside, resealed, left_as_is, kept] : all) {
    text += separator + ("{\"file\": " + json_quoted(verdict.file.string()));
    text += ", \"standing\": " + json_quoted(archive::standing_name(verdict.standing));
    text += std::string(", \"sealed\": ") + (verdict.sealed ? "true" : "false");
    text += std::string(", \"announced\": ") + (verdict.announced ? "true" : "false");
    text += std::string(", \"resealed\": ") + (resealed ? "true" : "false");
    text += ", \"layers\": " + std::to_string(verdict.num_layers);
    text += ", \"bytes\": " + std::to_string(verdict.size_bytes);
    text += ", \"set_aside\": " + (aside.empty() ? "null" : json_quoted(aside.string()));
    text += ", \"findings\": [";
    for (std::size_t i = 0; i < verdict.findings.size(); ++i) {
      text += (i > 0 ? ", " : "") + json_quoted(verdict.findings[i]);
    }
    text += "]}";
    separator = ",\n  ";
  }
  text += "],\n \"leftovers\": [";
  for (std::size_t i = 0; i < leftovers.size(); ++i) {
    text += (i > 0 ? ", " : "") + json_quoted(leftovers[i].string());
  }
  return text + "]}\n";
}

archive::Verdict verdict_on(const std::filesystem::path& file, const VerifyOptions& options) {
  return options.foreign ? verify_foreign(file) : archive::verify_file(file);
}

/// True for what --repair sets aside.
bool to_set_aside(archive::Standing standing) noexcept {
  return standing == archive::Standing::damaged || standing == archive::Standing::changed;
}

std::string in_use_text(const archive::CheckpointLock& lock) {
  return "another job is working on it: " + lock.other();
}

/// Sets a damaged file aside, under its lock, unless a scan has replaced it since it was verified.
void try_repair(Judged& one, const VerifyOptions& options, LockTaker& locks) {
  if (!to_set_aside(one.verdict.standing)) return;
  const std::filesystem::path file = one.verdict.file;
  if (one.verdict.packed) {  // with all the others, which no scan would compute again here
    one.kept = "it is a packed archive, which may hold whole checkpoints";
    return;
  }
  if (!archive::is_checkpoint_id(file.stem().string())) {  // no scan writes such a file
    one.aside = archive::set_aside(file);
    return;
  }
  const std::unique_ptr<archive::CheckpointLock> lock = locks.take_of_file(file);
  if (!lock->held()) {
    one.kept = in_use_text(*lock);
    return;
  }
  KeptLock kept(*lock);
  one.verdict = verdict_on(file, options);
  if (!to_set_aside(one.verdict.standing)) return;
  kept.beat(true);
  one.aside = archive::set_aside(file);
}

/// Seals a changed file again, under its lock.
void try_reseal(Judged& one, LockTaker& locks) {
  const archive::Verdict& verdict = one.verdict;
  if (verdict.standing == archive::Standing::whole) return;
  if (verdict.standing != archive::Standing::unsealed &&
      verdict.standing != archive::Standing::changed) {
    one.left = "only files that can be read completely can be";
    return;
  }
  if (verdict.contradictory) {
    one.left = "its contents are inconsistent";
    return;
  }
  const std::unique_ptr<archive::CheckpointLock> lock = locks.take_of_file(verdict.file);
  if (!lock->held()) {
    one.left = in_use_text(*lock);
    return;
  }
  KeptLock kept(*lock);
  archive::reseal(verdict.file, [&] { kept.beat(true); });
  one.resealed = true;
}

/// Verifies one file, then repairs or reseals it as the options say.
Judged judged(const std::filesystem::path& file, const VerifyOptions& options, LockTaker& locks) {
  Judged one{verdict_on(file, options), {}, false, {}, {}};
  if (options.repair) try_repair(one, options, locks);
  if (options.reseal) try_reseal(one, locks);
  return one;
}

/// What is said of a change that may be wanted.
std::string if_wanted(const Judged& one) {
  if (!one.left.empty()) return ". It was not sealed again: " + one.left;
  if (one.verdict.contradictory) return {};  // --reseal refuses it
  return ". If the change is wanted, run with --reseal";
}

/// Not done if a file is not whole, even if it was set aside. A file that was sealed again counts
/// as whole.
Ending ending_of(const std::vector<Judged>& all) {
  const auto bad = [](const Judged& one) {
    return one.verdict.standing != archive::Standing::whole && !one.resealed;
  };
  const auto first = std::find_if(all.begin(), all.end(), bad);
  if (first == all.end()) return {};
  const archive::Verdict& verdict = first->verdict;
  std::string reason =
      printable(verdict.file.string()) + ": " + archive::standing_name(verdict.standing);
  if (!verdict.findings.empty()) reason += ": " + printable(verdict.findings.front(), 2000);
  const auto count = std::count_if(all.begin(), all.end(), bad);
  reason += ". " + std::to_string(count) + " of " + plural(std::ssize(all), "file") + " " +
            is_are(count) + " not whole. ";
  if (!first->aside.empty()) {
    reason +=
        "Scan the checkpoint again: the file was set aside as " + printable(first->aside.string());
  } else if (verdict.packed && to_set_aside(verdict.standing)) {
    reason +=
        "Restore it, or unpack what is whole (wishart merge FILE --unpack DIR) and scan the "
        "rest again";
    if (verdict.standing == archive::Standing::changed) reason += if_wanted(*first);
  } else if (!first->kept.empty()) {
    reason += "It was not set aside: " + first->kept + ". Run again when that job has ended";
  } else if (verdict.standing == archive::Standing::renamed) {
    reason += "All values are as written: only the name is not";
  } else if (verdict.standing == archive::Standing::unreadable) {
    reason += "What is in it is not known. Run again when it can be read";
  } else if (verdict.file.filename() == "index.h5") {
    reason += "Rebuild the index: wishart index " + printable(verdict.file.parent_path().string()) +
              " --rebuild";
  } else if (verdict.standing == archive::Standing::damaged) {
    reason += "Restore it, or run with --repair and scan again";
  } else if (verdict.standing == archive::Standing::unsealed) {
    reason += "All values are as written" +
              (first->left.empty() ? ": run with --reseal" : if_wanted(*first));
  } else if (verdict.standing == archive::Standing::changed) {
    reason += std::string("Restore it, or run with --repair and scan again") + if_wanted(*first);
  } else {
    reason += "Restore it, or move it out of the archive";
  }
  return {verdict.blame, reason};
}

/// The checkpoints that an archive holds under other names than their own, one sentence each.
std::vector<std::string> renamed_notes(const std::filesystem::path& folder) {
  std::vector<std::string> notes;
  const archive::Reader archive(folder);
  for (const std::string& id : archive.ids()) {
    const std::string own = archive.provenance(id).checkpoint_id;
    if (own == id) continue;
    notes.push_back(printable(archive.file_of(id).string()) + ": holds the checkpoint '" +
                    printable(own) + "', and is packed under another name: " + printable(id));
  }
  return notes;
}

/// The ending if checkpoints were not unpacked, because they cannot be read.
Ending left_packed(const std::filesystem::path& packed, const archive::Unpacked& unpacked) {
  if (unpacked.left.empty()) return {};
  constexpr std::size_t kNamed = 20;
  const auto left = std::ssize(unpacked.left);
  std::vector<std::string> names(
      unpacked.left.begin(),
      unpacked.left.begin() + std::min<std::ptrdiff_t>(left, static_cast<std::ptrdiff_t>(kNamed)));
  if (names.size() < unpacked.left.size()) names.emplace_back("...");
  return {Blame::input, printable(packed.string()) + ": " + std::to_string(left) + " of " +
                            plural(left + unpacked.checkpoints, "checkpoint") +
                            " cannot be read and " + was_were(left) +
                            " not unpacked: " + join(names, ", ") +
                            ". Scan what was not unpacked again, or restore the packed file. The "
                            "first reason: " +
                            printable(unpacked.reason, 2000)};
}

/// True if the file is not the one that the index knows.
bool is_another(const Judged& one) { return one.resealed || !one.aside.empty(); }

}  // namespace

CommandResult index_archive(const IndexOptions& options) {
  archive::IndexUpdate update = archive::update_index(options.archive, options.rebuild);
  // Throws if there is none, because a mistyped folder must not count as an archive.
  if (update.checkpoints == 0 && !std::filesystem::exists(options.archive / "index.h5")) {
    (void)archive::resolve_checkpoint(options.archive, "");
  }
  return {printable((options.archive / "index.h5").string()) + ": " +
              plural(update.checkpoints, "checkpoint") + ", " + std::to_string(update.read) +
              " of them read\n",
          {},
          std::move(update.unreadable)};
}

CommandResult merge_archive(const MergeOptions& options) {
  const auto text = [](const std::filesystem::path& target, std::int64_t count) {
    return printable(target.string()) + ": " + plural(count, "checkpoint") + "\n";
  };
  if (options.unpack.empty()) {
    const std::int64_t count = archive::pack_archive(options.archive, options.out);
    return {text(options.out, count), {}, renamed_notes(options.archive)};
  }
  const archive::Unpacked unpacked = archive::unpack_archive(options.archive, options.unpack);
  return {text(options.unpack, unpacked.checkpoints), left_packed(options.archive, unpacked), {}};
}

CommandResult verify_archive(const VerifyOptions& options, std::ostream& err) {
  LockTaker locks({options.wait_for_lock_seconds, line_teller(err), {}});
  std::vector<Judged> all;
  std::vector<std::string> notes;
  std::vector<std::filesystem::path> files = files_of(options, notes);
  const std::optional<Share> share = take_part(options, files);
  for (const auto& file : files) {
    Judged one = judged(file, options, locks);
    all.push_back(std::move(one));
  }
  if (options.checkpoint.empty() && std::filesystem::exists(options.archive / "index.h5")) {
    Judged index{options.foreign ? verify_foreign_index(options.archive)
                                 : archive::verify_index(options.archive),
                 {},
                 false,
                 {},
                 {}};
    const archive::Standing standing = index.verdict.standing;
    const bool bad =
        standing != archive::Standing::whole && standing != archive::Standing::unreadable;
    if (bad && (options.repair || options.reseal)) {
      (void)archive::update_index(options.archive, true);
      index.resealed = options.reseal;
    } else if (std::any_of(all.begin(), all.end(), is_another)) {
      (void)archive::update_index(options.archive, false);
    }
    all.push_back(std::move(index));
  }
  std::vector<std::filesystem::path> left;
  if (std::filesystem::is_directory(options.archive)) left = archive::leftovers(options.archive);
  return {
      options.format == OutputFormat::json ? json_of(all, left, share) : text_of(all, left, share),
      ending_of(all), std::move(notes)};
}

}  // namespace wishart::job
