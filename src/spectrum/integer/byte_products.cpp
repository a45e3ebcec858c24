#include "integer/byte_products.hpp"

#include <array>

#include "wishart/core/error.hpp"

#include "integer/moduli.hpp"

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
  void multiply(int slot, const ByteBlock& block, std::int32_t* out) override {
    const ByteBlock& held = held_[static_cast<std::size_t>(slot)];
    require(held.depth == block.depth, "blocks of different depths were multiplied");
    for (std::int64_t i = 0; i < block.lines; ++i) {
      for (std::int64_t j = 0; j < held.lines; ++j) {
        out[i * kByteTile + j] =
            dot(block.bytes + i * block.stride, held.bytes + j * held.stride, block.depth);
      }
    }
  }

private:
  std::array<ByteBlock, kMostModuli> held_;
};

}  // namespace

std::unique_ptr<ByteProducts> make_portable_products() {
  return std::make_unique<PortableProducts>();
}

#ifndef WISHART_HAVE_ONEDNN

ByteUnit byte_unit() noexcept { return ByteUnit::none; }
std::unique_ptr<ByteProducts> make_byte_products() { return make_portable_products(); }

#endif

}  // namespace wishart::spectrum
