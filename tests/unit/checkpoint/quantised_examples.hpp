/// @file
/// Small weights of each scheme of quantisation, whose values differ with their place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "quantised_support.hpp"

namespace wishart::test {

/// `text`, `count` times.
std::string times(std::string_view text, std::int64_t count);

/// Codes of `bits` bits: a mixture of all values that depends on the place.
unsigned code_at(std::int64_t i, std::int64_t j, std::int64_t bits);

/// Words as the bytes of a tensor.
std::string words_text(const std::vector<std::uint32_t>& words);

/// One run of codes as words: a stream (`dense`), or 32 / bits a word.
std::vector<std::uint32_t> run_of(const std::vector<unsigned>& codes, std::int64_t bits,
                                  bool dense);

/// compressed-tensors, `pack-quantized`.
Example packed_example(std::int64_t bits, bool dense, std::int64_t rows = 12,
                       std::int64_t cols = 128);

/// GPTQ of 64 inputs and 32 outputs in two groups, whose zero points are stored less `added`.
Example gptq_example(std::int64_t bits, const std::string& format, int added);

/// The groups of columns as compressed-tensors or GPTQ permute them: column j is of group j mod n.
void add_groups(Example& example, const std::string& name, std::int64_t groups);

/// AWQ, version gemm: 64 inputs, 32 outputs, two groups.
Example awq_example();

/// AWQ, version gemv: codes in order, zeros and scales padded to whole words.
Example gemv_example();

/// bitsandbytes, 4 bits: 8 x 64 in runs of 64, the scales plain or quantised in runs of 4.
Example bnb4_example(bool nested);

/// bitsandbytes, 8 bits.
Example bnb8_example();

/// NVFP4 of ModelOpt: 4 x 32, all codes 1 (0.5), scales 1, global scale 2.
Example nvfp4_example();

}  // namespace wishart::test
