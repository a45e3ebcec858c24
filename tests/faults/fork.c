/* Starts the program once and runs it many times. Loading the libraries and starting Open MPI takes
 * most of the time of a small scan, and no call in it is one that faults.c makes fail; so the
 * program is stopped behind it, and each trial goes on from there in a copy of the process.
 *
 *   WISHART_FAULT_FORK  `main`: before main(). `mpi`: when MPI_Init_thread has returned
 *
 * There the process reads lines `OUTPUT \t ERRORS \t NAME=VALUE \t ...` from standard input. For
 * each it forks a child that goes on with these files as standard output and standard error,
 * nothing as standard input, and these variables (see faults.c). It answers two lines: the child's
 * number, and its status of waitpid(2) when it has ended.
 *
 * The child has none of Open MPI's threads. A rank that is alone does without them, but for
 * MPI_Finalize, which would wait for them: it does nothing in a child. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <mpi.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

enum { most_bytes = 1 << 16 };
static int is_child;

static int is_wanted(const char* place) {
  const char* wanted = getenv("WISHART_FAULT_FORK");
  return wanted != NULL && strcmp(wanted, place) == 0;
}

static void fail(const char* why) {
  fprintf(stderr, "fork.c: %s\n", why);
  _exit(99);
}

/* A line without its end; 0 at the end of the input. */
static int read_line(char* line) {
  for (int size = 0; size < most_bytes; ++size) {
    if (syscall(SYS_read, 0, line + size, 1) != 1) return 0;
    if (line[size] == '\n') {
      line[size] = '\0';
      return 1;
    }
  }
  fail("a line is too long");
  return 0;
}

/* Past the functions that faults.c stands in for. */
static void put_file(const char* path, int flags, int descriptor) {
  const long file = syscall(SYS_openat, AT_FDCWD, path, flags, 0666);
  if (file < 0 || syscall(SYS_dup3, file, descriptor, 0) < 0) fail(path);
  syscall(SYS_close, file);
}

static void become_trial(char* line) {
  char* rest = line;
  const char* out = strsep(&rest, "\t");
  const char* err = strsep(&rest, "\t");
  if (err == NULL) fail("a line without files");
  put_file("/dev/null", O_RDONLY, 0);
  put_file(out, O_WRONLY | O_CREAT | O_TRUNC, 1);
  put_file(err, O_WRONLY | O_CREAT | O_TRUNC, 2);
  for (char* word; (word = strsep(&rest, "\t")) != NULL;) {
    char* value = strchr(word, '=');
    if (value == NULL) fail("a word that sets nothing");
    *value = '\0';
    setenv(word, value + 1, 1);
  }
  is_child = 1;
  read_fault_again();
}

static void answer(long number) {
  char text[32];
  const int size = snprintf(text, sizeof text, "%ld\n", number);
  if (syscall(SYS_write, 1, text, size) != size) _exit(0);
}

/* Returns in each child. */
static void serve(void) {
  static char line[most_bytes];
  while (read_line(line)) {
    const pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
      become_trial(line);
      return;
    }
    answer(child);
    int status = 0;
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    answer(status);
  }
  _exit(0);
}

static int (*program)(int, char**, char**);

static int run_program(int count, char** words, char** variables) {
  if (is_wanted("main")) serve();
  return program(count, words, variables);
}

int __libc_start_main(int (*main)(int, char**, char**), int count, char** words, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void* stack_end) {
  static int (*next)(int (*)(int, char**, char**), int, char**, void (*)(void), void (*)(void),
                     void (*)(void), void*);
  *(void**)&next = dlsym(RTLD_NEXT, "__libc_start_main");
  program = main;
  return next(run_program, count, words, init, fini, loader_fini, stack_end);
}

int MPI_Init_thread(int* count, char*** words, int required, int* provided) {
  static int (*next)(int*, char***, int, int*);
  *(void**)&next = dlsym(RTLD_DEFAULT, "PMPI_Init_thread");
  const int code = next(count, words, required, provided);
  if (is_wanted("mpi")) serve();
  return code;
}

int MPI_Finalize(void) {
  static int (*next)(void);
  *(void**)&next = dlsym(RTLD_DEFAULT, "PMPI_Finalize");
  return is_child && is_wanted("mpi") ? MPI_SUCCESS : next();
}
