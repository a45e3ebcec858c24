/* Calls that concern files and folders. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults.h"

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
