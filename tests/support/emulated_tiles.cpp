#include "support/emulated_tiles.hpp"

#if defined(__x86_64__)

#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <ucontext.h>

#include <unistd.h>

namespace wishart::test {
namespace {

constexpr std::size_t kRows = 16;
constexpr std::size_t kRowBytes = 64;

struct Tile {
  std::size_t rows = 0;
  std::size_t row_bytes = 0;
  std::array<std::int8_t, kRows * kRowBytes> bytes{};

  void clear() { bytes.fill(0); }
  std::int8_t* row(std::size_t i) { return bytes.data() + i * kRowBytes; }
};

/// Of one thread, as the processor's.
thread_local std::array<Tile, 8> tiles;

/// Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, section 2.3.5: a VEX
/// prefix of three bytes, the opcode, ModRM and what follows it.
struct Instruction {
  unsigned opcode = 0;
  unsigned prefix = 0;  ///< pp: none, 66, F3, F2
  unsigned reg = 0;
  unsigned rm = 0;
  unsigned third = 0;  ///< vvvv
  bool in_memory = false;
  std::uint64_t base = 0;    ///< address, without the index
  std::uint64_t stride = 0;  ///< the index, scaled
  std::uint64_t length = 0;
};

[[noreturn]] void unknown() {
  constexpr char kText[] = "emulated_tiles: an illegal instruction that is none of AMX\n";
  [[maybe_unused]] const auto written = ::write(2, kText, sizeof(kText) - 1);
  ::_exit(70);
}

std::uint64_t register_of(const ucontext_t& context, unsigned number) {
  constexpr std::array<int, 16> kPlaces{REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                        REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                        REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<std::uint64_t>(context.uc_mcontext.gregs[kPlaces[number]]);
}

Instruction decoded(const ucontext_t& context) {
  const auto at = static_cast<std::uint64_t>(context.uc_mcontext.gregs[REG_RIP]);
  const auto* const code = reinterpret_cast<const std::uint8_t*>(at);
  if (code[0] != 0xC4 || (code[1] & 0x1FU) != 2) unknown();
  // R, X and B are stored inverted, and so is vvvv.
  const unsigned x = (code[1] & 0x40U) == 0 ? 8U : 0U;
  const unsigned b = (code[1] & 0x20U) == 0 ? 8U : 0U;
  Instruction out;
  out.prefix = code[2] & 3U;
  out.third = (~unsigned{code[2]} >> 3U) & 0xFU;
  out.opcode = code[3];
  const unsigned mode = unsigned{code[4]} >> 6U;
  out.reg = (unsigned{code[4]} >> 3U) & 7U;
  out.rm = code[4] & 7U;
  out.length = 5;
  out.in_memory = mode != 3;
  if (!out.in_memory) return out;
  const bool relative = mode == 0 && out.rm == 5;
  bool based = !relative;
  if (out.rm == 4) {
    const unsigned sib = code[out.length++];
    const unsigned index = ((sib >> 3U) & 7U) | x;
    if (index != 4) out.stride = register_of(context, index) << (sib >> 6U);
    based = mode != 0 || (sib & 7U) != 5;
    if (based) out.base = register_of(context, (sib & 7U) | b);
  } else if (based) {
    out.base = register_of(context, out.rm | b);
  }
  if (mode == 1) {
    out.base +=
        static_cast<std::uint64_t>(std::int64_t{static_cast<std::int8_t>(code[out.length])});
    out.length += 1;
  } else if (mode == 2 || !based) {
    std::int32_t displacement = 0;
    std::memcpy(&displacement, code + out.length, sizeof(displacement));
    out.base += static_cast<std::uint64_t>(std::int64_t{displacement});
    out.length += sizeof(displacement);
  }
  if (relative) out.base += at + out.length;
  return out;
}

/// LDTILECFG: rows are bytes 48 to 55, bytes of a row the words from 16 on.
void configure(const Instruction& instruction) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(instruction.base);
  if (from[0] != 1) unknown();  // the palette
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    std::uint16_t row_bytes = 0;
    std::memcpy(&row_bytes, from + 16 + 2 * i, sizeof(row_bytes));
    tiles[i].rows = from[48 + i];
    tiles[i].row_bytes = row_bytes;
    if (tiles[i].rows > kRows || row_bytes > kRowBytes) unknown();
    tiles[i].clear();
  }
}

void move(const Instruction& instruction, bool load) {
  Tile& tile = tiles[instruction.reg];
  if (tile.rows == 0) unknown();  // not configured
  if (load) tile.clear();
  for (std::size_t i = 0; i < tile.rows; ++i) {
    auto* const there = reinterpret_cast<std::int8_t*>(instruction.base + i * instruction.stride);
    std::memcpy(load ? tile.row(i) : there, load ? there : tile.row(i), tile.row_bytes);
  }
}

/// TDPBSSD: sum(m, n) += the products of four bytes each, a(m, 4 k ...) and b(k, 4 n ...).
void multiply(Tile& sum, Tile& a, Tile& b) {
  if (sum.rows == 0 || sum.rows != a.rows || a.row_bytes != 4 * b.rows ||
      b.row_bytes != sum.row_bytes) {
    unknown();
  }
  for (std::size_t m = 0; m < sum.rows; ++m) {
    for (std::size_t n = 0; n < sum.row_bytes / 4; ++n) {
      std::int32_t total = 0;
      std::memcpy(&total, sum.row(m) + 4 * n, sizeof(total));
      for (std::size_t k = 0; k < b.rows; ++k) {
        for (std::size_t i = 0; i < 4; ++i) total += a.row(m)[4 * k + i] * b.row(k)[4 * n + i];
      }
      std::memcpy(sum.row(m) + 4 * n, &total, sizeof(total));
    }
  }
}

void emulate(int /*signal*/, siginfo_t* /*information*/, void* state) {
  constexpr unsigned kNone = 0;
  constexpr unsigned kF3 = 2;
  constexpr unsigned kF2 = 3;
  auto& context = *static_cast<ucontext_t*>(state);
  const Instruction now = decoded(context);
  if (now.opcode == 0x49 && now.prefix == kNone && now.in_memory) {
    configure(now);
  } else if (now.opcode == 0x49 && now.prefix == kNone) {  // TILERELEASE
    tiles.fill(Tile{});
  } else if (now.opcode == 0x49 && now.prefix == kF2) {  // TILEZERO
    if (tiles[now.reg].rows == 0) unknown();
    tiles[now.reg].clear();
  } else if (now.opcode == 0x4B && now.in_memory && (now.prefix == kF2 || now.prefix == kF3)) {
    move(now, now.prefix == kF2);
  } else if (now.opcode == 0x5E && now.prefix == kF2 && !now.in_memory &&
             now.third < tiles.size()) {
    multiply(tiles[now.reg], tiles[now.rm], tiles[now.third]);
  } else {
    unknown();
  }
  context.uc_mcontext.gregs[REG_RIP] += static_cast<greg_t>(now.length);
}

}  // namespace

EmulatedTiles::EmulatedTiles() {
  struct sigaction action {};
  action.sa_sigaction = emulate;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  if (::sigaction(SIGILL, &action, &before_) != 0) throw std::runtime_error("sigaction failed");
}

EmulatedTiles::~EmulatedTiles() { ::sigaction(SIGILL, &before_, nullptr); }

}  // namespace wishart::test

#endif
