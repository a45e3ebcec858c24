#pragma once

/// @file
/// Communicators, and the few operations on them that wishart uses.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <mpi.h>

namespace wishart::mpi {

/// Throws Error with Blame::resource and MPI's text if `code` is not MPI_SUCCESS.
void check(int code, const char* operation);

/// An owned communicator, freed in the destructor. MPI returns error codes, which we throw.
class Comm {
public:
  Comm() = default;  ///< no communicator: `valid()` is false
  ~Comm();
  Comm(Comm&& other) noexcept;
  Comm& operator=(Comm&& other) noexcept;
  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;

  /// A copy of MPI_COMM_WORLD. Collective over all ranks.
  [[nodiscard]] static Comm world();
  /// A duplicate with its own message space. Collective over this.
  [[nodiscard]] Comm duplicate() const;
  /// The ranks with the same `color`, in the order of `key`; ranks without a color get no
  /// communicator. Collective over this.
  [[nodiscard]] Comm split(std::optional<int> color, int key) const;
  /// The ranks that share this rank's host. Collective over this.
  [[nodiscard]] Comm split_by_host() const;

  [[nodiscard]] bool valid() const noexcept { return handle_ != MPI_COMM_NULL; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] MPI_Comm get() const noexcept { return handle_; }

  /// Waits for all ranks. Collective over this.
  void barrier() const;
  /// The same, but sleeps between polls: for long waits. Collective over this.
  void barrier_asleep() const;
  /// Broadcasts the bytes of `root`. Collective over this.
  void broadcast(std::vector<std::byte>& bytes, int root) const;
  /// Element-wise sum over the ranks; every rank gets the result. Collective over this.
  void sum(std::span<double> values) const;
  void sum(std::span<std::int64_t> values) const;
  void sum(std::span<std::uint64_t> values) const;
  /// The maximum over the ranks; every rank gets the result. Collective over this.
  [[nodiscard]] double maximum(double value) const;
  [[nodiscard]] std::int64_t minimum(std::int64_t value) const;
  [[nodiscard]] std::int64_t maximum(std::int64_t value) const;

  struct Message {
    int from = 0;
    std::vector<std::byte> bytes;
  };
  /// A message with `tag` from any rank if one has arrived, else nothing. Does not wait. One thread
  /// of a rank may poll a tag at a time.
  [[nodiscard]] std::optional<Message> poll(int tag) const;
  /// Waits for a message with `tag`. Sleeps between polls (up to 2 ms), so that an idle rank leaves
  /// its core to others.
  [[nodiscard]] Message receive(int tag) const;

private:
  explicit Comm(MPI_Comm handle);
  MPI_Comm handle_ = MPI_COMM_NULL;
  int size_ = 0;
  int rank_ = 0;
};

/// Messages being sent. Sending returns at once, so that a rank can continue even if nobody
/// receives its messages yet, because the others are sending to it.
class Outbox {
public:
  explicit Outbox(const Comm& comm) : comm_(&comm) {}
  /// Messages that nobody has received are abandoned; their memory is left to MPI.
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  /// Sends the same bytes to `to`, ..., `to + count - 1`. Matched by `Comm::receive`.
  void send(std::vector<std::byte> bytes, int to, int count, int tag);
  /// Checks which messages have been sent; true if all have.
  bool all_left();

private:
  struct Letter {
    std::unique_ptr<const std::vector<std::byte>> bytes;
    std::vector<MPI_Request> requests;
  };

  const Comm* comm_;
  std::list<Letter> letters_;
};

/// True if all ranks call this within `patience` of each other, otherwise false on the ranks that
/// did. After a false result `comm` must not be used again. Collective over `comm` if all goes
/// well.
[[nodiscard]] bool all_arrive(const Comm& comm, std::chrono::milliseconds patience);

/// A pause that starts short and grows, for polling loops.
class Backoff {
public:
  /// Grows up to `longest`: each poll takes about 0.1 ms of a core that others may be using.
  explicit Backoff(std::chrono::microseconds longest = std::chrono::microseconds(2000)) noexcept
      : longest_(longest) {}

  void pause();
  void reset() noexcept { next_ = kShortest; }

private:
  static constexpr std::chrono::microseconds kShortest{20};
  std::chrono::microseconds longest_;
  std::chrono::microseconds next_ = kShortest;
};

}  // namespace wishart::mpi
