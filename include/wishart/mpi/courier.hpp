#pragma once

/// @file
/// Messages that are brought by a thread of their own.

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "wishart/mpi/comm.hpp"

namespace wishart::mpi {

/// Brings messages to one rank while the caller goes on computing. MPI moves a message longer than
/// a few kilobytes only while both sides look after it: sent in place it would hold the caller up
/// until the receiver looks, and sent without waiting it would lie here until the caller's next
/// look, which may be minutes away, and be lost if the rank is killed.
///
/// Asleep while there is nothing to bring. Needs MPI_THREAD_MULTIPLE.
class Courier {
public:
  /// Brings to rank `to` of `comm`, which must outlive this. Matched by `Comm::receive`.
  Courier(const Comm& comm, int to, int tag);
  /// What has not left is given up (see Outbox).
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  /// Hands a message over; they arrive in this order. Throws what went wrong with an earlier one.
  void send(std::vector<std::byte> bytes);
  /// Waits until all messages have left, as Outbox::all_left. Throws what went wrong with one.
  void finish();

private:
  void bring();

  const Comm* comm_;
  int to_;
  int tag_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<std::byte>> waiting_;
  bool on_the_way_ = false;  ///< the thread has some that have not left
  bool closing_ = false;
  std::exception_ptr failure_;
  std::thread thread_;  ///< the last member: it uses all the others
};

}  // namespace wishart::mpi
