#include "wishart/core/crc32c.hpp"

#include <array>
#include <cstddef>

namespace wishart {
namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;

/// The checksum of each byte by itself.
constexpr std::array<std::uint32_t, 256> byte_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? (crc >> 1U) ^ kReflectedPolynomial : crc >> 1U;
    }
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<std::uint32_t, 256> kTable = byte_table();

}  // namespace

std::uint32_t crc32c(std::string_view bytes) noexcept {
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) {
    const auto index = static_cast<std::size_t>((crc ^ static_cast<unsigned char>(c)) & 0xffU);
    crc = (crc >> 8U) ^ kTable[index];
  }
  return ~crc;
}

}  // namespace wishart
