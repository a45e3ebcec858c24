#!/usr/bin/env bash
# MPICH 4.0.2 (Debian 12, device ch4:ucx): MPIR_CVAR_POLLS_BEFORE_YIELD, "number of loops before the yield function is
# called" while waiting, has no effect: a rank that waits for a message never gives way, also with 1.
#
# Here rank 1 waits a second for rank 0 and counts the calls of sched_yield by itself and by the library:
#
#   variable unset    none
#   1                 none
#   1, with a UCX     many: ucp_worker_progress, which the waiting loop calls, is replaced by one that calls sched_yield
#   that yields       when nothing has come
#
# With more ranks than cores it decides about everything: each message waits until the scheduler takes the core from a
# rank that polls. 4 ranks on 2 cores took 79 s for a program of small ScaLAPACK calls, and 0.5 s with the UCX that yields
# (Open MPI 4.1.4 with mpi_yield_when_idle: 0.7 s).
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
#define _GNU_SOURCE
#include <mpi.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static long yields;
int sched_yield(void) {  /* in place of the C library's, for all libraries of the process */
  ++yields;
  return (int)syscall(SYS_sched_yield);
}

int main(void) {
  int rank, word = 0;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Barrier(MPI_COMM_WORLD);
  yields = 0;
  if (rank == 0) {
    sleep(1);
    MPI_Send(&word, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
  } else {
    MPI_Recv(&word, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    printf("%s\n", yields == 0 ? "never yielded" : "yielded");
  }
  MPI_Finalize();
  return 0;
}
C
cat > yielding.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>

unsigned ucp_worker_progress(void *worker) {
  unsigned (*progress)(void *) = (unsigned (*)(void *))dlsym(RTLD_NEXT, "ucp_worker_progress");
  unsigned events = progress(worker);
  if (events == 0) sched_yield();
  return events;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
gcc run.c -o run -rdynamic -I root/usr/include/x86_64-linux-gnu/mpich -L "$libraries" -Wl,-rpath-link,"$libraries" \
    -l:libmpich.so.12
gcc -shared -fPIC yielding.c -o yielding.so -ldl
run() { # [VARIABLE=VALUE...]
    echo "${*:-as it is}"
    env LD_LIBRARY_PATH="$libraries" "$@" root/usr/bin/mpiexec.hydra -launcher fork -n 2 ./run
}
{
    LD_LIBRARY_PATH=$libraries root/usr/bin/mpichversion | sed -n 's/^MPICH \(Version\|Device\):[[:space:]]*/\1 /p'
    run
    run MPIR_CVAR_POLLS_BEFORE_YIELD=1
    run MPIR_CVAR_POLLS_BEFORE_YIELD=1 LD_PRELOAD=./yielding.so
} | tee seen
diff - seen <<'SEEN'
Version 4.0.2
Device ch4:ucx
as it is
never yielded
MPIR_CVAR_POLLS_BEFORE_YIELD=1
never yielded
MPIR_CVAR_POLLS_BEFORE_YIELD=1 LD_PRELOAD=./yielding.so
yielded
SEEN
echo "as described"
