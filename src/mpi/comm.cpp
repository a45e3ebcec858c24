#include "wishart/mpi/comm.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <thread>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/mpi/failure.hpp"

namespace wishart::mpi {
namespace {

/// The longest part of a message: MPI's counts are `int`.
constexpr std::size_t kMaxPart = std::size_t{1} << 30U;

template <class T>
void sum_in_place(MPI_Comm comm, std::span<T> values, MPI_Datatype type) {
  check(MPI_Allreduce(MPI_IN_PLACE, values.data(), narrow<int>(values.size(), "values of a sum"),
                      type, MPI_SUM, comm),
        "MPI_Allreduce");
}

}  // namespace

void check(int code, const char* operation) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Failure(Blame::resource, std::string(operation) + ": " +
                                     std::string(text.data(), static_cast<std::size_t>(length)));
}

Comm::Comm(MPI_Comm handle) : handle_(handle) {
  if (handle_ == MPI_COMM_NULL) return;
  check(MPI_Comm_set_errhandler(handle_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_size(handle_, &size_), "MPI_Comm_size");
  check(MPI_Comm_rank(handle_, &rank_), "MPI_Comm_rank");
}

Comm::~Comm() {
  if (handle_ != MPI_COMM_NULL) MPI_Comm_free(&handle_);
}

Comm::Comm(Comm&& other) noexcept
    : handle_(std::exchange(other.handle_, MPI_COMM_NULL)),
      size_(std::exchange(other.size_, 0)),
      rank_(std::exchange(other.rank_, 0)) {}

Comm& Comm::operator=(Comm&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(size_, other.size_);
  std::swap(rank_, other.rank_);
  return *this;
}

Comm Comm::world() {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
  return Comm(copy);
}

Comm Comm::duplicate() const {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(handle_, &copy), "MPI_Comm_dup");
  return Comm(copy);
}

Comm Comm::split(std::optional<int> color, int key) const {
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split(handle_, color.value_or(MPI_UNDEFINED), key, &part), "MPI_Comm_split");
  return Comm(part);
}

Comm Comm::split_by_host() const {
  MPI_Comm part = MPI_COMM_NULL;
  check(MPI_Comm_split_type(handle_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &part),
        "MPI_Comm_split_type");
  return Comm(part);
}

void Comm::barrier() const { check(MPI_Barrier(handle_), "MPI_Barrier"); }

void Comm::barrier_asleep() const {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(handle_, &request), "MPI_Ibarrier");
  Backoff backoff;
  for (int done = 0; done == 0; backoff.pause()) {
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) return;
  }
}

void Comm::broadcast(std::vector<std::byte>& bytes, int root) const {
  auto total = static_cast<std::uint64_t>(bytes.size());
  check(MPI_Bcast(&total, 1, MPI_UINT64_T, root, handle_), "MPI_Bcast");
  bytes.resize(total);
  for (std::size_t begin = 0; begin < bytes.size(); begin += kMaxPart) {
    const std::size_t part = std::min(kMaxPart, bytes.size() - begin);
    check(MPI_Bcast(bytes.data() + begin, static_cast<int>(part), MPI_BYTE, root, handle_),
          "MPI_Bcast");
  }
}

void Comm::sum(std::span<double> values) const { sum_in_place(handle_, values, MPI_DOUBLE); }
void Comm::sum(std::span<std::int64_t> values) const { sum_in_place(handle_, values, MPI_INT64_T); }
void Comm::sum(std::span<std::uint64_t> values) const {
  sum_in_place(handle_, values, MPI_UINT64_T);
}

double Comm::maximum(double value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_DOUBLE, MPI_MAX, handle_), "MPI_Allreduce");
  return value;
}

std::int64_t Comm::minimum(std::int64_t value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MIN, handle_), "MPI_Allreduce");
  return value;
}

std::int64_t Comm::maximum(std::int64_t value) const {
  check(MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT64_T, MPI_MAX, handle_), "MPI_Allreduce");
  return value;
}

std::optional<Comm::Message> Comm::poll(int tag) const {
  int there = 0;
  MPI_Message matched = MPI_MESSAGE_NULL;
  MPI_Status status{};
  check(MPI_Improbe(MPI_ANY_SOURCE, tag, handle_, &there, &matched, &status), "MPI_Improbe");
  if (there == 0) return std::nullopt;
  int count = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  Message message{status.MPI_SOURCE, std::vector<std::byte>(static_cast<std::size_t>(count))};
  check(MPI_Mrecv(message.bytes.data(), count, MPI_BYTE, &matched, &status), "MPI_Mrecv");
  return message;
}

Comm::Message Comm::receive(int tag) const {
  Backoff backoff;
  while (true) {
    if (auto message = poll(tag)) return std::move(*message);
    backoff.pause();
  }
}

Outbox::~Outbox() {
  for (Letter& letter : letters_) {
    bool gone = true;
    for (MPI_Request& request : letter.requests) {
      int done = 0;
      if (MPI_Test(&request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS || done == 0) gone = false;
      if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    }
    if (!gone) static_cast<void>(letter.bytes.release());  // MPI may read it until MPI_Finalize
  }
}

void Outbox::send(std::vector<std::byte> bytes, int to, int count, int tag) {
  Letter& letter = letters_.emplace_back();
  letter.bytes = std::make_unique<const std::vector<std::byte>>(std::move(bytes));
  const int size = narrow<int>(letter.bytes->size(), "bytes of a message");
  for (int rank = to; rank < to + count; ++rank) {
    MPI_Request& request = letter.requests.emplace_back(MPI_REQUEST_NULL);
    check(MPI_Isend(letter.bytes->data(), size, MPI_BYTE, rank, tag, comm_->get(), &request),
          "MPI_Isend");
  }
}

bool Outbox::all_left() {
  letters_.remove_if([](Letter& letter) {
    int done = 0;
    check(MPI_Testall(narrow<int>(letter.requests.size(), "receivers of a message"),
                      letter.requests.data(), &done, MPI_STATUSES_IGNORE),
          "MPI_Testall");
    return done != 0;
  });
  return letters_.empty();
}

bool all_arrive(const Comm& comm, std::chrono::milliseconds patience) {
  MPI_Request request = MPI_REQUEST_NULL;
  check(MPI_Ibarrier(comm.get(), &request), "MPI_Ibarrier");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  Backoff backoff;
  while (true) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    backoff.pause();
  }
}

void Backoff::pause() {
  std::this_thread::sleep_for(next_);
  next_ = std::min(longest_, next_ * 2);
}

}  // namespace wishart::mpi
