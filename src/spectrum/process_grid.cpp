#include "wishart/spectrum/process_grid.hpp"

#include <cmath>

#include "wishart/mpi/failure.hpp"

#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

// Arguments of BLACS_SET (BLACS/SRC/Bdef.h of ScaLAPACK 2.2).
constexpr int kTopologiesRepeat = 15;
constexpr int kTopologiesCoherent = 16;

}  // namespace

ProcessGrid::ProcessGrid(const mpi::Comm& team) {
  rows_ = static_cast<int>(std::sqrt(static_cast<double>(team.size())));
  while (team.size() % rows_ != 0) --rows_;
  cols_ = team.size() / rows_;
  // BLACS keeps one handle per communicator, however often it is requested. So free it right away:
  // if it were kept until the destructor, two grids on one communicator would free it twice.
  const mpi::AbortsOnFailure aborts(team);  // BLACS does not look at error codes
  const int handle = Csys2blacs_handle(team.get());
  context_ = handle;
  Cblacs_gridinit(&context_, "Row", rows_, cols_);
  Cfree_blacs_system_handle(handle);
  // Without these settings, combine operations add in the order in which messages arrive. Then the
  // last bits of a result would depend on timing and differ between ranks.
  const int yes = 1;
  Cblacs_set(context_, kTopologiesRepeat, &yes);
  Cblacs_set(context_, kTopologiesCoherent, &yes);
  Cblacs_gridinfo(context_, &rows_, &cols_, &row_, &col_);
}

ProcessGrid::~ProcessGrid() { Cblacs_gridexit(context_); }

}  // namespace wishart::spectrum
