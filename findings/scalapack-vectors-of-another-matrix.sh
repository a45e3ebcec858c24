#!/usr/bin/env bash
# ScaLAPACK 2.2.1 (Debian 12): PDSYEVD, with the workspace that it asks for, returns eigenvectors of another matrix and INFO = 0
# if each process has few blocks. The eigenvalues are right, and the vectors are orthonormal.
#
# A = I + the Hilbert matrix, blocks of NB, LWORK from the query, which is also what the description of PDSYEVD demands;
# V are the vectors, W the values, norms are those of Frobenius:
#
#   processes   order   NB    INFO   |A V - V W|   |A V - V W|, LWORK larger by NB^2 + 2 NB (NP + NQ)
#   1 x 1         64     64     0        3.0             1e-14
#   1 x 1         64     32     0        1e-14           1e-14
#   2 x 2        128     64     0        3.2             1e-14
#   2 x 2         96     32     0        3.1             1e-14
#   2 x 2        256     64     0        1e-14           1e-14
#
# NP x NQ is the part of a process. The query counts what PDSTEDC needs. PDORMTR, which is called last, needs NB (NP + NQ) + NB^2, and
# if that is more than 6 N + 2 NP NQ + 1 on one process (one block a process, as a rule), it prints "parameter number 16 had an
# illegal value" on all of them and does nothing. PDSYEVD does not look at what it returns (IINFO; neither does the source at
# 8ecdce2 of the repository), so what comes back are the vectors of the tridiagonal matrix. Orthogonality or the trace do not
# show it, and the message is among the output of the program.
#
# wishart does not call PDSYEVD: its values come from PDSYNTRD and DSTERF.
#
# Needs apt-get of Debian 12 (packages are unpacked in a temporary folder, nothing is installed), dpkg-deb and gcc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .  # apt-get fetches as another user
for package in libscalapack-openmpi2.2=2.2.1-2+b1 libblas3=3.11.0-2 liblapack3=3.11.0-2 libgfortran5 libquadmath0 \
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
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

void Cblacs_get(int, int, int*);
void Cblacs_gridinit(int*, const char*, int, int);
void Cblacs_gridinfo(int, int*, int*, int*, int*);
int numroc_(int*, int*, int*, int*, int*);
void descinit_(int*, int*, int*, int*, int*, int*, int*, int*, int*, int*);
void pdsyevd_(const char*, const char*, int*, double*, int*, int*, int*, double*, double*, int*, int*, int*, double*, int*,
              int*, int*, int*);
void pdgemm_(const char*, const char*, int*, int*, int*, double*, double*, int*, int*, int*, double*, int*, int*, int*, double*,
             double*, int*, int*, int*);

static int zero = 0, one = 1, side, row, col, context;

static int global(int i, int block, int place) { return (i / block * side + place) * block + i % block; }

static double norm(const double* a, int count) {
  double sum = 0, all;
  for (int i = 0; i < count; ++i) sum += a[i] * a[i];
  MPI_Allreduce(&sum, &all, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  return sqrt(all);
}

static const char* size_of(double value) { return value < 1e-12 ? "none" : value > 1 ? "above 1" : "between"; }

static void solve(int n, int nb, int more) {
  int np = numroc_(&n, &nb, &row, &zero, &side), nq = numroc_(&n, &nb, &col, &zero, &side), info, desc[9];
  descinit_(desc, &n, &n, &nb, &nb, &zero, &zero, &context, &np, &info);
  double *a = calloc(np * nq, 8), *b = calloc(np * nq, 8), *v = calloc(np * nq, 8), *r = calloc(np * nq, 8);
  double *w = calloc(n, 8), asked, done = 1, none = 0;
  for (int j = 0; j < nq; ++j)
    for (int i = 0; i < np; ++i) {
      int gi = global(i, nb, row), gj = global(j, nb, col);
      a[i + np * j] = b[i + np * j] = 1. / (1 + gi + gj) + (gi == gj);
    }
  int lwork = -1, liwork = -1, integers;
  pdsyevd_("V", "L", &n, a, &one, &one, desc, w, v, &one, &one, desc, &asked, &lwork, &integers, &liwork, &info);
  lwork = (int)asked + (more ? nb * nb + 2 * nb * (np + nq) : 0);
  liwork = integers;
  double* space = calloc(lwork, 8);
  int* indices = calloc(liwork, sizeof(int));
  pdsyevd_("V", "L", &n, a, &one, &one, desc, w, v, &one, &one, desc, space, &lwork, indices, &liwork, &info);
  /* V^T V - I, then A V - V W */
  pdgemm_("T", "N", &n, &n, &n, &done, v, &one, &one, desc, v, &one, &one, desc, &none, r, &one, &one, desc);
  for (int j = 0; j < nq; ++j)
    for (int i = 0; i < np; ++i) r[i + np * j] -= global(i, nb, row) == global(j, nb, col);
  double orthogonal = norm(r, np * nq);
  pdgemm_("N", "N", &n, &n, &n, &done, b, &one, &one, desc, v, &one, &one, desc, &none, r, &one, &one, desc);
  for (int j = 0; j < nq; ++j)
    for (int i = 0; i < np; ++i) r[i + np * j] -= w[global(j, nb, col)] * v[i + np * j];
  double residual = norm(r, np * nq), trace = 0;
  for (int i = 0; i < n; ++i) trace += w[i] - 1 - 1. / (1 + 2 * i);
  if (row + col == 0)
    printf("%dx%d order %d, NB %d%s: INFO %d, error of trace %s, of V'V %s, of A V %s\n", side, side, n, nb,
           more ? ", more workspace" : "", info, size_of(fabs(trace)), size_of(orthogonal), size_of(residual));
  free(a); free(b); free(v); free(r); free(w); free(space); free(indices);
}

int main(int argc, char** argv) {
  int size;
  MPI_Init(&argc, &argv);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  side = size == 4 ? 2 : 1;
  Cblacs_get(-1, 0, &context);
  Cblacs_gridinit(&context, "R", side, side);
  Cblacs_gridinfo(context, &side, &side, &row, &col);
  for (int i = 1; i + 1 < argc; i += 2)
    for (int more = 0; more < 2; ++more) solve(atoi(argv[i]), atoi(argv[i + 1]), more);
  MPI_Finalize();
  return 0;
}
C
gcc run.c -o run -I"$libraries/openmpi/include" -L"$libraries/openmpi/lib" -L"$libraries" -Wl,-rpath-link,"$LD_LIBRARY_PATH" \
    -l:libscalapack-openmpi.so.2.2 -lmpi -lm
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
    OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_pml=ob1
{
    "$usr/bin/mpirun.openmpi" -np 1 ./run 64 64 64 32
    "$usr/bin/mpirun.openmpi" -np 4 ./run 128 64 96 32 256 64
} > said
{
    grep '^[12]x' said
    sed -n 's/.*\(On entry to PDORMTR.*value\).*/\1/p' said | uniq -c
} | tee seen
diff - seen <<'SEEN'
1x1 order 64, NB 64: INFO 0, error of trace none, of V'V none, of A V above 1
1x1 order 64, NB 64, more workspace: INFO 0, error of trace none, of V'V none, of A V none
1x1 order 64, NB 32: INFO 0, error of trace none, of V'V none, of A V none
1x1 order 64, NB 32, more workspace: INFO 0, error of trace none, of V'V none, of A V none
2x2 order 128, NB 64: INFO 0, error of trace none, of V'V none, of A V above 1
2x2 order 128, NB 64, more workspace: INFO 0, error of trace none, of V'V none, of A V none
2x2 order 96, NB 32: INFO 0, error of trace none, of V'V none, of A V above 1
2x2 order 96, NB 32, more workspace: INFO 0, error of trace none, of V'V none, of A V none
2x2 order 256, NB 64: INFO 0, error of trace none, of V'V none, of A V none
2x2 order 256, NB 64, more workspace: INFO 0, error of trace none, of V'V none, of A V none
      9 On entry to PDORMTR parameter number   16 had an illegal value
SEEN
echo "as described"
