#include "scan/ranks/shared_filter.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <iterator>
#include <utility>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/pack.hpp"

#include "scan/ranks/messages.hpp"

namespace wishart::job {
namespace {

using Bytes = std::vector<std::byte>;

/// Chunks that are handed over at a time: some for each rank, so that few messages are needed, but
/// not more than 32 MiB of them.
constexpr std::size_t kChunksOfRank = 4;
constexpr std::size_t kMostChunks = 128;

std::vector<Bytes> filtered_here(std::span<const archive::RawChunk> chunks) {
  std::vector<Bytes> out;
  out.reserve(chunks.size());
  for (const archive::RawChunk& chunk : chunks) out.push_back(archive::filtered(chunk));
  return out;
}

/// A message of chunks: their lengths, a number, and their bytes.
struct Share {
  std::int64_t element_bytes = 1;
  std::vector<Bytes> parts;
};

Bytes message_of(std::int64_t element_bytes, const std::vector<std::span<const std::byte>>& parts) {
  std::vector<std::uint64_t> lengths;
  std::size_t total = 0;
  for (const auto part : parts) {
    lengths.push_back(part.size());
    total += part.size();
  }
  Packer pack;
  pack(element_bytes);
  pack(lengths);
  Bytes bytes = pack.take();
  bytes.reserve(bytes.size() + total);
  for (const auto part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

Share share_of(std::span<const std::byte> bytes) {
  Share share;
  std::vector<std::uint64_t> lengths;
  Unpacker unpack(bytes);
  unpack(share.element_bytes);
  unpack(lengths);
  std::uint64_t total = 0;
  for (const std::uint64_t length : lengths) total += length;
  require(total <= bytes.size(), "a message of chunks is damaged");
  std::span<const std::byte> rest = bytes.last(static_cast<std::size_t>(total));
  for (const std::uint64_t length : lengths) {
    const auto part = rest.first(static_cast<std::size_t>(length));
    share.parts.emplace_back(part.begin(), part.end());
    rest = rest.subspan(part.size());
  }
  return share;
}

/// A rank other than 0: filters what it gets until there is no more.
void serve(const mpi::Comm& comm) {
  while (true) {
    const mpi::Comm::Message message = comm.receive(kRawChunksTag);
    if (message.bytes.empty()) return;
    std::vector<Bytes> out;
    try {
      Share share = share_of(message.bytes);
      for (Bytes& part : share.parts) {
        out.push_back(archive::filtered({share.element_bytes, std::move(part)}));
      }
    } catch (const std::exception&) {
      out.clear();  // rank 0 does it then, and tells why if it cannot either
    }
    mpi::Outbox outbox(comm);
    outbox.send(message_of(1, {out.begin(), out.end()}), 0, 1, kFilteredChunksTag);
    mpi::Backoff backoff;
    while (!outbox.all_left()) backoff.pause();
  }
}

/// Rank 0: hands a share to each of the others, does its own, and collects.
std::vector<Bytes> filtered_by_all(const mpi::Comm& comm,
                                   std::span<const archive::RawChunk> chunks) {
  const auto count = static_cast<std::int64_t>(chunks.size());
  const std::int64_t ranks = std::min<std::int64_t>(comm.size(), count);
  const auto of_rank = [&](std::int64_t rank) {
    const std::int64_t first = count * rank / ranks;
    const std::int64_t last = count * (rank + 1) / ranks;
    return chunks.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
  };
  mpi::Outbox outbox(comm);
  for (int rank = 1; rank < ranks; ++rank) {
    std::vector<std::span<const std::byte>> parts;
    for (const archive::RawChunk& chunk : of_rank(rank)) parts.emplace_back(chunk.bytes);
    outbox.send(message_of(chunks.front().element_bytes, parts), rank, 1, kRawChunksTag);
  }
  std::vector<std::vector<Bytes>> shares(static_cast<std::size_t>(ranks));
  shares.front() = filtered_here(of_rank(0));
  for (std::int64_t missing = ranks - 1; missing > 0; --missing) {
    const mpi::Comm::Message message = comm.receive(kFilteredChunksTag);
    std::vector<Bytes>& share = shares.at(static_cast<std::size_t>(message.from));
    share = share_of(message.bytes).parts;
    if (share.empty()) share = filtered_here(of_rank(message.from));
  }
  std::vector<Bytes> all;
  for (std::vector<Bytes>& share : shares) {
    std::move(share.begin(), share.end(), std::back_inserter(all));
  }
  mpi::Backoff backoff;
  while (!outbox.all_left()) backoff.pause();
  return all;
}

}  // namespace

std::exception_ptr with_shared_filter(
    const mpi::Comm& comm, const std::function<void(const archive::ChunkFilter&)>& write) {
  // An error of MPI is thrown by this rank alone, and ends the job: the others may be waiting for
  // its chunks, so the ranks can no longer agree on anything.
  if (comm.rank() != 0) {
    serve(comm);
    return nullptr;
  }
  std::exception_ptr failure;
  bool collected = true;
  archive::ChunkFilter filter = archive::filter_here();
  if (comm.size() > 1) {
    filter.at_once = std::min(kMostChunks, kChunksOfRank * static_cast<std::size_t>(comm.size()));
    filter.run = [&](std::span<const archive::RawChunk> chunks) {
      collected = false;
      std::vector<Bytes> all = filtered_by_all(comm, chunks);
      collected = true;
      return all;
    };
  }
  try {
    write(filter);
  } catch (...) {
    // Others may be sending what nobody receives any more, so no agreement can be reached.
    if (!collected) throw;
    failure = std::current_exception();
  }
  mpi::Outbox outbox(comm);
  outbox.send({}, 1, comm.size() - 1, kRawChunksTag);
  mpi::Backoff backoff;
  while (!outbox.all_left()) backoff.pause();
  return failure;
}

}  // namespace wishart::job
