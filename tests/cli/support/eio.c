/* Loaded before the C library: pread of a file whose path holds WISHART_EIO_PATH fails with EIO for
 * every byte at or behind WISHART_EIO_FROM. What a disk with a bad block does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t (*pread_function)(int, void*, size_t, off_t);

static int is_bad(int descriptor, size_t size, off_t offset) {
  const char* part = getenv("WISHART_EIO_PATH");
  const char* from = getenv("WISHART_EIO_FROM");
  if (part == NULL || from == NULL || offset + (off_t)size <= atoll(from)) return 0;
  char link[64];
  char path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return strstr(path, part) != NULL;
}

static ssize_t reading(const char* name, int descriptor, void* out, size_t size, off_t offset) {
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
