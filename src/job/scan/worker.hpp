#pragma once

/// @file
/// The worker: what every rank does, rank 0 included.

#include <functional>
#include <vector>

#include "wishart/mpi/team_comms.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/messages.hpp"

namespace wishart::job {

/// Carries out the coordinator's assignments until told to leave. The first rank of a team fits the
/// spectrum and passes the result to a courier.
///
/// @param teams  one for each team of the tree; only those of this rank are used
/// @param alone  true when there is no coordinator any more: then it returns without being told to
/// @throws Error if results cannot be sent
void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams,
          const std::function<bool()>& alone);

}  // namespace wishart::job
