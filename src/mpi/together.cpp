#include "wishart/mpi/together.hpp"

#include <new>
#include <vector>

#include "wishart/core/pack.hpp"

namespace wishart::mpi {
namespace {

bool is_of_mpi(const std::exception_ptr& failure) {
  if (!failure) return false;
  try {
    std::rethrow_exception(failure);
  } catch (const Failure&) {
    return true;
  } catch (...) {
    return false;
  }
}

}  // namespace

void agree(const Comm& comm, const std::exception_ptr& local_failure) {
  if (is_of_mpi(local_failure)) std::rethrow_exception(local_failure);
  const int size = comm.size();
  const std::int64_t mine = local_failure ? comm.rank() : size;
  const auto first = static_cast<int>(comm.minimum(mine));
  if (first == size) return;

  Blame blame = Blame::bug;
  std::string text;
  if (comm.rank() == first) {
    try {
      std::rethrow_exception(local_failure);
    } catch (const std::exception& error) {
      blame = blame_of(error);
      text = describe(error);
    } catch (...) {
      text = "an exception of unknown type";
    }
  }
  Packer pack;
  pack(blame);
  pack(text);
  std::vector<std::byte> bytes = pack.take();
  comm.broadcast(bytes, first);
  Unpacker unpack(bytes);
  unpack(blame);
  unpack(text);
  throw AgreedError(blame, text, first);
}

void agree_asleep(const Comm& comm, const std::exception_ptr& local_failure) {
  if (is_of_mpi(local_failure)) std::rethrow_exception(local_failure);  // nobody may come
  if (comm.size() > 1) comm.barrier_asleep();
  agree(comm, local_failure);
}

void require_common(const Comm& comm, const std::exception& error) {
  if (comm.size() == 1 || dynamic_cast<const std::bad_alloc*>(&error) == nullptr) return;
  throw Failure(Blame::resource,
                "out of memory while the others of its team wait for it. Use more nodes or fewer "
                "ranks per node");
}

}  // namespace wishart::mpi
