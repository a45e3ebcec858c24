/* What the parts of the library share; faults.c says what it is for. */
#ifndef WISHART_TESTS_FAULTS_H
#define WISHART_TESTS_FAULTS_H

#include <dlfcn.h>

/* Nothing here may stand in for a function of the program. */
#pragma GCC visibility push(hidden)

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

struct wanted_fault {
  const char* paths;
  const char* name;
  const char* log;
  const char* rank;
  long kind, nth, last, bytes;
  int error; /* -1: short; below: what happens to processes */
  long clock;
};
extern struct wanted_fault want;

/* Reads the variables WISHART_FAULT_* for the first time. */
void read_fault_once(void);
/* Reads them again. Nothing may have failed before; what was counted stays. */
void read_fault_again(void);

/* True from the first call on that concerned one of the files. */
int is_armed(void);

/* Counts a call; true if it is to fail, with errno set to the error. A `short` one has errno 0. */
int call_fails(enum kind kind, const char* call, const char* path);
/* The same for a call on a path, an open file, or a name below the folder `at`, if it is one of the files. */
int path_fails(enum kind kind, const char* call, const char* path);
int file_fails(enum kind kind, const char* call, int descriptor);
int at_fails(enum kind kind, const char* call, int at, const char* name);

#pragma GCC visibility pop

/* The function that this library stands in for, as `next`. */
#define NEXT(type, name, ...)                              \
  static type (*next)(__VA_ARGS__);                        \
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, #name)

#endif
