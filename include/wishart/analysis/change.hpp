#pragma once

/// @file
/// What became of a matrix from one checkpoint to another.

#include <cstdint>
#include <string_view>

namespace wishart::analysis {

/// What became of a matrix of checkpoint A in B.
enum class Change : std::uint8_t {
  same,        ///< equal hashes
  changed,     ///< other values
  rearranged,  ///< other elements with the same spectrum but for rounding: rows or columns in
               ///< another order, transposed, or other signs
  misplaced,   ///< the values are those of another layer of A
  added,       ///< only B has it
  removed,     ///< only A has it
  reshaped,    ///< another shape, and none of those below
  grown,       ///< an embedding or a head with a larger vocabulary
  shrunk,      ///< an embedding or a head with a smaller vocabulary
  tied,        ///< B leaves out what A stores as a copy of another table
  replaced,    ///< a head, by a classifier or the other way
  mtp,         ///< of a module for multi-token prediction that B leaves out as a whole
  narrowed,    ///< a router of which rows went with their experts
  left_out,    ///< one of the two scans left it out by `--layers`
  unknown,     ///< one of the two has no spectrum
};

/// The word in tables and JSON: `same`, ..., `left-out`, `unknown`.
[[nodiscard]] std::string_view change_name(Change change);

/// True if A has it and B has not, or has it in another shape, and nothing says that this is right.
[[nodiscard]] bool is_lost(Change change);
/// True if B has reasons to leave it out: another table or another head stands for it, or it only
/// makes drafts.
[[nodiscard]] bool is_lawfully_gone(Change change);
/// True if only one of the two checkpoints has it. What a scan left out, both may have.
[[nodiscard]] bool is_of_one_only(Change change);
/// True for an embedding of tokens or a head that has its shape but for the vocabulary.
[[nodiscard]] bool has_other_vocabulary(Change change);
/// True if the answers of the model are what they would be without the change.
[[nodiscard]] bool keeps_answers(Change change);

}  // namespace wishart::analysis
