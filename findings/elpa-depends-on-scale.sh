#!/usr/bin/env bash
# ELPA 2022.11.001 (Debian 12): on more than one process the eigenvalues of a matrix depend on its unit: if they are below 1e-9,
# they are wrong by up to some percent of the largest one, without an error.
#
# The same Gram matrix of order 64, largest eigenvalue 0.44, times a power of two, which changes no digit; what the eigenvalues are off
# by, divided by the largest, against those without the factor. Blocks of 16; one and two stages alike:
#
#   largest eigenvalue       1 process    2 or 4 processes
#   0.44                       0              0
#   4e-7  (times 2^-20)        0              0
#   4e-10 (times 2^-30)        0              2e-13
#   4e-13 (times 2^-40)        0              1e-4
#   4e-16 (times 2^-50)        0              2e-2
#   4e-31 (times 2^-100)       0              2e-2
#   4e+29 (times 2^100)        0              0
#
# The solver of the tridiagonal matrix joins those of its halves, and skips what is below 8 eps max(max |d|, max |z|). d are
# eigenvalues, in the unit of the matrix; z are parts of unit vectors, about 0.1. LAPACK has the same line (DLAED2), but DSTEDC brings
# the matrix to norm 1 before; ScaLAPACK's PDSTEDC does too. ELPA does not, and joins nothing where the matrix is small. The line is
# in 2026.02.001 as well (src/solve_tridi/merge_systems_template.F90). One process solves without joining. The same is reported of
# rocSOLVER: ROCm/rocm-libraries 10646.
#
# Gram matrices of weights of 1e-8, or of energies of atoms in joules, are that small. wishart multiplies by a power of two first, so
# that the largest element is near 1, and divides the eigenvalues: that is exact, and enough.
#
# Needs apt-get of Debian 12 (packages are unpacked in a temporary folder, nothing is installed), dpkg-deb and gcc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .  # apt-get fetches as another user
for package in libelpa19=2022.11.001-2+deb12u1 libelpa-dev=2022.11.001-2+deb12u1 libscalapack-openmpi2.2=2.2.1-2+b1 \
    libblas3=3.11.0-2 liblapack3=3.11.0-2 libgfortran5 libquadmath0 \
    openmpi-bin=4.1.4-3+b1 openmpi-common=4.1.4-3 libopenmpi3=4.1.4-3+b1 libopenmpi-dev=4.1.4-3+b1 \
    libpmix2=4.2.2-1+deb12u1 libhwloc15=2.9.0-1 libfabric1=1.17.0-3 libucx0=1.13.1-1 librdmacm1=44.0-2 \
    libibverbs1=44.0-2 libevent-core-2.1-7 libevent-pthreads-2.1-7 libmunge2 libpsm-infinipath1 libpsm2-2 libnl-3-200 \
    libnl-route-3-200 libnuma1; do
    apt-get download -qq "$package" >/dev/null
done
for file in *.deb; do dpkg-deb -x "$file" root; done
usr=$work/root/usr libraries=$work/root/usr/lib/x86_64-linux-gnu
export OPAL_PREFIX=$usr PMIX_INSTALL_PREFIX=$usr
export LD_LIBRARY_PATH=$libraries:$libraries/openmpi/lib:$libraries/blas:$libraries/lapack
cat > run.c <<'C'
#include <elpa/elpa.h>
#include <math.h>
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { order = 64, wide = 128, block = 16 };

static int rank, size, rows; /* of the grid of processes */

static void set(elpa_t handle, const char* name, int value) {
  int error;
  elpa_set_integer(handle, name, value, &error);
  if (error != ELPA_OK) printf("%s: error %d\n", name, error);
}

static void values(const double* gram, int exponent, int solver, double* found) {
  int error, row = rank % rows, col = rank / rows, height = order / rows, width = order / (size / rows);
  double* part = malloc(sizeof(double) * height * width);
  for (int j = 0; j < width; ++j)
    for (int i = 0; i < height; ++i)
      part[i + height * j] = ldexp(gram[(i / block * rows + row) * block + i % block +
                                        order * ((j / block * (size / rows) + col) * block + j % block)], exponent);
  elpa_t handle = elpa_allocate(&error);
  set(handle, "na", order);
  set(handle, "nev", order);
  set(handle, "local_nrows", height);
  set(handle, "local_ncols", width);
  set(handle, "nblk", block);
  set(handle, "mpi_comm_parent", MPI_Comm_c2f(MPI_COMM_WORLD));
  set(handle, "process_row", row);
  set(handle, "process_col", col);
  if (elpa_setup(handle) != ELPA_OK) printf("no set-up\n");
  set(handle, "solver", solver);
  elpa_eigenvalues_double(handle, part, found, &error);
  if (error != ELPA_OK) printf("error %d\n", error);
  for (int i = 0; i < order; ++i) found[i] = ldexp(found[i], -exponent);
  elpa_deallocate(handle, &error);
  free(part);
}

int main(void) {
  static const int exponents[] = {-20, -30, -40, -50, -100, 100};
  static double matrix[order * wide], gram[order * order], right[order], found[order];
  uint64_t state = 1;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  rows = size == 4 ? 2 : 1;
  if (elpa_init(20211125) != ELPA_OK) return 1;
  for (int i = 0; i < order * wide; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    matrix[i] = (double)(state >> 11) / 9007199254740992. - 0.5;
  }
  for (int i = 0; i < order; ++i)
    for (int j = 0; j < order; ++j)
      for (int k = 0; k < wide; ++k) gram[i + order * j] += matrix[i * wide + k] * matrix[j * wide + k] / order;
  for (int stages = 1; stages <= 2; ++stages) {
    int solver = stages == 1 ? ELPA_SOLVER_1STAGE : ELPA_SOLVER_2STAGE;
    values(gram, 0, solver, right);
    if (rank == 0) printf("%d of MPI, stages %d, largest %.2f:", size, stages, right[order - 1]);
    for (int e = 0; e < 6; ++e) {
      double off = 0;
      values(gram, exponents[e], solver, found);
      for (int i = 0; i < order; ++i) off = fmax(off, fabs(found[i] - right[i]) / right[order - 1]);
      const char* words = off == 0 ? "same" : off < 1e-11 ? "rounded" : off < 1e-3 ? "1e-4" : off < 0.1 ? "2e-2" : "more";
      if (rank == 0) printf(" 2^%d %s", exponents[e], words);
    }
    if (rank == 0) printf("\n");
  }
  MPI_Finalize();
  return 0;
}
C
gcc run.c -o run -I"$usr/include/elpa" -I"$libraries/openmpi/include" -L"$libraries/openmpi/lib" -L"$libraries" \
    -Wl,-rpath-link,"$LD_LIBRARY_PATH" -l:libelpa.so.19 -l:libscalapack-openmpi.so.2.2 -lmpi -lm
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_pml=ob1
for processes in 1 2 4; do
    "$usr/bin/mpirun.openmpi" -np "$processes" ./run
done | tee seen
diff - seen <<'SEEN'
1 of MPI, stages 1, largest 0.44: 2^-20 same 2^-30 same 2^-40 same 2^-50 same 2^-100 same 2^100 same
1 of MPI, stages 2, largest 0.44: 2^-20 same 2^-30 same 2^-40 same 2^-50 same 2^-100 same 2^100 same
2 of MPI, stages 1, largest 0.44: 2^-20 same 2^-30 rounded 2^-40 1e-4 2^-50 2e-2 2^-100 2e-2 2^100 same
2 of MPI, stages 2, largest 0.44: 2^-20 same 2^-30 rounded 2^-40 1e-4 2^-50 2e-2 2^-100 2e-2 2^100 same
4 of MPI, stages 1, largest 0.44: 2^-20 same 2^-30 rounded 2^-40 1e-4 2^-50 2e-2 2^-100 2e-2 2^100 same
4 of MPI, stages 2, largest 0.44: 2^-20 same 2^-30 rounded 2^-40 1e-4 2^-50 2e-2 2^-100 2e-2 2^100 same
SEEN
echo "as described"
