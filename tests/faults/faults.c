/* Loaded before the C library and MPI: counts the calls of each kind that concern certain files, and
 * makes one of them fail. check_faults.py tries every one of them. Here is what is wanted and what is counted; the
 * functions that this library stands in for are in the files beside this one.
 *
 *   WISHART_FAULT_PATHS  folders, separated by colons. Calls on what is in them count, all others pass
 *   WISHART_FAULT_NAME   only calls on paths that hold this count; default: all of those
 *   WISHART_FAULT_KIND   the kind of call that fails; see kinds below
 *   WISHART_FAULT_NTH    which call of this kind, from 1
 *   WISHART_FAULT_LAST   the last that fails too; default: NTH, so only one
 *   WISHART_FAULT_ERROR  EIO, ENOSPC, EDQUOT, ENOMEM, EINTR, ESTALE, EROFS, EMFILE, or `short`: fewer bytes than
 *                        were asked for. Or what happens to processes before the call is made: `stop` (SIGSTOP to
 *                        this one), `kill` (this one), `kill-parent` (mpirun), `kill-all` (mpirun and all ranks)
 *   WISHART_FAULT_RANK   only on this rank of Open MPI's mpirun
 *   WISHART_FAULT_BYTES  the least allocation that counts; default 1 MiB
 *   WISHART_FAULT_LOG    a file to which each process appends `RANK count KIND COUNT` at its end, and
 *                        `RANK fault KIND NTH CALL PATH` when a call fails
 *
 *   WISHART_FAULT_CLOCK  seconds by which the clock of the wall is set when the first file is touched
 *
 * Allocations, and what MPI does, count from the first call that concerns one of the files, so that nothing
 * fails while libraries start. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "faults.h"

static const char* const kinds[k_count] = {
    "open",   "read",    "pread",    "write",   "pwrite",  "fsync",    "close",  "stat",
    "utime",  "rename",  "link",     "unlink",  "mkdir",   "truncate", "opendir", "readdir",
    "mmap",   "malloc",  "mpi_send", "mpi_recv", "mpi_poll", "mpi_all", "mpi_comm"};

struct wanted_fault want;
enum { a_short = -1, a_stop = -2, a_kill = -3, a_kill_parent = -4, a_kill_all = -5 };
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_long counts[k_count];
static atomic_int armed;

static const struct {
  const char* name;
  int code;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"ENOMEM", ENOMEM}, {"EINTR", EINTR},
              {"ESTALE", ESTALE}, {"EROFS", EROFS},   {"EMFILE", EMFILE}, {"EACCES", EACCES}, {"short", a_short},
              {"stop", a_stop}, {"kill", a_kill}, {"kill-parent", a_kill_parent}, {"kill-all", a_kill_all}};

static long number(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text == NULL ? otherwise : atol(text);
}

static void read_wanted(void) {
  want.paths = getenv("WISHART_FAULT_PATHS");
  want.name = getenv("WISHART_FAULT_NAME");
  want.log = getenv("WISHART_FAULT_LOG");
  want.rank = getenv("OMPI_COMM_WORLD_RANK");
  if (want.rank == NULL) want.rank = "0";
  want.nth = number("WISHART_FAULT_NTH", 0);
  want.last = number("WISHART_FAULT_LAST", want.nth);
  want.bytes = number("WISHART_FAULT_BYTES", 1L << 20);
  want.clock = number("WISHART_FAULT_CLOCK", 0);
  want.kind = -1;
  want.error = 0;
  const char* kind = getenv("WISHART_FAULT_KIND");
  for (int i = 0; kind != NULL && i < k_count; ++i) {
    if (strcmp(kind, kinds[i]) == 0) want.kind = i;
  }
  const char* error = getenv("WISHART_FAULT_ERROR");
  for (size_t i = 0; error != NULL && i < sizeof errors / sizeof errors[0]; ++i) {
    if (strcmp(error, errors[i].name) == 0) want.error = errors[i].code;
  }
  const char* rank = getenv("WISHART_FAULT_RANK");
  if (rank != NULL && strcmp(rank, want.rank) != 0) want.kind = -1;
}

void read_fault_once(void) { pthread_once(&once, read_wanted); }

void read_fault_again(void) {
  read_fault_once(); /* so that no later call reads them for the first time */
  read_wanted();
}

/* One line of the log, past all functions that this library stands in for. */
static void note(const char* text) {
  if (want.log == NULL) return;
  const long file = syscall(SYS_openat, AT_FDCWD, want.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (file < 0) return;
  syscall(SYS_write, file, text, strlen(text));
  syscall(SYS_close, file);
}

__attribute__((destructor)) static void tell(void) {
  read_fault_once();
  char line[128];
  for (int i = 0; i < k_count && atomic_load(&armed); ++i) {
    snprintf(line, sizeof line, "%s count %s %ld\n", want.rank, kinds[i], atomic_load(&counts[i]));
    note(line);
  }
}

/* What happens to processes. */
static void strike(void) {
  if (want.error == a_stop) kill(getpid(), SIGSTOP);
  if (want.error == a_kill_parent || want.error == a_kill_all) {
    char path[64], ranks[4096];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", getppid(), getppid());
    const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    const long size = file < 0 ? 0 : syscall(SYS_read, file, ranks, sizeof ranks - 1);
    syscall(SYS_close, file);
    ranks[size < 0 ? 0 : size] = '\0';
    kill(getppid(), SIGKILL);
    char* rest = ranks;
    for (long rank; want.error == a_kill_all && (rank = strtol(rest, &rest, 10)) > 0;) {
      if (rank != getpid()) kill((pid_t)rank, SIGKILL);
    }
  }
  if (want.error == a_kill || want.error == a_kill_all) kill(getpid(), SIGKILL);
}

int call_fails(enum kind kind, const char* call, const char* path) {
  const long n = atomic_fetch_add(&counts[kind], 1) + 1;
  if (want.kind != (long)kind || n < want.nth || n > want.last || want.nth == 0) return 0;
  char line[4400];
  snprintf(line, sizeof line, "%s fault %s %ld %s %s\n", want.rank, kinds[kind], n, call, path);
  note(line);
  if (want.error < a_short) {
    strike();
    return 0;
  }
  errno = want.error < 0 ? 0 : want.error;
  return 1;
}

int is_armed(void) { return atomic_load(&armed); }

static int is_ours(const char* path) {
  for (const char* begin = want.paths; *begin != '\0';) {
    const size_t length = strcspn(begin, ":");
    if (length > 0 && strncmp(path, begin, length) == 0) {
      atomic_store(&armed, 1);
      return 1;
    }
    begin += length + (begin[length] == ':');
  }
  return 0;
}

/* The path of an open file; empty if it is not known. */
static const char* path_of(int descriptor, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, size - 1);
  path[length < 0 ? 0 : length] = '\0';
  return path;
}

int path_fails(enum kind kind, const char* call, const char* path) {
  read_fault_once();
  if (want.paths == NULL || path == NULL || path[0] == '\0') return 0;
  char whole[8192];
  if (path[0] != '/') {
    if (syscall(SYS_getcwd, whole, 4096) < 0) return 0;
    strcat(whole, "/");
    strncat(whole, path, 4000);
    path = whole;
  }
  if (!is_ours(path) || (want.name != NULL && strstr(path, want.name) == NULL)) return 0;
  return call_fails(kind, call, path);
}

int file_fails(enum kind kind, const char* call, int descriptor) {
  read_fault_once();
  if (want.paths == NULL) return 0;
  char path[4096];
  const int before = errno;
  path_of(descriptor, path, sizeof path);
  errno = before;
  return path[0] == '/' && path_fails(kind, call, path); /* not a pipe or a socket */
}

int at_fails(enum kind kind, const char* call, int at, const char* name) {
  read_fault_once();
  if (want.paths == NULL || name == NULL) return 0;
  if (name[0] == '/' || at == AT_FDCWD) return path_fails(kind, call, name);
  char path[8192];
  path_of(at, path, 4096);
  strcat(path, "/");
  strncat(path, name, 4000);
  return path_fails(kind, call, path);
}
