#pragma once

/// @file
/// The working memory of the solvers of one rank, reused from matrix to matrix.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wishart::spectrum {

/// Hands out uninitialised arrays one after the other, and reclaims all of them at once.
///
/// A rank has one workspace for all its matrices. After the first matrix of a size nothing more is
/// allocated, so thousands of small matrices cost no system calls and no page faults. Its size is
/// what the largest matrix needed.
class Workspace {
public:
  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  /// `count` uninitialised elements, aligned to a cache line; valid until `reset`.
  /// @throws std::bad_alloc
  template <class T>
  [[nodiscard]] std::span<T> take(std::int64_t count) {
    const auto size = static_cast<std::size_t>(count < 0 ? 0 : count);
    return {static_cast<T*>(take_bytes(size, sizeof(T))), size};
  }
  /// Reclaims everything that was handed out. Allocates nothing: the ranks of a team reset theirs
  /// between two agreements, where none of them may fail alone.
  void reset() noexcept;

  /// Bytes allocated from the system.
  [[nodiscard]] std::int64_t capacity_bytes() const noexcept;

private:
  struct Chunk {
    explicit Chunk(std::size_t bytes);
    ~Chunk();
    Chunk(Chunk&& other) noexcept;
    Chunk& operator=(Chunk&& other) noexcept;
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    std::byte* data = nullptr;
    std::size_t size = 0;
  };
  void* take_bytes(std::size_t count, std::size_t element_bytes);

  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;      ///< bytes used of the last chunk
  std::size_t expected_ = 0;  ///< bytes that the work before needed, if no chunk has as many
};

}  // namespace wishart::spectrum
