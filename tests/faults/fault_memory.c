/* Memory, and the clock of the wall. */
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "faults.h"

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
      read_fault_once();                                                      \
      if (call_fails(k_mmap, #name, "-")) return MAP_FAILED;                                      \
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
  if (!is_armed() || (long)size < want.bytes) return 0;
  char text[32];
  snprintf(text, sizeof text, "%zu", size);
  if (!call_fails(k_malloc, call, text)) return 0;
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

static long clock_step(void) { return is_armed() ? want.clock : 0; }

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
