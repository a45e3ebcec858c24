#pragma once

/// @file
/// The protocol of docs/protocol.md as a system of states: the coordinator's own code
/// (Coordination) with ranks, couriers and a network around it, and a search through everything
/// that can happen.

#include <cstdint>
#include <string>
#include <vector>

#include "wishart/plan/plan.hpp"

namespace wishart::test {

/// Faults that are planted in the model, to see that the search finds them.
enum class Planted : std::uint8_t {
  nothing,
  lost_result,       ///< the network loses a result
  doubled_result,    ///< it delivers one twice
  lost_command,      ///< one rank of a team does not get its command
  deaf_rank,         ///< a rank that waits does not learn that its courier failed
  forgotten_signal,  ///< the coordinator is not told of the signal
  silent_rank,       ///< a rank fails and does not abort the job
  ignored_cut_off,   ///< nobody aborts the job when a command cannot be sent
};

/// What may happen in a search, each once on a path.
struct May {
  bool signal = false;         ///< the job is told to stop
  bool hold_back = false;      ///< work is held back because the job ends soon
  bool callback_fail = false;  ///< a callback of the coordinator throws: the disk is full
  bool poll_fail = false;      ///< receiving a result fails
  bool send_fail = false;      ///< sending a command fails, perhaps for some ranks of a team only
  bool courier_fail = false;   ///< sending a result fails
  bool rank_fail = false;      ///< a rank throws outside of everything
};

struct Searched {
  std::int64_t states = 0;
  std::int64_t steps = 0;   ///< from one state to another
  std::int64_t ends = 0;    ///< states in which everybody has left
  std::int64_t aborts = 0;  ///< states in which the job is aborted
  std::string fault;        ///< the first property that does not hold, and how it came to that
};

/// Goes through all states that a job of 3 ranks with this plan can be in, nearest first.
/// @param eager  a message counts as sent before it is received: MPI's way with short ones
[[nodiscard]] Searched search(const plan::Plan& plan, const May& may, bool eager,
                              Planted planted = Planted::nothing);

}  // namespace wishart::test
