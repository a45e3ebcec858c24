#include "integer/byte_products.hpp"

#include <array>

#if defined(__x86_64__)
#include <cpuid.h>

#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "wishart/core/error.hpp"
#include "wishart/core/rounded_up.hpp"

#include "integer/moduli.hpp"
#include "integer/packed_products.hpp"

namespace wishart::spectrum {
namespace {

std::int32_t dot(const std::int8_t* a, const std::int8_t* b, std::int64_t depth) {
  std::int32_t sum = 0;
  for (std::int64_t k = 0; k < depth; ++k) {
    sum += static_cast<std::int16_t>(a[k]) * static_cast<std::int16_t>(b[k]);
  }
  return sum;
}

class PortableProducts : public ByteProducts {
public:
  void hold(int slot, const ByteBlock& block) override {
    held_[static_cast<std::size_t>(slot)] = block;
  }
  void multiply(int slot, const ByteBlock& block, std::int64_t first, std::int32_t* out,
                FetchAhead& /*ahead*/) override {
    const ByteBlock& held = held_[static_cast<std::size_t>(slot)];
    require(held.depth == block.depth, "blocks of different depths were multiplied");
    for (std::int64_t i = 0; i < block.lines; ++i) {
      for (std::int64_t j = first; j < held.lines; ++j) {
        out[i * kHeldLines + j - first] =
            dot(block.bytes + i * block.stride, held.bytes + j * held.stride, block.depth);
      }
    }
  }

private:
  std::array<ByteBlock, kMostModuli> held_;
};

}  // namespace

std::int64_t fetch_steps(std::int64_t held, std::int64_t depth) noexcept {
  return rounded_up(held, kPair) / kPair * (rounded_up(depth, kTileDepth) / kTileDepth);
}

std::unique_ptr<ByteProducts> make_portable_products() {
  return std::make_unique<PortableProducts>();
}

std::unique_ptr<ByteProducts> make_byte_products() {
  if (auto tiles = make_tile_products()) return tiles;
  if (auto vectors = make_vector_products()) return vectors;
  return make_portable_products();
}

#if defined(__x86_64__)

namespace {

/// Intel 64 and IA-32 Architectures Software Developer's Manual, CPUID leaf 7; and Linux,
/// Documentation/arch/x86/xstate.rst: ARCH_GET_XCOMP_SUPP, bit 18 are the tiles.
bool has_tiles() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & (1U << 24U)) == 0 || (d & (1U << 25U)) == 0) return false;
  std::uint64_t permitted = 0;
  constexpr long kSupported = 0x1021;
  return ::syscall(SYS_arch_prctl, kSupported, &permitted) == 0 &&
         (permitted & (std::uint64_t{1} << 18U)) != 0;
}

/// What every processor with one of the two has.
bool has_avx512() noexcept {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
}

}  // namespace

bool has_byte_vectors() noexcept {
  return has_avx512() && __builtin_cpu_supports("avx512vnni") != 0;
}

ByteUnit byte_unit() noexcept {
  if (has_avx512() && has_tiles()) return ByteUnit::tiles;
  return has_byte_vectors() ? ByteUnit::vectors : ByteUnit::none;
}

#else

bool has_byte_vectors() noexcept { return false; }
ByteUnit byte_unit() noexcept { return ByteUnit::none; }

#endif

}  // namespace wishart::spectrum
