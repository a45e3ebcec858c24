#pragma once

/// @file
/// The worker: what every rank does, rank 0 included.

#include <vector>

#include "wishart/mpi/team_comms.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/ranks/messages.hpp"

namespace wishart::job {

/// Carries out the coordinator's assignments until told to leave. The first rank of a team fits the
/// spectrum and passes the result to a courier.
///
/// @param teams  one for each team of the tree; only those of this rank are used
void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams);

}  // namespace wishart::job
