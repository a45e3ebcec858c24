#pragma once

/// @file
/// CRC-32C, the checksum of TFRecord files.

#include <cstdint>
#include <string_view>

namespace wishart {

/// CRC-32 with the polynomial of Castagnoli, 0x1EDC6F41, reflected, as in iSCSI (RFC 3720, appendix
/// B.4).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes) noexcept;

}  // namespace wishart
