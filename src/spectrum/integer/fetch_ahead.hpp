#pragma once

/// @file
/// Internal: memory that is fetched into the second-level cache while something else is computed.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace wishart::spectrum {

/// Pieces of memory that are used next. Products of bytes leave the ways to the memory idle, and
/// fetch these pieces a few cache lines at a time.
///
/// Nothing is read, so addresses need not be valid, and results do not depend on it.
class FetchAhead {
public:
  /// Forgets what was added before.
  void clear() noexcept {
    pieces_.clear();
    lines_ = share_ = at_ = 0;
    done_ = 0;
  }
  /// `count` pieces of `bytes`, `stride` bytes from one to the next.
  void add(const void* begin, std::int64_t bytes, std::int64_t stride, std::int64_t count) {
    if (bytes <= 0 || count <= 0) return;
    pieces_.push_back({static_cast<const char*>(begin), bytes, stride, count});
    lines_ += (bytes + kLine - 1) / kLine * count;
  }
  /// Spreads what was added over `steps` calls of fetch().
  void spread_over(std::int64_t steps) noexcept { share_ = (lines_ + steps - 1) / steps; }

  /// Fetches the next share.
  __attribute__((always_inline)) inline void fetch() noexcept {
    for (std::int64_t i = 0; i < share_ && done_ < pieces_.size(); ++i) {
      Pieces& now = pieces_[done_];
      // For reading: fetched for writing, they would come into the first level.
      __builtin_prefetch(now.begin + at_, 0, 2);
      at_ += kLine;
      if (at_ < now.bytes) continue;
      at_ = 0;
      now.begin += now.stride;
      if (--now.left == 0) ++done_;
    }
  }

private:
  static constexpr std::int64_t kLine = 64;

  struct Pieces {
    const char* begin = nullptr;
    std::int64_t bytes = 0;
    std::int64_t stride = 0;
    std::int64_t left = 0;
  };
  std::vector<Pieces> pieces_;
  std::int64_t lines_ = 0;  ///< of the cache
  std::int64_t share_ = 0;
  std::int64_t at_ = 0;   ///< bytes of the present piece that were fetched
  std::size_t done_ = 0;  ///< pieces
};

}  // namespace wishart::spectrum
