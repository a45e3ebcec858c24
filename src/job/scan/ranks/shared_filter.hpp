#pragma once

/// @file
/// The ranks share the compression of an archive, which otherwise rank 0 would do while the others
/// wait.

#include <exception>
#include <functional>

#include "wishart/archive/chunk_filter.hpp"
#include "wishart/mpi/comm.hpp"

namespace wishart::job {

/// Calls `write` on rank 0 with a filter that hands chunks to all ranks; the others filter until it
/// returns. Collective over `comm`.
/// @return what `write` threw, or null; the others were told to go on
/// @throws what keeps the ranks from going on together: the job must end
[[nodiscard]] std::exception_ptr with_shared_filter(
    const mpi::Comm& comm, const std::function<void(const archive::ChunkFilter&)>& write);

}  // namespace wishart::job
