/// @file
/// `verify`, `index` and `merge`: commands that keep an archive in order.

#include <filesystem>
#include <string>
#include <vector>

#include "wishart/archive/archive.hpp"
#include "wishart/archive/choice.hpp"
#include "wishart/archive/index.hpp"
#include "wishart/archive/verify.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/job/commands.hpp"
#include "wishart/report/json_schema.hpp"

#include "scan/lock_texts.hpp"

namespace wishart::job {
namespace {

/// A file with what was done about it.
struct Judged {
  archive::Verdict verdict;
  std::filesystem::path aside;  ///< where it went; empty if it stays
  bool resealed = false;
  std::string left;  ///< why it was not sealed again, though that was asked for
};

const char* word_of(archive::Standing standing) {
  switch (standing) {
    case archive::Standing::unsealed:
      return "unsealed";
    case archive::Standing::changed:
      return "changed";
    case archive::Standing::damaged:
      return "damaged";
    case archive::Standing::unreadable:
      return "unreadable";
    case archive::Standing::foreign:
      return "foreign";
    case archive::Standing::whole:
      break;
  }
  return "whole";
}

/// @param notes  which checkpoint was taken, where the options do not name it
std::vector<std::filesystem::path> files_of(const VerifyOptions& options,
                                            std::vector<std::string>& notes) {
  // A packed file has one seal over all of it.
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
  // Says so if there is none: a mistyped folder is not a whole archive.
  if (files.empty()) (void)archive::resolve_checkpoint(options.archive, "");
  return files;
}

std::string text_of(const std::vector<Judged>& all,
                    const std::vector<std::filesystem::path>& leftovers) {
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
    text += printable(verdict.file.string()) + ": " + word_of(verdict.standing) + "\n";
    for (const std::string& finding : verdict.findings) {
      text += "  " + printable(finding, 2000) + "\n";
    }
    if (!one.aside.empty()) {
      text += "  set aside as " + printable(one.aside.string()) +
              ": the next scan computes the checkpoint again\n";
    }
    if (one.resealed) text += "  sealed again as it is; its provenance tells so\n";
    if (!one.left.empty()) text += "  not sealed again: " + one.left + "\n";
  }
  for (const auto& path : leftovers) {
    text +=
        printable(path.string()) + ": left by a killed run; remove it when no scan writes here\n";
  }
  if (older > 0) {
    text += std::to_string(older) +
            (older == 1 ? " file without a seal is" : " files without a seal are") +
            " from before seals were announced: whether another program has changed " +
            (older == 1 ? "it" : "them") + " cannot be told\n";
  }
  return text + std::to_string(whole) + " of " + std::to_string(all.size()) +
         (all.size() == 1 ? " file is whole, " : " files are whole, ") + std::to_string(sealed) +
         " by the hash of all their bytes, the others by the checksums of their data; " +
         human_bytes(bytes) + " read\n";
}

std::string json_of(const std::vector<Judged>& all,
                    const std::vector<std::filesystem::path>& leftovers) {
  std::string text = report::json_opening(report::kVerifySchema) + ", \"files\": [";
  const char* separator = "\n  ";
  for (const auto& [verdict, aside, resealed, left_as_is] : all) {
    text += separator + ("{\"file\": " + json_quoted(verdict.file.string()));
    text += ", \"standing\": " + json_quoted(word_of(verdict.standing));
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

/// Seals a file again whose change is accepted, under its lock.
void try_reseal(Judged& one) {
  const archive::Verdict& verdict = one.verdict;
  if (verdict.standing == archive::Standing::whole) return;
  if (verdict.standing != archive::Standing::unsealed &&
      verdict.standing != archive::Standing::changed) {
    one.left = "only files that can be read whole are";
    return;
  }
  if (verdict.contradictory) {
    one.left = "it contradicts itself";
    return;
  }
  const archive::CheckpointLock lock = lock_of_file(verdict.file);
  if (!lock.held()) {
    one.left = "another job is at it: " + lock.other();
    return;
  }
  archive::reseal(verdict.file);
  one.resealed = true;
}

/// Looks at one file, and does about it what the options ask for.
Judged judged(const std::filesystem::path& file, const VerifyOptions& options) {
  Judged one{archive::verify_file(file), {}, false, {}};
  const archive::Standing standing = one.verdict.standing;
  if (options.repair &&
      (standing == archive::Standing::damaged || standing == archive::Standing::changed)) {
    one.aside = archive::set_aside(file);
  }
  if (options.reseal) try_reseal(one);
  return one;
}

}  // namespace

std::string index_archive(const IndexOptions& options) {
  const archive::IndexUpdate update = archive::update_index(options.archive, options.rebuild);
  return printable((options.archive / "index.h5").string()) + ": " +
         std::to_string(update.checkpoints) +
         (update.checkpoints == 1 ? " checkpoint, " : " checkpoints, ") +
         std::to_string(update.read) + " of them read\n";
}

std::string merge_archive(const MergeOptions& options) {
  const bool pack = options.unpack.empty();
  const std::int64_t count = pack ? archive::pack_archive(options.archive, options.out)
                                  : archive::unpack_archive(options.archive, options.unpack);
  return printable((pack ? options.out : options.unpack).string()) + ": " + std::to_string(count) +
         (count == 1 ? " checkpoint" : " checkpoints") + "\n";
}

CommandResult verify_archive(const VerifyOptions& options) {
  std::vector<Judged> all;
  CommandResult result;
  for (const auto& file : files_of(options, result.notes)) {
    Judged one = judged(file, options);
    if (one.verdict.standing != archive::Standing::whole && !one.resealed) {
      result.exit_code = static_cast<int>(Blame::input);
    }
    all.push_back(std::move(one));
  }
  if (options.checkpoint.empty() && std::filesystem::exists(options.archive / "index.h5")) {
    Judged index{archive::verify_index(options.archive), {}, false, {}};
    const bool whole = index.verdict.standing == archive::Standing::whole;
    if (!whole && !options.reseal) result.exit_code = static_cast<int>(Blame::input);
    if (!whole && (options.repair || options.reseal)) {
      (void)archive::update_index(options.archive, true);
    }
    all.push_back(std::move(index));
  }
  std::vector<std::filesystem::path> left;
  if (std::filesystem::is_directory(options.archive)) left = archive::leftovers(options.archive);
  result.text = options.format == OutputFormat::json ? json_of(all, left) : text_of(all, left);
  return result;
}

}  // namespace wishart::job
