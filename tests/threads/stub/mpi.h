#pragma once

/// @file
/// The part of MPI that wishart's messages need, with threads of one process as ranks. Open MPI is not built for the
/// thread sanitizer, which then sees nothing of what it orders; this is compiled with it.

#include <cstdint>

namespace wishart::test {
struct StubComm;
struct StubRequest;
struct StubMessage;

/// The communicator of all ranks on this thread, null at first: MPI_COMM_WORLD.
extern thread_local StubComm* stub_world;
/// Makes the worlds of `ranks` ranks. They live until the program ends.
void make_stub_worlds(int ranks, StubComm** worlds);
/// The next `count` sends of this communicator's rank succeed, all after them fail.
void fail_sends_after(StubComm* comm, int count);
}  // namespace wishart::test

using MPI_Comm = wishart::test::StubComm*;
using MPI_Request = wishart::test::StubRequest*;
using MPI_Message = wishart::test::StubMessage*;
enum MPI_Datatype { MPI_BYTE, MPI_DOUBLE, MPI_INT64_T, MPI_UINT64_T };
enum MPI_Op { MPI_SUM, MPI_MAX, MPI_MIN };
enum MPI_Info { MPI_INFO_NULL };
enum MPI_Errhandler { MPI_ERRORS_RETURN };
struct MPI_Status {
  int MPI_SOURCE;
  int count;
};

#define MPI_COMM_WORLD (wishart::test::stub_world)
inline constexpr MPI_Comm MPI_COMM_NULL = nullptr;
inline constexpr MPI_Request MPI_REQUEST_NULL = nullptr;
inline constexpr MPI_Message MPI_MESSAGE_NULL = nullptr;
inline MPI_Status* const MPI_STATUS_IGNORE = nullptr;
inline MPI_Status* const MPI_STATUSES_IGNORE = nullptr;
inline void* const MPI_IN_PLACE = nullptr;
inline constexpr int MPI_SUCCESS = 0;
inline constexpr int MPI_ERR_OTHER = 1;
inline constexpr int MPI_ANY_SOURCE = -1;
inline constexpr int MPI_UNDEFINED = -1;
inline constexpr int MPI_COMM_TYPE_SHARED = 0;
inline constexpr int MPI_MAX_ERROR_STRING = 64;

int MPI_Error_string(int code, char* text, int* length);
int MPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler);
int MPI_Comm_size(MPI_Comm comm, int* size);
int MPI_Comm_rank(MPI_Comm comm, int* rank);
int MPI_Comm_free(MPI_Comm* comm);
int MPI_Comm_dup(MPI_Comm comm, MPI_Comm* copy);
int MPI_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm* part);
int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm* part);
int MPI_Barrier(MPI_Comm comm);
int MPI_Ibarrier(MPI_Comm comm, MPI_Request* request);
int MPI_Bcast(void* data, int count, MPI_Datatype type, int root, MPI_Comm comm);
int MPI_Allreduce(const void* from, void* to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm);
int MPI_Isend(const void* data, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request* request);
int MPI_Improbe(int from, int tag, MPI_Comm comm, int* there, MPI_Message* message, MPI_Status* status);
int MPI_Get_count(const MPI_Status* status, MPI_Datatype type, int* count);
int MPI_Mrecv(void* data, int count, MPI_Datatype type, MPI_Message* message, MPI_Status* status);
int MPI_Test(MPI_Request* request, int* done, MPI_Status* status);
int MPI_Testall(int count, MPI_Request* requests, int* done, MPI_Status* statuses);
int MPI_Request_free(MPI_Request* request);
