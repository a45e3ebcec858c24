/* Loaded before the C library: what happens to files that are read by pread.
 *
 * A file whose path holds WISHART_EIO_PATH fails with EIO for every byte at or behind
 * WISHART_EIO_FROM: what a disk with a bad block does.
 *
 * The call that WISHART_FAIL names (unlink, fsync or rename; of rename, its second name counts)
 * fails with EIO for paths that hold WISHART_FAIL_PATH.
 *
 * When a file whose path holds WISHART_SIGNAL_PATH is made first, the process gets SIGTERM.
 *
 * Before the WISHART_SPOIL_AT-th pread of a file whose path holds WISHART_SPOIL_PATH, counted from
 * when WISHART_SPOIL_WHEN exists, the command WISHART_SPOIL runs: what another job does to a file
 * that is being read. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t (*pread_function)(int, void*, size_t, off_t);

/* The path of an open file; empty if it is not known. */
static const char* path_of(int descriptor, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = '\0';
  return path;
}

static int path_holds(int descriptor, const char* part) {
  char path[4096];
  return strstr(path_of(descriptor, path, sizeof path), part) != NULL;
}

static int fails(const char* call, const char* path) {
  const char* name = getenv("WISHART_FAIL");
  const char* part = getenv("WISHART_FAIL_PATH");
  if (name == NULL || part == NULL || strcmp(name, call) != 0 || strstr(path, part) == NULL) return 0;
  errno = EIO;
  return 1;
}

static int is_bad(int descriptor, size_t size, off_t offset) {
  const char* part = getenv("WISHART_EIO_PATH");
  const char* from = getenv("WISHART_EIO_FROM");
  if (part == NULL || from == NULL || offset + (off_t)size <= atoll(from)) return 0;
  return path_holds(descriptor, part);
}

static void spoil(int descriptor) {
  static atomic_int reads;
  const char* part = getenv("WISHART_SPOIL_PATH");
  const char* when = getenv("WISHART_SPOIL_WHEN");
  const char* at = getenv("WISHART_SPOIL_AT");
  const char* command = getenv("WISHART_SPOIL");
  if (part == NULL || when == NULL || at == NULL || command == NULL) return;
  if (access(when, F_OK) != 0 || !path_holds(descriptor, part)) return;
  if (atomic_fetch_add(&reads, 1) + 1 != atoi(at)) return;
  unsetenv("LD_PRELOAD"); /* not for the command */
  if (system(command) != 0) abort();
}

static ssize_t reading(const char* name, int descriptor, void* out, size_t size, off_t offset) {
  spoil(descriptor);
  if (is_bad(descriptor, size, offset)) {
    errno = EIO;
    return -1;
  }
  pread_function next;
  *(void**)&next = dlsym(RTLD_NEXT, name);
  return next(descriptor, out, size, offset);
}

ssize_t pread(int descriptor, void* out, size_t size, off_t offset) {
  return reading("pread", descriptor, out, size, offset);
}

ssize_t pread64(int descriptor, void* out, size_t size, off_t offset) {
  return reading("pread64", descriptor, out, size, offset);
}

int open(const char* path, int flags, ...) {
  int (*next)(const char*, int, ...);
  *(void**)&next = dlsym(RTLD_NEXT, "open");
  static atomic_int signalled;
  const char* part = getenv("WISHART_SIGNAL_PATH");
  const int makes = (flags & O_CREAT) != 0;
  if (makes && part != NULL && strstr(path, part) != NULL && atomic_fetch_add(&signalled, 1) == 0) {
    kill(getpid(), SIGTERM);
  }
  if (!makes) return next(path, flags);
  va_list more;
  va_start(more, flags);
  const int mode = va_arg(more, int);
  va_end(more);
  return next(path, flags, mode);
}

int unlink(const char* path) {
  int (*next)(const char*);
  *(void**)&next = dlsym(RTLD_NEXT, "unlink");
  return fails("unlink", path) ? -1 : next(path);
}

int fsync(int descriptor) {
  char path[4096];
  int (*next)(int);
  *(void**)&next = dlsym(RTLD_NEXT, "fsync");
  return fails("fsync", path_of(descriptor, path, sizeof path)) ? -1 : next(descriptor);
}

int rename(const char* from, const char* to) {
  int (*next)(const char*, const char*);
  *(void**)&next = dlsym(RTLD_NEXT, "rename");
  return fails("rename", to) ? -1 : next(from, to);
}
