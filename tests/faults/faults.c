/* Loaded before the C library and MPI: counts the calls of each kind that concern certain files, and
 * makes one of them fail. check_faults.py tries every one of them.
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
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

enum kind {
  k_open,     /* open, openat, fopen */
  k_read,     /* read, readv */
  k_pread,    /* pread */
  k_write,    /* write, writev */
  k_pwrite,   /* pwrite */
  k_fsync,    /* fsync, fdatasync */
  k_close,    /* close, after which the file is closed all the same */
  k_stat,     /* stat, lstat, fstat, fstatat, access */
  k_utime,    /* utimensat, futimens */
  k_rename,   /* rename, renameat */
  k_link,     /* link, linkat, symlink */
  k_unlink,   /* unlink, unlinkat, remove, rmdir */
  k_mkdir,    /* mkdir, mkdtemp */
  k_truncate, /* ftruncate */
  k_opendir,  /* opendir, fdopendir */
  k_readdir,
  k_mmap,     /* by the program itself */
  k_malloc,   /* malloc, calloc, realloc and aligned ones of at least WISHART_FAULT_BYTES */
  k_mpi_send, /* MPI_Send, MPI_Isend */
  k_mpi_recv, /* MPI_Recv, MPI_Irecv, MPI_Mrecv */
  k_mpi_poll, /* MPI_Improbe, MPI_Test, MPI_Testall */
  k_mpi_all,  /* collective ones */
  k_mpi_comm, /* new communicators */
  k_count
};

static const char* const kinds[k_count] = {
    "open",   "read",    "pread",    "write",   "pwrite",  "fsync",    "close",  "stat",
    "utime",  "rename",  "link",     "unlink",  "mkdir",   "truncate", "opendir", "readdir",
    "mmap",   "malloc",  "mpi_send", "mpi_recv", "mpi_poll", "mpi_all", "mpi_comm"};

/* What is wanted, read once. */
static struct {
  const char* paths;
  const char* name;
  const char* log;
  const char* rank;
  long kind, nth, last, bytes;
  int error; /* -1: short; below: see actions */
  long clock;
} want;
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

void read_wanted_fault(void) {
  pthread_once(&once, read_wanted); /* so that no later call reads them for the first time */
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
  pthread_once(&once, read_wanted);
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

/* Counts a call; true if it is to fail, with errno set to the error. A `short` one has errno 0. */
static int fails(enum kind kind, const char* call, const char* path) {
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

static int path_fails(enum kind kind, const char* call, const char* path) {
  pthread_once(&once, read_wanted);
  if (want.paths == NULL || path == NULL || path[0] == '\0') return 0;
  char whole[8192];
  if (path[0] != '/') {
    if (syscall(SYS_getcwd, whole, 4096) < 0) return 0;
    strcat(whole, "/");
    strncat(whole, path, 4000);
    path = whole;
  }
  if (!is_ours(path) || (want.name != NULL && strstr(path, want.name) == NULL)) return 0;
  return fails(kind, call, path);
}

static int file_fails(enum kind kind, const char* call, int descriptor) {
  pthread_once(&once, read_wanted);
  if (want.paths == NULL) return 0;
  char path[4096];
  const int before = errno;
  path_of(descriptor, path, sizeof path);
  errno = before;
  return path[0] == '/' && path_fails(kind, call, path); /* not a pipe or a socket */
}

/* The path that `name` has below the folder `at`. */
static int at_fails(enum kind kind, const char* call, int at, const char* name) {
  pthread_once(&once, read_wanted);
  if (want.paths == NULL || name == NULL) return 0;
  if (name[0] == '/' || at == AT_FDCWD) return path_fails(kind, call, name);
  char path[8192];
  path_of(at, path, 4096);
  strcat(path, "/");
  strncat(path, name, 4000);
  return path_fails(kind, call, path);
}

#define NEXT(type, name, ...)                              \
  static type (*next)(__VA_ARGS__);                        \
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, #name)

/* --- opening --- */

#define OPEN(name)                                               \
  int name(const char* path, int flags, ...) {                   \
    NEXT(int, name, const char*, int, ...);                      \
    va_list list;                                                \
    va_start(list, flags);                                       \
    const mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                                \
    return path_fails(k_open, #name, path) ? -1 : next(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                             \
  int name(int at, const char* path, int flags, ...) {           \
    NEXT(int, name, int, const char*, int, ...);                 \
    va_list list;                                                \
    va_start(list, flags);                                       \
    const mode_t mode = (flags & O_CREAT) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                                \
    return at_fails(k_open, #name, at, path) ? -1 : next(at, path, flags, mode); \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                              \
  FILE* name(const char* path, const char* mode) {               \
    NEXT(FILE*, name, const char*, const char*);                 \
    return path_fails(k_open, #name, path) ? NULL : next(path, mode); \
  }
FOPEN(fopen)
FOPEN(fopen64)

/* --- reading and writing; half of the bytes if it is to be short --- */

#define MOVE(name, kind, type)                              \
  ssize_t name(int descriptor, type bytes, size_t size) {   \
    NEXT(ssize_t, name, int, type, size_t);                 \
    if (file_fails(kind, #name, descriptor)) {              \
      if (want.error >= 0) return -1;                       \
      size = (size + 1) / 2;                                \
    }                                                       \
    return next(descriptor, bytes, size);                   \
  }
MOVE(read, k_read, void*)
MOVE(write, k_write, const void*)

#define MOVE_AT(name, kind, type)                                     \
  ssize_t name(int descriptor, type bytes, size_t size, off_t offset) { \
    NEXT(ssize_t, name, int, type, size_t, off_t);                    \
    if (file_fails(kind, #name, descriptor)) {                        \
      if (want.error >= 0) return -1;                                 \
      size = (size + 1) / 2;                                          \
    }                                                                 \
    return next(descriptor, bytes, size, offset);                     \
  }
MOVE_AT(pread, k_pread, void*)
MOVE_AT(pread64, k_pread, void*)
MOVE_AT(pwrite, k_pwrite, const void*)
MOVE_AT(pwrite64, k_pwrite, const void*)

#define MOVE_PIECES(name, kind)                                               \
  ssize_t name(int descriptor, const struct iovec* pieces, int count) {       \
    NEXT(ssize_t, name, int, const struct iovec*, int);                       \
    if (file_fails(kind, #name, descriptor)) {                                \
      if (want.error >= 0) return -1;                                         \
      count = (count + 1) / 2;                                                \
    }                                                                         \
    return next(descriptor, pieces, count);                                   \
  }
MOVE_PIECES(readv, k_read)
MOVE_PIECES(writev, k_write)

/* --- one file --- */

#define FILE_CALL(name, kind)                                     \
  int name(int descriptor) {                                      \
    NEXT(int, name, int);                                         \
    return file_fails(kind, #name, descriptor) ? -1 : next(descriptor); \
  }
FILE_CALL(fsync, k_fsync)
FILE_CALL(fdatasync, k_fsync)

int close(int descriptor) {
  NEXT(int, close, int);
  const int failed = file_fails(k_close, "close", descriptor);
  const int code = errno;
  const int closed = next(descriptor);
  if (!failed) return closed;
  errno = code;
  return want.error < 0 ? closed : -1;
}

#define TRUNCATE(name)                                                            \
  int name(int descriptor, off_t size) {                                          \
    NEXT(int, name, int, off_t);                                                  \
    return file_fails(k_truncate, #name, descriptor) ? -1 : next(descriptor, size); \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int fstat(int descriptor, struct stat* out) {
  NEXT(int, fstat, int, struct stat*);
  return file_fails(k_stat, "fstat", descriptor) ? -1 : next(descriptor, out);
}
int futimens(int descriptor, const struct timespec times[2]) {
  NEXT(int, futimens, int, const struct timespec*);
  return file_fails(k_utime, "futimens", descriptor) ? -1 : next(descriptor, times);
}

/* --- one name --- */

int stat(const char* path, struct stat* out) {
  NEXT(int, stat, const char*, struct stat*);
  return path_fails(k_stat, "stat", path) ? -1 : next(path, out);
}
int lstat(const char* path, struct stat* out) {
  NEXT(int, lstat, const char*, struct stat*);
  return path_fails(k_stat, "lstat", path) ? -1 : next(path, out);
}
int fstatat(int at, const char* path, struct stat* out, int flags) {
  NEXT(int, fstatat, int, const char*, struct stat*, int);
  return at_fails(k_stat, "fstatat", at, path) ? -1 : next(at, path, out, flags);
}
int access(const char* path, int mode) {
  NEXT(int, access, const char*, int);
  return path_fails(k_stat, "access", path) ? -1 : next(path, mode);
}
int utimensat(int at, const char* path, const struct timespec times[2], int flags) {
  NEXT(int, utimensat, int, const char*, const struct timespec*, int);
  return at_fails(k_utime, "utimensat", at, path) ? -1 : next(at, path, times, flags);
}
int unlink(const char* path) {
  NEXT(int, unlink, const char*);
  return path_fails(k_unlink, "unlink", path) ? -1 : next(path);
}
int unlinkat(int at, const char* path, int flags) {
  NEXT(int, unlinkat, int, const char*, int);
  return at_fails(k_unlink, "unlinkat", at, path) ? -1 : next(at, path, flags);
}
int remove(const char* path) {
  NEXT(int, remove, const char*);
  return path_fails(k_unlink, "remove", path) ? -1 : next(path);
}
int rmdir(const char* path) {
  NEXT(int, rmdir, const char*);
  return path_fails(k_unlink, "rmdir", path) ? -1 : next(path);
}
int mkdir(const char* path, mode_t mode) {
  NEXT(int, mkdir, const char*, mode_t);
  return path_fails(k_mkdir, "mkdir", path) ? -1 : next(path, mode);
}
char* mkdtemp(char* path) {
  NEXT(char*, mkdtemp, char*);
  return path_fails(k_mkdir, "mkdtemp", path) ? NULL : next(path);
}

/* --- two names; the second counts --- */

int rename(const char* from, const char* to) {
  NEXT(int, rename, const char*, const char*);
  return path_fails(k_rename, "rename", to) ? -1 : next(from, to);
}
int renameat(int from_at, const char* from, int at, const char* to) {
  NEXT(int, renameat, int, const char*, int, const char*);
  return at_fails(k_rename, "renameat", at, to) ? -1 : next(from_at, from, at, to);
}
int link(const char* from, const char* to) {
  NEXT(int, link, const char*, const char*);
  return path_fails(k_link, "link", to) ? -1 : next(from, to);
}
int linkat(int from_at, const char* from, int at, const char* to, int flags) {
  NEXT(int, linkat, int, const char*, int, const char*, int);
  return at_fails(k_link, "linkat", at, to) ? -1 : next(from_at, from, at, to, flags);
}
int symlink(const char* from, const char* to) {
  NEXT(int, symlink, const char*, const char*);
  return path_fails(k_link, "symlink", to) ? -1 : next(from, to);
}

/* --- folders --- */

DIR* opendir(const char* path) {
  NEXT(DIR*, opendir, const char*);
  return path_fails(k_opendir, "opendir", path) ? NULL : next(path);
}
DIR* fdopendir(int descriptor) {
  NEXT(DIR*, fdopendir, int);
  return file_fails(k_opendir, "fdopendir", descriptor) ? NULL : next(descriptor);
}
#define READDIR(name, type)                                            \
  struct type* name(DIR* folder) {                                     \
    NEXT(struct type*, name, DIR*);                                    \
    return file_fails(k_readdir, #name, dirfd(folder)) ? NULL : next(folder); \
  }
READDIR(readdir, dirent)
READDIR(readdir64, dirent64)

/* --- memory --- */

static int first_object(struct dl_phdr_info* info, size_t size, void* out) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
    const uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
    if (end > ((uintptr_t*)out)[1]) ((uintptr_t*)out)[1] = end;
  }
  ((uintptr_t*)out)[0] = info->dlpi_addr;
  return 1;
}

/* True for an address in the program, not in a library. */
static int in_program(void* address) {
  static uintptr_t range[2];
  if (range[1] == 0) dl_iterate_phdr(first_object, range);
  return (uintptr_t)address >= range[0] && (uintptr_t)address < range[1];
}

#define MMAP(name)                                                                           \
  void* name(void* at, size_t size, int protection, int flags, int file, off_t offset) {     \
    NEXT(void*, name, void*, size_t, int, int, int, off_t);                                  \
    if (in_program(__builtin_return_address(0))) {                                           \
      pthread_once(&once, read_wanted);                                                      \
      if (fails(k_mmap, #name, "-")) return MAP_FAILED;                                      \
    }                                                                                        \
    return next(at, size, protection, flags, file, offset);                                  \
  }
MMAP(mmap)
MMAP(mmap64)

void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

static int memory_fails(const char* call, size_t size) {
  if (!atomic_load(&armed) || (long)size < want.bytes) return 0;
  char text[32];
  snprintf(text, sizeof text, "%zu", size);
  if (!fails(k_malloc, call, text)) return 0;
  errno = ENOMEM;
  return 1;
}
void* malloc(size_t size) { return memory_fails("malloc", size) ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) {
  return memory_fails("calloc", count * size) ? NULL : __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  return memory_fails("realloc", size) ? NULL : __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  return memory_fails("memalign", size) ? NULL : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  return memory_fails("aligned_alloc", size) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  if (memory_fails("posix_memalign", size)) return ENOMEM;
  *out = __libc_memalign(alignment, size);
  return *out == NULL ? ENOMEM : 0;
}

/* --- the clock of the wall --- */

static long clock_step(void) { return atomic_load(&armed) ? want.clock : 0; }

int clock_gettime(clockid_t clock, struct timespec* out) {
  NEXT(int, clock_gettime, clockid_t, struct timespec*);
  const int code = next(clock, out);
  if (code == 0 && clock == CLOCK_REALTIME) out->tv_sec += clock_step();
  return code;
}
int gettimeofday(struct timeval* out, void* zone) {
  NEXT(int, gettimeofday, struct timeval*, void*);
  const int code = next(out, zone);
  if (code == 0) out->tv_sec += clock_step();
  return code;
}
time_t time(time_t* out) {
  NEXT(time_t, time, time_t*);
  const time_t now = next(NULL) + clock_step();
  if (out != NULL) *out = now;
  return now;
}

/* --- MPI. A failed call does nothing but call the error handler, as a failure of MPI's own would. --- */

static int mpi_fails(enum kind kind, const char* call, MPI_Comm comm) {
  if (!atomic_load(&armed) || !fails(kind, call, "-")) return 0;
  int (*handler)(MPI_Comm, int);
  *(void**)&handler = dlsym(RTLD_DEFAULT, "PMPI_Comm_call_errhandler");
  if (comm != MPI_COMM_NULL && handler != NULL) handler(comm, MPI_ERR_OTHER);
  return 1;
}

#define MPI_NEXT(name, ...)              \
  static int (*next)(__VA_ARGS__);       \
  if (next == NULL) *(void**)&next = dlsym(RTLD_DEFAULT, "P" #name)

int MPI_Send(const void* b, int n, MPI_Datatype t, int to, int tag, MPI_Comm c) {
  MPI_NEXT(MPI_Send, const void*, int, MPI_Datatype, int, int, MPI_Comm);
  return mpi_fails(k_mpi_send, "MPI_Send", c) ? MPI_ERR_OTHER : next(b, n, t, to, tag, c);
}
int MPI_Isend(const void* b, int n, MPI_Datatype t, int to, int tag, MPI_Comm c, MPI_Request* r) {
  MPI_NEXT(MPI_Isend, const void*, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request*);
  return mpi_fails(k_mpi_send, "MPI_Isend", c) ? MPI_ERR_OTHER : next(b, n, t, to, tag, c, r);
}
int MPI_Recv(void* b, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Status* s) {
  MPI_NEXT(MPI_Recv, void*, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status*);
  return mpi_fails(k_mpi_recv, "MPI_Recv", c) ? MPI_ERR_OTHER : next(b, n, t, from, tag, c, s);
}
int MPI_Irecv(void* b, int n, MPI_Datatype t, int from, int tag, MPI_Comm c, MPI_Request* r) {
  MPI_NEXT(MPI_Irecv, void*, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request*);
  return mpi_fails(k_mpi_recv, "MPI_Irecv", c) ? MPI_ERR_OTHER : next(b, n, t, from, tag, c, r);
}
int MPI_Mrecv(void* b, int n, MPI_Datatype t, MPI_Message* m, MPI_Status* s) {
  MPI_NEXT(MPI_Mrecv, void*, int, MPI_Datatype, MPI_Message*, MPI_Status*);
  return mpi_fails(k_mpi_recv, "MPI_Mrecv", MPI_COMM_NULL) ? MPI_ERR_OTHER : next(b, n, t, m, s);
}
int MPI_Improbe(int from, int tag, MPI_Comm c, int* flag, MPI_Message* m, MPI_Status* s) {
  MPI_NEXT(MPI_Improbe, int, int, MPI_Comm, int*, MPI_Message*, MPI_Status*);
  return mpi_fails(k_mpi_poll, "MPI_Improbe", c) ? MPI_ERR_OTHER : next(from, tag, c, flag, m, s);
}
int MPI_Test(MPI_Request* r, int* flag, MPI_Status* s) {
  MPI_NEXT(MPI_Test, MPI_Request*, int*, MPI_Status*);
  return mpi_fails(k_mpi_poll, "MPI_Test", MPI_COMM_NULL) ? MPI_ERR_OTHER : next(r, flag, s);
}
int MPI_Testall(int n, MPI_Request r[], int* flag, MPI_Status s[]) {
  MPI_NEXT(MPI_Testall, int, MPI_Request*, int*, MPI_Status*);
  return mpi_fails(k_mpi_poll, "MPI_Testall", MPI_COMM_NULL) ? MPI_ERR_OTHER : next(n, r, flag, s);
}
int MPI_Bcast(void* b, int n, MPI_Datatype t, int root, MPI_Comm c) {
  MPI_NEXT(MPI_Bcast, void*, int, MPI_Datatype, int, MPI_Comm);
  return mpi_fails(k_mpi_all, "MPI_Bcast", c) ? MPI_ERR_OTHER : next(b, n, t, root, c);
}
int MPI_Allreduce(const void* b, void* out, int n, MPI_Datatype t, MPI_Op op, MPI_Comm c) {
  MPI_NEXT(MPI_Allreduce, const void*, void*, int, MPI_Datatype, MPI_Op, MPI_Comm);
  return mpi_fails(k_mpi_all, "MPI_Allreduce", c) ? MPI_ERR_OTHER : next(b, out, n, t, op, c);
}
int MPI_Reduce(const void* b, void* out, int n, MPI_Datatype t, MPI_Op op, int root, MPI_Comm c) {
  MPI_NEXT(MPI_Reduce, const void*, void*, int, MPI_Datatype, MPI_Op, int, MPI_Comm);
  return mpi_fails(k_mpi_all, "MPI_Reduce", c) ? MPI_ERR_OTHER : next(b, out, n, t, op, root, c);
}
int MPI_Reduce_scatter(const void* b, void* out, const int* n, MPI_Datatype t, MPI_Op op, MPI_Comm c) {
  MPI_NEXT(MPI_Reduce_scatter, const void*, void*, const int*, MPI_Datatype, MPI_Op, MPI_Comm);
  return mpi_fails(k_mpi_all, "MPI_Reduce_scatter", c) ? MPI_ERR_OTHER : next(b, out, n, t, op, c);
}
int MPI_Barrier(MPI_Comm c) {
  MPI_NEXT(MPI_Barrier, MPI_Comm);
  return mpi_fails(k_mpi_all, "MPI_Barrier", c) ? MPI_ERR_OTHER : next(c);
}
int MPI_Ibarrier(MPI_Comm c, MPI_Request* r) {
  MPI_NEXT(MPI_Ibarrier, MPI_Comm, MPI_Request*);
  return mpi_fails(k_mpi_all, "MPI_Ibarrier", c) ? MPI_ERR_OTHER : next(c, r);
}
int MPI_Comm_dup(MPI_Comm c, MPI_Comm* out) {
  MPI_NEXT(MPI_Comm_dup, MPI_Comm, MPI_Comm*);
  return mpi_fails(k_mpi_comm, "MPI_Comm_dup", c) ? MPI_ERR_OTHER : next(c, out);
}
int MPI_Comm_split(MPI_Comm c, int color, int key, MPI_Comm* out) {
  MPI_NEXT(MPI_Comm_split, MPI_Comm, int, int, MPI_Comm*);
  return mpi_fails(k_mpi_comm, "MPI_Comm_split", c) ? MPI_ERR_OTHER : next(c, color, key, out);
}
int MPI_Comm_split_type(MPI_Comm c, int type, int key, MPI_Info info, MPI_Comm* out) {
  MPI_NEXT(MPI_Comm_split_type, MPI_Comm, int, int, MPI_Info, MPI_Comm*);
  return mpi_fails(k_mpi_comm, "MPI_Comm_split_type", c) ? MPI_ERR_OTHER : next(c, type, key, info, out);
}
