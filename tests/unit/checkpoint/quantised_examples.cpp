/// @file
/// Writes the weights of each scheme as the program does that is named there.

#include "quantised_examples.hpp"

#include <cmath>
#include <span>
#include <utility>

namespace wishart::test {

unsigned code_at(std::int64_t i, std::int64_t j, std::int64_t bits) {
  return static_cast<unsigned>((i * 31 + j * 17 + i * j) % (std::int64_t{1} << bits));
}

std::string words_text(const std::vector<std::uint32_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * 4};
}

std::vector<std::uint32_t> run_of(const std::vector<unsigned>& codes, std::int64_t bits,
                                  bool dense) {
  const std::int64_t per_word = 32 / bits;
  const auto count = static_cast<std::int64_t>(codes.size());
  std::vector<std::uint32_t> words(static_cast<std::size_t>(
      dense ? (count * bits + 31) / 32 : (count + per_word - 1) / per_word));
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t first = dense ? k * bits : k / per_word * 32 + k % per_word * bits;
    for (std::int64_t b = 0; b < bits; ++b) {
      const std::uint32_t bit = (codes[static_cast<std::size_t>(k)] >> b) & 1U;
      words[static_cast<std::size_t>((first + b) / 32)] |= bit << ((first + b) % 32);
    }
  }
  return words;
}

namespace {

/// GPTQModel, utils/planar_packing.py: for 32 codes first all words of the low bits.
std::vector<std::uint32_t> planar_run(const std::vector<unsigned>& codes, std::int64_t bits) {
  std::vector<std::uint32_t> words;
  std::vector<std::pair<std::int64_t, std::int64_t>> planes{{4, 0}};
  if (bits == 3) planes = {{2, 0}, {1, 2}};
  if (bits == 5) planes.emplace_back(1, 4);
  if (bits == 6) planes.emplace_back(2, 4);
  if (bits == 7) planes = {{4, 0}, {2, 4}, {1, 6}};
  for (std::size_t first = 0; first < codes.size(); first += 32) {
    for (const auto& [width, place] : planes) {
      std::vector<unsigned> part;
      for (std::size_t k = 0; k < 32; ++k) {
        part.push_back((codes[first + k] >> place) & ((1U << width) - 1U));
      }
      const auto more = run_of(part, width, true);
      words.insert(words.end(), more.begin(), more.end());
    }
  }
  return words;
}

}  // namespace

Example packed_example(std::int64_t bits, bool dense, std::int64_t rows, std::int64_t cols) {
  std::vector<std::uint32_t> words;
  for (std::int64_t i = 0; i < rows; ++i) {
    std::vector<unsigned> row;
    for (std::int64_t j = 0; j < cols; ++j) row.push_back(code_at(i, j, bits));
    const auto more = run_of(row, bits, dense);
    words.insert(words.end(), more.begin(), more.end());
  }
  const std::int64_t width = static_cast<std::int64_t>(words.size()) / rows;
  std::vector<float> scales;
  for (std::int64_t i = 0; i < rows * 4; ++i) scales.push_back(0.5F + static_cast<float>(i));
  const std::vector<std::int64_t> sizes{rows, cols};
  Example example;
  example.config = config_of(R"("quant_method":"compressed-tensors","format":"pack-quantized",)"
                             R"("config_groups":{"group_0":{"weights":{"num_bits":)" +
                             std::to_string(bits) + "}}}");
  example.tensors = {
      {"m.weight_packed", "I32", {rows, width}, words_text(words)},
      {"m.weight_scale", "F32", {rows, 4}, little_floats(scales)},
      {"m.weight_shape", "I64", {2}, bytes_of(std::span<const std::int64_t>(sizes))}};
  example.weight = "m.weight";
  example.rows = rows;
  example.cols = cols;
  const std::int64_t group = cols / 4;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const double middle = std::ldexp(1.0, static_cast<int>(bits) - 1);
    return (code_at(i, j, bits) - middle) * scales[static_cast<std::size_t>(i * 4 + j / group)];
  };
  return example;
}

Example gptq_example(std::int64_t bits, const std::string& format, int added) {
  constexpr std::int64_t kIn = 64;
  constexpr std::int64_t kOut = 32;
  const bool planar = format == "gptq_p" || (bits >= 5 && bits <= 7);
  const auto run = [&](const std::vector<unsigned>& codes) {
    return planar ? planar_run(codes, bits) : run_of(codes, bits, true);
  };
  const std::int64_t high = kIn * bits / 32;
  std::vector<std::uint32_t> words(static_cast<std::size_t>(high * kOut));
  for (std::int64_t i = 0; i < kOut; ++i) {
    std::vector<unsigned> column;
    for (std::int64_t j = 0; j < kIn; ++j) column.push_back(code_at(i, j, bits));
    const auto packed = run(column);
    for (std::int64_t w = 0; w < high; ++w) {
      words[static_cast<std::size_t>(w * kOut + i)] = packed[static_cast<std::size_t>(w)];
    }
  }
  std::vector<std::uint32_t> zeros;
  std::vector<float> scales;
  for (std::int64_t g = 0; g < 2; ++g) {
    std::vector<unsigned> row;
    for (std::int64_t i = 0; i < kOut; ++i) {
      row.push_back(code_at(g + 3, i, bits));
      scales.push_back(static_cast<float>(g * kOut + i + 1));
    }
    const auto more = run(row);
    zeros.insert(zeros.end(), more.begin(), more.end());
  }
  Example example;
  example.config =
      config_of("\"quant_method\":\"gptq\",\"group_size\":32,\"bits\":" + std::to_string(bits) +
                ",\"checkpoint_format\":\"" + format + "\"");
  example.tensors = {{"m.qweight", "I32", {high, kOut}, words_text(words)},
                     {"m.qzeros", "I32", {2, kOut * bits / 32}, words_text(zeros)},
                     {"m.scales", "F32", {2, kOut}, little_floats(scales)}};
  example.weight = "m.weight";
  example.rows = kOut;
  example.cols = kIn;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const unsigned mask = (1U << bits) - 1U;
    const unsigned zero = (code_at(j / 32 + 3, i, bits) + static_cast<unsigned>(added)) & mask;
    return (static_cast<double>(code_at(i, j, bits)) - zero) *
           scales[static_cast<std::size_t>(j / 32 * kOut + i)];
  };
  return example;
}

std::string times(std::string_view text, std::int64_t count) {
  std::string all;
  for (std::int64_t i = 0; i < count; ++i) all += text;
  return all;
}

void add_groups(Example& example, const std::string& name, std::int64_t groups) {
  std::vector<std::int32_t> of(static_cast<std::size_t>(example.cols));
  for (std::size_t j = 0; j < of.size(); ++j) {
    of[j] = static_cast<std::int32_t>(static_cast<std::int64_t>(j) % groups);
  }
  example.tensors.push_back(
      {name, "I32", {example.cols}, bytes_of(std::span<const std::int32_t>(of))});
}

Example awq_example() {
  constexpr std::int64_t kIn = 64;
  constexpr std::int64_t kOut = 32;
  constexpr unsigned kOrder[] = {0, 2, 4, 6, 1, 3, 5, 7};
  const auto row = [&](std::int64_t j) {
    std::vector<std::uint32_t> words(kOut / 8, 0);
    for (std::size_t w = 0; w < words.size(); ++w) {
      for (std::size_t k = 0; k < 8; ++k) {
        const auto i = static_cast<std::int64_t>(w * 8 + kOrder[k]);
        words[w] |= code_at(i, j, 4) << (4 * k);
      }
    }
    return words;
  };
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> zeros;
  std::vector<float> scales;
  for (std::int64_t j = 0; j < kIn; ++j) {
    const auto more = row(j);
    words.insert(words.end(), more.begin(), more.end());
  }
  for (std::int64_t g = 0; g < 2; ++g) {
    const auto more = row(g + 5);
    zeros.insert(zeros.end(), more.begin(), more.end());
    for (std::int64_t i = 0; i < kOut; ++i) scales.push_back(static_cast<float>(g * kOut + i + 1));
  }
  Example example;
  example.config = config_of(R"("quant_method":"awq","bits":4,"group_size":32,"version":"gemm")");
  example.tensors = {{"m.qweight", "I32", {kIn, kOut / 8}, words_text(words)},
                     {"m.qzeros", "I32", {2, kOut / 8}, words_text(zeros)},
                     {"m.scales", "F32", {2, kOut}, little_floats(scales)}};
  example.weight = "m.weight";
  example.rows = kOut;
  example.cols = kIn;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const double zero = code_at(i, j / 32 + 5, 4);
    return (code_at(i, j, 4) - zero) * scales[static_cast<std::size_t>(j / 32 * kOut + i)];
  };
  return example;
}

Example bnb4_example(bool nested) {
  std::vector<float> map;
  for (int q = 0; q < 16; ++q) map.push_back(0.5F * static_cast<float>(q) - 3.0F);
  std::string codes;
  for (std::int64_t i = 0; i < 8; ++i) {
    for (std::int64_t j = 0; j < 64; j += 2) {
      codes += static_cast<char>(code_at(i, j, 4) << 4U | code_at(i, j + 1, 4));
    }
  }
  std::vector<float> nested_map;
  for (int q = 0; q < 256; ++q) nested_map.push_back(static_cast<float>(q) / 8.0F);
  Example example;
  example.config = config_of(R"("quant_method":"bitsandbytes","load_in_4bit":true)");
  const std::string state = std::string(R"({"quant_type":"nf4","blocksize":64,"shape":[8,64])") +
                            (nested ? R"(,"nested_blocksize":4,"nested_offset":0.5})" : "}");
  example.tensors = {{"m.weight", "U8", {256, 1}, codes},
                     {"m.weight.absmax", "F32", {8}, little_floats({1, 2, 3, 4, 5, 6, 7, 8})},
                     {"m.weight.quant_map", "F32", {16}, little_floats(map)},
                     {"m.weight.quant_state.bitsandbytes__nf4",
                      "U8",
                      {static_cast<std::int64_t>(state.size())},
                      state}};
  if (nested) {
    example.tensors[1] = {"m.weight.absmax", "U8", {8}, "\1\2\3\4\5\6\7\10"};
    example.tensors.push_back({"m.weight.nested_absmax", "F32", {2}, little_floats({2, 4})});
    example.tensors.push_back(
        {"m.weight.nested_quant_map", "F32", {256}, little_floats(nested_map)});
  }
  example.weight = "m.weight";
  example.rows = 8;
  example.cols = 64;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const double plain = static_cast<double>(i + 1);
    const double absmax = nested ? plain / 8 * (i < 4 ? 2 : 4) + 0.5 : plain;
    return map[code_at(i, j, 4)] * absmax;
  };
  return example;
}

Example bnb8_example() {
  Example example;
  example.config = config_of(R"("quant_method":"bitsandbytes","load_in_8bit":true)");
  std::string codes;
  for (std::int64_t i = 0; i < 8; ++i) {
    for (std::int64_t j = 0; j < 32; ++j) codes += static_cast<char>(code_at(i, j, 7));
  }
  example.tensors = {{"m.weight", "I8", {8, 32}, codes},
                     {"m.SCB", "F32", {8}, little_floats({1, 2, 3, 4, 5, 6, 7, 8})}};
  example.weight = "m.weight";
  example.rows = 8;
  example.cols = 32;
  example.value = [](std::int64_t i, std::int64_t j) {
    return code_at(i, j, 7) * (static_cast<double>(i + 1) / 127.0);
  };
  return example;
}

Example nvfp4_example() {
  Example example;
  example.config = config_of(R"("quant_method":"modelopt","quant_algo":"NVFP4_SVD")");
  example.tensors = {{"m.weight", "U8", {4, 16}, times("\x11", 64)},
                     {"m.weight_scale", "F8_E4M3", {4, 2}, times("\x38", 8)},
                     {"m.weight_scale_2", "F32", {}, little_floats({2.0F})}};
  example.weight = "m.weight";
  example.rows = 4;
  example.cols = 32;
  example.value = [](std::int64_t, std::int64_t) { return 1.0; };
  return example;
}

Example gemv_example() {
  constexpr std::int64_t kOut = 8;
  constexpr std::int64_t kIn = 128;
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> zeros;
  std::vector<float> scales;
  for (std::int64_t i = 0; i < kOut; ++i) {
    std::vector<unsigned> row;
    for (std::int64_t j = 0; j < kIn; ++j) row.push_back(code_at(i, j, 4));
    const auto more = run_of(row, 4, true);
    words.insert(words.end(), more.begin(), more.end());
    // Two groups of 64, padded to 16 places in two words.
    zeros.insert(zeros.end(), {0xFFFFFF00U | static_cast<std::uint32_t>(i), 0xFFFFFFFFU});
    for (int g = 0; g < 16; ++g) scales.push_back(g < 2 ? static_cast<float>(i + g + 1) : 1e9F);
  }
  Example example;
  example.config = config_of(R"("quant_method":"awq","bits":4,"group_size":64,"version":"gemv")");
  example.tensors = {{"m.qweight", "I32", {kOut, kIn / 8}, words_text(words)},
                     {"m.qzeros", "I32", {kOut, 2}, words_text(zeros)},
                     {"m.scales", "F32", {kOut, 16}, little_floats(scales)}};
  example.weight = "m.weight";
  example.rows = kOut;
  example.cols = kIn;
  example.value = [](std::int64_t i, std::int64_t j) {
    const double zero = j < 64 ? static_cast<double>(i) : 0.0;
    return (code_at(i, j, 4) - zero) * static_cast<double>(i + j / 64 + 1);
  };
  return example;
}

}  // namespace wishart::test
