/* Calls of MPI. A failed call does nothing but call the error handler, as a failure of MPI's own would. */
#define _GNU_SOURCE
#include <mpi.h>

#include "faults.h"

static int mpi_fails(enum kind kind, const char* call, MPI_Comm comm) {
  if (!is_armed() || !call_fails(kind, call, "-")) return 0;
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
