#pragma once

/// @file
/// Sends messages in a thread of its own.

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// Sends messages to one rank while the caller continues to compute. MPI transfers a message longer
/// than a few kilobytes only while both sides make MPI calls. A blocking send would hold up the
/// caller until the receiver polls. A non-blocking send would not progress until the caller's next
/// MPI call, which may be minutes away, and would be lost if the rank is killed.
///
/// The thread sleeps while there is nothing to send. Needs MPI_THREAD_MULTIPLE.
class Courier {
public:
  /// Sends to rank `to` of `comm`, which must outlive this. Matched by `Comm::receive`.
  Courier(const Comm& comm, int to, int tag);
  /// Abandons messages that have not been sent (see Outbox).
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Queues a message. Messages arrive in order. Throws the error of an earlier message, if there
  /// was one.
  void send(std::vector<std::byte> bytes);
  /// Throws the error of a message, if there was one.
  void check();
  /// Waits until all messages have been sent, as in Outbox::all_left. Throws the error of a
  /// message, if there was one.
  void finish();

private:
  void bring();

  const Comm* comm_;
  int to_;
  int tag_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<std::byte>> waiting_;
  bool on_the_way_ = false;  ///< the thread has messages that have not been sent
  bool closing_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  ///< the last member: it uses all the others
};

}  // namespace wishart::mpi
