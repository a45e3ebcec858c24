/* Stands in for HDF5: opening a file whose name stands in WISHART_CRASH ends the process. The program opens files by
 * their descriptors, so the name is that of the descriptor's file. */
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int64_t H5Fopen(const char* name, unsigned flags, int64_t access) {
  char path[PATH_MAX];
  const char* wanted = getenv("WISHART_CRASH");
  const ssize_t length = readlink(name, path, sizeof path - 1);
  (void)flags;
  (void)access;
  path[length > 0 ? length : 0] = '\0';
  if (wanted != NULL && strstr(path, wanted) != NULL) {
    signal(SIGSEGV, SIG_DFL);
    raise(SIGSEGV);
  }
  return -1;
}
