// Preloaded by the tests over MPICH, whose ranks never give way while they wait
// (findings/mpich-never-yields.sh): with more of them than cores a test would take minutes in place of
// a second. May use the C library only.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>

/// UCX's progress, which MPICH's device calls again and again until a message has come.
unsigned ucp_worker_progress(void* worker);

unsigned ucp_worker_progress(void* worker) {
  static unsigned (*progress)(void*);
  if (!progress) progress = (unsigned (*)(void*))dlsym(RTLD_NEXT, "ucp_worker_progress");
  const unsigned events = progress(worker);
  if (events == 0) sched_yield();
  return events;
}
