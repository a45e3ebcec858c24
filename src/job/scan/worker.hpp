#pragma once

/// @file
/// The worker: what every rank does, rank 0 included.

#include <vector>

#include "wishart/mpi/team_comms.hpp"
#include "wishart/spectrum/spectrum.hpp"

#include "scan/messages.hpp"

namespace wishart::job {

/// Does what the coordinator says until told to leave. The first rank of a team fits its spectrum
/// and hands the result to a courier.
///
/// @param teams  one for each team of the tree; used where this rank is a member
void work(const WorkOrder& order, const mpi::Comm& control, std::vector<spectrum::Team>& teams);

}  // namespace wishart::job
