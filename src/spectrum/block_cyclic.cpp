#include "wishart/spectrum/block_cyclic.hpp"

#include <algorithm>

namespace wishart::spectrum {

std::int64_t BlockCyclic::local_extent(int part) const noexcept {
  const std::int64_t full_blocks = extent / block;
  const std::int64_t rounds = full_blocks / parts;
  const std::int64_t extra = full_blocks % parts;
  std::int64_t local = rounds * block;
  if (part < extra) local += block;
  if (part == extra) local += extent % block;
  return local;
}

}  // namespace wishart::spectrum
