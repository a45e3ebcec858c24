#include "wishart/fit/random.hpp"

#include <cmath>

namespace wishart::fit {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) noexcept {
  constexpr std::uint64_t kFirstFactor = 0xD2511F53;
  constexpr std::uint64_t kSecondFactor = 0xCD9E8D57;
  constexpr std::uint32_t kFirstStep = 0x9E3779B9;   // golden ratio
  constexpr std::uint32_t kSecondStep = 0xBB67AE85;  // sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = kFirstFactor * counter[0];
    const std::uint64_t b = kSecondFactor * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += kFirstStep;
    key[1] += kSecondStep;
  }
  return counter;
}

std::uint32_t CounterRandom::word() noexcept {
  if (used_ == 4) {
    words_ =
        philox({static_cast<std::uint32_t>(block_), static_cast<std::uint32_t>(block_ >> 32U),
                static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32U)},
               {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32U)});
    ++block_;
    used_ = 0;
  }
  return words_[used_++];
}

double CounterRandom::uniform() noexcept {
  const std::uint64_t high = word() >> 5U;  // 27 bits
  const std::uint64_t low = word() >> 6U;   // 26 bits
  return (static_cast<double>((high << 26U) | low) + 0.5) * 0x1p-53;
}

std::uint32_t CounterRandom::below(std::uint64_t bound) noexcept {
  return static_cast<std::uint32_t>((word() * bound) >> 32U);
}

double CounterRandom::exponential() noexcept { return -std::log(uniform()); }

double CounterRandom::normal() noexcept {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(2 * exponential());
  const double angle = 6.283185307179586477 * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

}  // namespace wishart::fit
