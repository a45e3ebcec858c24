#pragma once

/// @file
/// The index of an archive folder, `index.h5`: for each checkpoint a row and a link to its file. A
/// packed file has the rows too.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "wishart/record/rows.hpp"

namespace wishart::archive {

/// A checkpoint in the index. Averages are those of the file's `/summary` over all layers.
struct IndexRow {
  std::string checkpoint_id;
  std::int64_t size_bytes = 0;  ///< of the file when the row was made, like `mtime_ns`
  std::int64_t mtime_ns = 0;
  std::string standing;  ///< `whole` if what was read is in order, else why it could not be read
  std::string checkpoint_path;
  std::string checkpoint_identity;
  std::string analysis;  ///< as given by analysis_name; empty in an index before version 3
  std::string base_path;
  std::string base_identity;
  std::string model_type;
  std::string mode;
  std::string created;
  std::int64_t step = -1;
  std::int64_t tokens = -1;
  double loss = kNan;
  double eval_loss = kNan;
  double learning_rate = kNan;
  double seconds = kNan;
  std::int64_t restarts = 0;
  std::int64_t layers = 0;
  double alpha = kNan;
  double alpha_median = kNan;
  double alpha_weighted = kNan;
  double log_alpha_norm = kNan;
  double log_norm = kNan;
  double log_spectral_norm = kNan;
  double stable_rank = kNan;
  double D = kNan;
  std::string fit;          ///< as Analysed has it; empty in an index before `place`
  std::string left_out;     ///< as given by left_out_name, beside the run of the latest checkpoint
  std::int64_t place = -1;  ///< in the order of training of that run, from 0; -1: not in it
};

using wishart::visit_columns;  // for the other rows; the overload below would hide it

template <class F>
void visit_columns(IndexRow& r, F&& f) {
  f("checkpoint_id", r.checkpoint_id), f("size_bytes", r.size_bytes), f("mtime_ns", r.mtime_ns);
  f("standing", r.standing), f("checkpoint_path", r.checkpoint_path);
  f("checkpoint_identity", r.checkpoint_identity), f("analysis", r.analysis);
  f("base_path", r.base_path), f("base_identity", r.base_identity), f("model_type", r.model_type);
  f("mode", r.mode), f("created", r.created), f("step", r.step), f("tokens", r.tokens);
  f("loss", r.loss), f("eval_loss", r.eval_loss), f("learning_rate", r.learning_rate);
  f("seconds", r.seconds), f("restarts", r.restarts), f("layers", r.layers), f("alpha", r.alpha);
  f("alpha_median", r.alpha_median), f("alpha_weighted", r.alpha_weighted);
  f("log_alpha_norm", r.log_alpha_norm), f("log_norm", r.log_norm);
  f("log_spectral_norm", r.log_spectral_norm), f("stable_rank", r.stable_rank), f("D", r.D);
  f("fit", r.fit), f("left_out", r.left_out), f("place", r.place);
}

/// What an update did.
struct IndexUpdate {
  std::int64_t checkpoints = 0;
  std::int64_t read = 0;  ///< how many of these were opened; the others come from the old index
  std::vector<std::string>
      unreadable;  ///< why some could not be read: they have a row that says so
};

/// Brings `folder/index.h5` up to date with the files in the folder, atomically: a reader sees the
/// old index or the new one. Unless `rebuild`, files whose size and modification time match the old
/// index are not opened. A file that cannot be read gets a row that says so, and is tried again by
/// the next update. A folder without checkpoints gets no index if it has none. Which checkpoint is
/// where in training is worked out for all rows (Reader::latest_run); if one cannot be read, that
/// is not known.
///
/// If two updates run at once, the index of one of them remains. The next update corrects it.
/// @throws Error with Blame::usage if `folder` is a file, with Blame::resource if the index cannot
///   be written
IndexUpdate update_index(const std::filesystem::path& folder, bool rebuild);

/// The rows of `archive/index.h5`, or of a packed file, in natural order of ids. Those of a packed
/// file have no sizes and times; one that was packed by an older version has none.
/// @throws Error with Blame::input if the index is missing or damaged
[[nodiscard]] std::vector<IndexRow> read_index(const std::filesystem::path& archive);

/// Writes all checkpoints of `folder` into the file `target`, with a group `/checkpoints/<id>` for
/// the content of each file, and the rows of an index. The file is built in memory.
/// @return the number of checkpoints
/// @throws Error with Blame::usage if `target` exists or `folder` is a file, with Blame::input if a
/// file is damaged or
///   the folder has no checkpoint, with Blame::resource if `target` cannot be written
std::int64_t pack_archive(const std::filesystem::path& folder, const std::filesystem::path& target);

/// What came out of a packed file.
struct Unpacked {
  std::int64_t checkpoints = 0;
  std::vector<std::string> left;  ///< ids of those that cannot be read
  std::string reason;             ///< why the first of these cannot be
};

/// Writes each checkpoint of a packed file into its own file in `folder`, but those that are not as
/// written.
/// @throws Error with Blame::usage if a file already exists; nothing is overwritten. With
///   Blame::input if the list of checkpoints is not as written
Unpacked unpack_archive(const std::filesystem::path& packed, const std::filesystem::path& folder);

}  // namespace wishart::archive
