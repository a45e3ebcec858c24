#include "wishart/plan/memory.hpp"

#include <algorithm>
#include <cmath>

namespace wishart::plan {
namespace {

constexpr std::int64_t kMib = std::int64_t{1} << 20U;

/// What rank 0 holds of each matrix (its row in the layer table, its name in several lists, its
/// place in the checkpoint) and of each singular value. Measured: docs/performance.md, "Rank 0".
constexpr std::int64_t kMatrixBytes = 7 << 10U;
constexpr std::int64_t kValueBytes = 20;

/// Of a share of a host. With very little memory the program cannot be counted on its own: then
/// half of the share is its part.
std::int64_t usable_of(std::int64_t share_bytes) noexcept {
  const std::int64_t rest = std::max(share_bytes - kProgramBytes, share_bytes / 2);
  return std::max<std::int64_t>(static_cast<std::int64_t>(kUsableShare * static_cast<double>(rest)),
                                1);
}

}  // namespace

std::int64_t rank_zero_bytes(std::span<const Matrix> matrices) noexcept {
  std::int64_t bytes = 0;
  for (const Matrix& matrix : matrices) {
    bytes += kMatrixBytes + kValueBytes * matrix.num_values();
  }
  return bytes;
}

std::int64_t usable_bytes(const JobMemory& memory, std::int64_t zero_bytes) noexcept {
  std::int64_t usable = memory.share_bytes > 0 ? usable_of(memory.share_bytes) : 0;
  if (memory.first_share_bytes > 0) {
    const std::int64_t first = memory.first_share_bytes - zero_bytes / memory.first_ranks;
    const std::int64_t first_usable = usable_of(std::max<std::int64_t>(first, 1));
    usable = usable == 0 ? first_usable : std::min(usable, first_usable);
  }
  return usable;
}

std::int64_t asked_bytes(std::int64_t need_bytes, std::int64_t zero_bytes,
                         std::int64_t ranks_per_host) noexcept {
  const auto matrices =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(need_bytes) / kUsableShare));
  // The program once for itself, and once where a scan finds it used already.
  const std::int64_t bytes =
      matrices + 2 * kProgramBytes + (zero_bytes + ranks_per_host - 1) / ranks_per_host;
  return (bytes + kMib) / kMib * kMib;
}

}  // namespace wishart::plan
