#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <mpi.h>

namespace wishart::test {

/// A message that was sent and not yet received. A short one is copied, like MPI's eager ones; a
/// long one is read from the sender's memory when it is received.
struct StubMessage {
  int from = 0;
  int tag = 0;
  std::vector<char> copied;
  const char* data = nullptr;
  int size = 0;
  std::shared_ptr<std::atomic<bool>> sent;
};

namespace {

constexpr int kEagerBytes = 4096;

struct Mailbox {
  std::mutex mutex;
  std::deque<std::unique_ptr<StubMessage>> messages;
};

/// What the ranks bring to their k-th collective call.
struct Meeting {
  std::vector<std::vector<char>> of_rank;
  int arrived = 0;
  int left = 0;
};

struct Group {
  explicit Group(int size) : mailboxes(static_cast<std::size_t>(size)) {}
  std::vector<Mailbox> mailboxes;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::int64_t, Meeting> meetings;
  std::map<std::pair<std::int64_t, int>, std::shared_ptr<Group>>
      parts;  ///< made at a meeting, for each color
};

}  // namespace

/// One rank's handle of a communicator.
struct StubComm {
  std::shared_ptr<Group> group;
  int rank = 0;
  std::int64_t calls = 0;                   ///< collective ones
  std::shared_ptr<std::atomic<int>> sends;  ///< that succeed from now on; shared with its copies
};

struct StubRequest {
  std::shared_ptr<std::atomic<bool>> sent;
  StubComm* comm = nullptr;  ///< of a barrier
  std::int64_t call = 0;
};

thread_local StubComm* stub_world = nullptr;

void make_stub_worlds(int ranks, StubComm** worlds) {
  const auto group = std::make_shared<Group>(ranks);
  for (int rank = 0; rank < ranks; ++rank) {
    // Never freed, as MPI_COMM_WORLD is not.
    worlds[rank] = new StubComm{group, rank, 0, std::make_shared<std::atomic<int>>(1 << 30)};
  }
}

void fail_sends_after(StubComm* comm, int count) { *comm->sends = count; }

namespace {

int size_of(MPI_Comm comm) { return static_cast<int>(comm->group->mailboxes.size()); }

void arrive(StubComm* comm, std::int64_t call, std::vector<char> bytes) {
  Group& group = *comm->group;
  {
    const std::lock_guard lock(group.mutex);
    Meeting& meeting = group.meetings[call];
    meeting.of_rank.resize(group.mailboxes.size());
    meeting.of_rank[static_cast<std::size_t>(comm->rank)] = std::move(bytes);
    ++meeting.arrived;
  }
  group.changed.notify_all();
}

/// Leaves a meeting; the last one removes it. With the group's lock.
void part(Group& group, std::int64_t call) {
  if (++group.meetings[call].left == static_cast<int>(group.mailboxes.size()))
    group.meetings.erase(call);
}

/// What every rank brought to this call. Collective.
std::vector<std::vector<char>> met(StubComm* comm, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  const std::int64_t call = comm->calls++;
  arrive(comm, call, std::vector<char>(bytes, bytes + size));
  Group& group = *comm->group;
  std::unique_lock lock(group.mutex);
  group.changed.wait(lock, [&] { return group.meetings[call].arrived == size_of(comm); });
  auto all = group.meetings[call].of_rank;
  part(group, call);
  return all;
}

template <class T>
void reduce(const std::vector<std::vector<char>>& all, T* to, int count, MPI_Op op) {
  for (int i = 0; i < count; ++i) {
    std::optional<T> result;
    for (const auto& bytes : all) {
      T value{};
      std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
      if (!result) {
        result = value;
      } else if (op == MPI_SUM) {
        *result += value;
      } else {
        result = op == MPI_MAX ? std::max(*result, value) : std::min(*result, value);
      }
    }
    to[i] = *result;
  }
}

int bytes_of(MPI_Datatype type) { return type == MPI_BYTE ? 1 : 8; }

bool is_done(StubRequest& request) {
  if (request.sent) return request.sent->load();
  Group& group = *request.comm->group;
  const std::lock_guard lock(group.mutex);
  const auto meeting = group.meetings.find(request.call);
  if (meeting->second.arrived < size_of(request.comm)) return false;
  part(group, request.call);
  return true;
}

}  // namespace
}  // namespace wishart::test

using namespace wishart::test;

int MPI_Error_string(int /*code*/, char* text, int* length) {
  constexpr const char* kText = "planted failure";
  std::strcpy(text, kText);
  *length = static_cast<int>(std::strlen(kText));
  return MPI_SUCCESS;
}
int MPI_Comm_set_errhandler(MPI_Comm /*comm*/, MPI_Errhandler /*handler*/) { return MPI_SUCCESS; }
int MPI_Comm_size(MPI_Comm comm, int* size) {
  *size = size_of(comm);
  return MPI_SUCCESS;
}
int MPI_Comm_rank(MPI_Comm comm, int* rank) {
  *rank = comm->rank;
  return MPI_SUCCESS;
}
int MPI_Comm_free(MPI_Comm* comm) {
  delete *comm;
  *comm = MPI_COMM_NULL;
  return MPI_SUCCESS;
}
int MPI_Comm_dup(MPI_Comm comm, MPI_Comm* copy) {
  return MPI_Comm_split(comm, 0, comm->rank, copy);
}
int MPI_Comm_split_type(MPI_Comm comm, int /*type*/, int key, MPI_Info /*info*/, MPI_Comm* part) {
  return MPI_Comm_split(comm, 0, key, part);
}
int MPI_Comm_split(MPI_Comm comm, int color, int /*key*/, MPI_Comm* part) {
  const std::int64_t call = comm->calls;
  const auto all = met(comm, &color, sizeof(color));
  *part = MPI_COMM_NULL;
  if (color == MPI_UNDEFINED) return MPI_SUCCESS;
  int size = 0;
  int rank = 0;
  for (int other = 0; other < size_of(comm); ++other) {
    int its = 0;
    std::memcpy(&its, all[static_cast<std::size_t>(other)].data(), sizeof(its));
    if (its != color) continue;
    if (other == comm->rank) rank = size;
    ++size;
  }
  const std::lock_guard lock(comm->group->mutex);
  std::shared_ptr<Group>& group = comm->group->parts[{call, color}];
  if (!group) group = std::make_shared<Group>(size);
  *part = new StubComm{group, rank, 0, comm->sends};
  return MPI_SUCCESS;
}
int MPI_Barrier(MPI_Comm comm) {
  met(comm, "", 0);
  return MPI_SUCCESS;
}
int MPI_Ibarrier(MPI_Comm comm, MPI_Request* request) {
  *request = new StubRequest{nullptr, comm, comm->calls++};
  arrive(comm, (*request)->call, {});
  return MPI_SUCCESS;
}
int MPI_Bcast(void* data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  const auto size = static_cast<std::size_t>(count) * static_cast<std::size_t>(bytes_of(type));
  const auto all = met(comm, data, comm->rank == root ? size : 0);
  if (size > 0) std::memcpy(data, all[static_cast<std::size_t>(root)].data(), size);
  return MPI_SUCCESS;
}
int MPI_Allreduce(const void* from, void* to, int count, MPI_Datatype type, MPI_Op op,
                  MPI_Comm comm) {
  const void* own = from == MPI_IN_PLACE ? to : from;
  const auto all =
      met(comm, own, static_cast<std::size_t>(count) * static_cast<std::size_t>(bytes_of(type)));
  if (type == MPI_DOUBLE) reduce(all, static_cast<double*>(to), count, op);
  if (type == MPI_INT64_T) reduce(all, static_cast<std::int64_t*>(to), count, op);
  if (type == MPI_UINT64_T) reduce(all, static_cast<std::uint64_t*>(to), count, op);
  return MPI_SUCCESS;
}
int MPI_Isend(const void* data, int count, MPI_Datatype /*type*/, int to, int tag, MPI_Comm comm,
              MPI_Request* request) {
  if (comm->sends->fetch_sub(1) <= 0) return MPI_ERR_OTHER;
  auto message = std::make_unique<StubMessage>();
  message->from = comm->rank;
  message->tag = tag;
  message->size = count;
  message->sent = std::make_shared<std::atomic<bool>>(count <= kEagerBytes);
  const auto* bytes = static_cast<const char*>(data);
  if (count <= kEagerBytes) {
    message->copied.assign(bytes, bytes + count);
  } else {
    message->data = bytes;
  }
  *request = new StubRequest{message->sent, nullptr, 0};
  Mailbox& box = comm->group->mailboxes[static_cast<std::size_t>(to)];
  const std::lock_guard lock(box.mutex);
  box.messages.push_back(std::move(message));
  return MPI_SUCCESS;
}
int MPI_Improbe(int /*from*/, int tag, MPI_Comm comm, int* there, MPI_Message* message,
                MPI_Status* status) {
  Mailbox& box = comm->group->mailboxes[static_cast<std::size_t>(comm->rank)];
  const std::lock_guard lock(box.mutex);
  const auto found = std::find_if(box.messages.begin(), box.messages.end(),
                                  [&](const auto& one) { return one->tag == tag; });
  *there = found != box.messages.end() ? 1 : 0;
  if (*there == 0) return MPI_SUCCESS;
  *status = {(*found)->from, (*found)->size};
  *message = found->release();
  box.messages.erase(found);
  return MPI_SUCCESS;
}
int MPI_Get_count(const MPI_Status* status, MPI_Datatype /*type*/, int* count) {
  *count = status->count;
  return MPI_SUCCESS;
}
int MPI_Mrecv(void* data, int count, MPI_Datatype /*type*/, MPI_Message* message,
              MPI_Status* /*status*/) {
  const std::unique_ptr<StubMessage> one(*message);
  *message = MPI_MESSAGE_NULL;
  const char* from = one->data != nullptr ? one->data : one->copied.data();
  if (count > 0) std::memcpy(data, from, static_cast<std::size_t>(count));
  one->sent->store(true);
  return MPI_SUCCESS;
}
int MPI_Test(MPI_Request* request, int* done, MPI_Status* /*status*/) {
  *done = *request == MPI_REQUEST_NULL || is_done(**request) ? 1 : 0;
  return *done == 1 ? MPI_Request_free(request) : MPI_SUCCESS;
}
int MPI_Testall(int count, MPI_Request* requests, int* done, MPI_Status* /*statuses*/) {
  *done = std::all_of(requests, requests + count,
                      [](MPI_Request one) { return one == MPI_REQUEST_NULL || is_done(*one); })
              ? 1
              : 0;
  for (int i = 0; i < count && *done == 1; ++i) MPI_Request_free(&requests[i]);
  return MPI_SUCCESS;
}
int MPI_Request_free(MPI_Request* request) {
  delete *request;
  *request = MPI_REQUEST_NULL;
  return MPI_SUCCESS;
}
