#pragma once

/// @file
/// Which instructions the inner loops over elements may use.

#include <cstdint>

namespace wishart {

/// In ascending order: a processor that has one has those before it. Loops over elements give the
/// same bits with all of them, and the tests compare them. The eigensolver does not: fused
/// multiplications round once, as those of the BLAS do.
enum class InstructionSet : std::uint8_t {
  portable,  ///< what the compiler makes for any processor of the architecture
  avx2,      ///< x86-64 with AVX2 and FMA: nearly every one since 2013
  avx512,    ///< and with AVX-512F; only where it pays, the loops for AVX2 elsewhere
};

/// The best that this processor offers. Costs a few loads.
[[nodiscard]] inline InstructionSet best_instruction_set() noexcept {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return InstructionSet::portable;
  }
  return __builtin_cpu_supports("avx512f") ? InstructionSet::avx512 : InstructionSet::avx2;
#else
  return InstructionSet::portable;
#endif
}

}  // namespace wishart
