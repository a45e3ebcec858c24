#pragma once

/// @file
/// Which instructions the inner loops over elements may use.

#include <cstdint>

namespace wishart {

/// In ascending order: a processor that supports one supports all those before it. Loops over
/// elements give bit-identical results with every set, which the tests verify. The eigensolver does
/// not: like the BLAS, it uses fused multiply-add, which rounds only once.
enum class InstructionSet : std::uint8_t {
  portable,  ///< what the compiler generates for any processor of the architecture
  avx2,      ///< x86-64 with AVX2 and FMA: nearly every processor since 2013
  avx512,    ///< also AVX-512F; loops that gain nothing from it use AVX2
};

/// The best set that this processor supports. Cheap: a few loads.
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
