#include "wishart/spectrum/process_grid.hpp"

#include <cmath>

#include "lapack.hpp"

namespace wishart::spectrum {
namespace {

// What BLACS_SET takes (BLACS/SRC/Bdef.h of ScaLAPACK 2.2).
constexpr int kTopologiesRepeat = 15;
constexpr int kTopologiesCoherent = 16;

}  // namespace

ProcessGrid::ProcessGrid(const mpi::Comm& team) {
  rows_ = static_cast<int>(std::sqrt(static_cast<double>(team.size())));
  while (team.size() % rows_ != 0) --rows_;
  cols_ = team.size() / rows_;
  // BLACS keeps one handle per communicator, whoever asks, so it is given back at once: a handle
  // kept until the destructor would be freed twice by two grids on one communicator.
  const int handle = Csys2blacs_handle(team.get());
  context_ = handle;
  Cblacs_gridinit(&context_, "Row", rows_, cols_);
  Cfree_blacs_system_handle(handle);
  // Without these, combines add up in the order in which messages come in: the last bits of a
  // result would depend on timing, and differ between the ranks.
  const int yes = 1;
  Cblacs_set(context_, kTopologiesRepeat, &yes);
  Cblacs_set(context_, kTopologiesCoherent, &yes);
  Cblacs_gridinfo(context_, &rows_, &cols_, &row_, &col_);
}

ProcessGrid::~ProcessGrid() { Cblacs_gridexit(context_); }

}  // namespace wishart::spectrum
