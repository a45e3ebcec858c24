#include "wishart/spectrum/workspace.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace wishart::spectrum {
namespace {

/// Spans start at multiples of a cache line, so that no two of them share a line.
constexpr std::size_t kAlignment = 64;
/// The minimum size of a chunk. With it, small matrices need one system call in the lifetime of a
/// rank.
constexpr std::size_t kLeastChunk = std::size_t{1} << 22U;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Workspace::Chunk::Chunk(std::size_t bytes) : size(bytes) {
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  data = static_cast<std::byte*>(mapped);
  // Use huge pages if the system has them: the solvers access matrices in both directions, and with
  // small pages every column is a TLB miss. A refusal only costs speed.
  ::madvise(mapped, bytes, MADV_HUGEPAGE);
}

Workspace::Chunk::~Chunk() {
  if (data != nullptr) ::munmap(data, size);
}

Workspace::Chunk::Chunk(Chunk&& other) noexcept
    : data(std::exchange(other.data, nullptr)), size(std::exchange(other.size, 0)) {}

Workspace::Chunk& Workspace::Chunk::operator=(Chunk&& other) noexcept {
  std::swap(data, other.data);
  std::swap(size, other.size);
  return *this;
}

void* Workspace::take_bytes(std::size_t count, std::size_t element_bytes) {
  if (count > (std::size_t{1} << 62U) / element_bytes) throw std::bad_alloc();
  const std::size_t bytes = rounded_up(std::max<std::size_t>(count * element_bytes, 1), kAlignment);
  if (chunks_.empty() || used_ + bytes > chunks_.back().size) {
    chunks_.emplace_back(std::max({bytes, kLeastChunk, std::exchange(expected_, 0)}));
    used_ = 0;
  }
  std::byte* at = chunks_.back().data + used_;
  used_ += bytes;
  return at;
}

void Workspace::reset() noexcept {
  used_ = 0;
  if (chunks_.size() <= 1) return;
  // Several chunks mean that the first was too small. One chunk of the total size replaces them as
  // soon as something is taken. It is only reserved; pages become real when they are written.
  expected_ = static_cast<std::size_t>(capacity_bytes());
  chunks_.clear();
}

std::int64_t Workspace::capacity_bytes() const noexcept {
  std::size_t total = 0;
  for (const Chunk& chunk : chunks_) total += chunk.size;
  return static_cast<std::int64_t>(total);
}

}  // namespace wishart::spectrum
