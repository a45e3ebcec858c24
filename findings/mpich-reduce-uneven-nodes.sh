#!/usr/bin/env bash
# MPICH 4.0.2 (Debian 12): MPI_Reduce of more than 2048 bytes adds wrongly if the first rank is alone on its node
# and another node has several ranks. No error is returned.
#
# Three ranks, one on the first node and two on the second, each gives ones; the result buffer holds 100 before:
#
#   numbers (double)   root   sum
#   256                any    3
#   257                0      102: what the buffer held, instead of the root's own share
#   257                1, 2   2 and what a temporary buffer of rank 0 held, instead of its share
#   257                any    3 with two ranks on the first node, or with MPIR_CVAR_DEVICE_COLLECTIVES=none
#
# No MPI_IN_PLACE is involved. ScaLAPACK is exposed: BLACS' dgsum2d to one process is this call, and its communicators are
# rows and columns of a grid, which lie over nodes as they like. In src/mpid/ch4/src/ch4_coll_impl.h,
# MPIDI_Reduce_intra_composition_alpha lets the first node's rank 0 take part with MPI_IN_PLACE, as if a reduction within its node
# had filled the buffer; alone on its node it has made none. Reported for 4.1 as pmodels/mpich 6893; the composition is in
# 3.4, and repaired in 4.1.3 and 4.2.0.
#
# The two "nodes" are two names of this machine, with which Hydra starts ranks without a network.
#
# Needs apt-get of Debian 12 (packages are unpacked in a temporary folder, nothing is installed), dpkg-deb and gcc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .  # apt-get fetches as another user
for package in mpich=4.0.2-3+b1 libmpich12=4.0.2-3+b1 libmpich-dev=4.0.2-3+b1 libucx0=1.13.1-1 libfabric1=1.17.0-3 \
    libhwloc15=2.9.0-1 libnuma1 libslurm38; do
    apt-get download -qq "$package" >/dev/null
done
for file in *.deb; do dpkg-deb -x "$file" root; done
cat > run.c <<'C'
#include <mpi.h>
#include <stdio.h>

int main(void) {
  static const int counts[] = {256, 257};
  int rank;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int i = 0; i < 2; ++i) {
    double ones[257], sum[257];
    for (int k = 0; k < 257; ++k) { ones[k] = 1; sum[k] = 100; }
    MPI_Reduce(ones, sum, counts[i], MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) printf("%d numbers: %g\n", counts[i], sum[0]);
  }
  MPI_Finalize();
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
gcc run.c -o run -I root/usr/include/x86_64-linux-gnu/mpich -L "$libraries" -Wl,-rpath-link,"$libraries" -l:libmpich.so.12
run() { # HOSTS [VARIABLE=VALUE]
    echo "$*"
    env LD_LIBRARY_PATH="$libraries" "${@:2}" root/usr/bin/mpiexec.hydra -launcher fork -hosts "$1" -n 3 ./run
}
{
    LD_LIBRARY_PATH=$libraries root/usr/bin/mpichversion | sed -n 's/^MPICH \(Version\|Device\):[[:space:]]*/\1 /p'
    run localhost:1,127.0.0.1:2
    run localhost:2,127.0.0.1:1
    run localhost:1,127.0.0.1:2 MPIR_CVAR_DEVICE_COLLECTIVES=none
} | tee seen
diff - seen <<'SEEN'
Version 4.0.2
Device ch4:ucx
localhost:1,127.0.0.1:2
256 numbers: 3
257 numbers: 102
localhost:2,127.0.0.1:1
256 numbers: 3
257 numbers: 3
localhost:1,127.0.0.1:2 MPIR_CVAR_DEVICE_COLLECTIVES=none
256 numbers: 3
257 numbers: 3
SEEN
echo "as described"
