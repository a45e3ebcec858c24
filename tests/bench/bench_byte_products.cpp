/// @file
/// Products of bytes: our kernels and, where it is installed, oneDNN's matmul primitive, in turns
/// on one core. One CSV line for each way, with the median rate.
///
///     taskset -c 1 build/release/tests/bench/bench_byte_products [--lines 2048] [--depth 512]
///         [--runs 9]
///
/// Blocks of 224 lines are held, five of them as in a scan, and meet `lines` others: 32 at a time
/// for our kernels, 224 for oneDNN, which is faster with more.
///
/// Exits with 1 if two ways differ in an integer.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#ifdef WISHART_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.hpp>
#endif

#include "wishart/core/build_info.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"

#include "argument.hpp"
#include "integer/byte_products.hpp"
#include "median.hpp"

namespace {

using namespace wishart;
using bench::argument;
using bench::median;
using spectrum::ByteBlock;

constexpr int kSlots = 5;

struct Operands {
  std::int64_t lines = 0;
  std::int64_t depth = 0;
  std::vector<std::int8_t> held;  ///< kSlots blocks of kHeldLines
  std::vector<std::int8_t> met;

  [[nodiscard]] const std::int8_t* held_block(int slot) const {
    return held.data() + slot * kHeldLines * depth;
  }
};

std::vector<std::int8_t> random_bytes(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> any(-128, 127);
  std::vector<std::int8_t> out(static_cast<std::size_t>(count));
  for (auto& byte : out) byte = static_cast<std::int8_t>(any(random));
  return out;
}

/// The sum of all integers: every way forms the same ones.
using Way = std::function<std::int64_t(const Operands&)>;

std::int64_t sum_of(const std::vector<std::int32_t>& tile, std::int64_t lines) {
  std::int64_t sum = 0;
  for (std::int64_t i = 0; i < lines * kHeldLines; ++i) sum += tile[static_cast<std::size_t>(i)];
  return sum;
}

std::int64_t by_kernels(spectrum::ByteProducts& products, const Operands& of) {
  std::vector<std::int32_t> tile(static_cast<std::size_t>(kSlots * kMetLines * kHeldLines));
  for (int slot = 0; slot < kSlots; ++slot) {
    products.hold(slot, {of.held_block(slot), kHeldLines, of.depth, of.depth});
  }
  std::int64_t sum = 0;
  for (std::int64_t line = 0; line + kMetLines <= of.lines; line += kMetLines) {
    const ByteBlock block{of.met.data() + line * of.depth, kMetLines, of.depth, of.depth};
    spectrum::FetchAhead nothing;
    for (int slot = 0; slot < kSlots; ++slot) {
      products.multiply(slot, block, 0, tile.data() + slot * kMetLines * kHeldLines, nothing);
    }
    sum += sum_of(tile, kSlots * kMetLines);
  }
  return sum;
}

#ifdef WISHART_HAVE_ONEDNN
std::int64_t by_onednn(const Operands& of) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc lines({kHeldLines, of.depth}, memory::data_type::s8,
                           memory::dims{of.depth, 1});
  const memory::desc held({of.depth, kHeldLines}, memory::data_type::s8, memory::dims{1, of.depth});
  const memory::desc result({kHeldLines, kHeldLines}, memory::data_type::s32,
                            memory::dims{kHeldLines, 1});
  const dnnl::matmul product(dnnl::matmul::primitive_desc({lines, held, result}, engine));
  std::vector<std::int32_t> tile(static_cast<std::size_t>(kHeldLines * kHeldLines));
  // The library only reads its operands.
  const auto operand = [&](const memory::desc& shape, const std::int8_t* bytes) {
    return memory(shape, engine, const_cast<std::int8_t*>(bytes));
  };
  std::int64_t sum = 0;
  for (std::int64_t line = 0; line + kHeldLines <= of.lines; line += kHeldLines) {
    for (int slot = 0; slot < kSlots; ++slot) {
      product.execute(stream, {{DNNL_ARG_SRC, operand(lines, of.met.data() + line * of.depth)},
                               {DNNL_ARG_WEIGHTS, operand(held, of.held_block(slot))},
                               {DNNL_ARG_DST, memory(result, engine, tile.data())}});
      stream.wait();
      sum += sum_of(tile, kHeldLines);
    }
  }
  return sum;
}
#endif

struct Candidate {
  std::string name;
  Way way;
  std::vector<double> seconds;
};

std::vector<Candidate> candidates() {
  std::vector<Candidate> all;
  const auto add = [&](const char* name, const std::shared_ptr<spectrum::ByteProducts>& products) {
    if (products == nullptr) return;
    all.push_back({name, [products](const Operands& of) { return by_kernels(*products, of); }, {}});
  };
  add("tiles", spectrum::make_tile_products());
  add("vectors", spectrum::make_vector_products());
  if (all.empty()) add("portable", spectrum::make_portable_products());
#ifdef WISHART_HAVE_ONEDNN
  // Without VNNI it adds pairs of products in 16 bits, which saturate.
  if (spectrum::has_byte_vectors()) all.push_back({"oneDNN", by_onednn, {}});
#endif
  return all;
}

int run(int argc, char** argv) {
  Operands operands;
  // A multiple of both blocks.
  operands.lines =
      std::max<std::int64_t>(argument(argc, argv, "lines", 2048) / kHeldLines, 1) * kHeldLines;
  operands.depth = std::max<std::int64_t>(argument(argc, argv, "depth", 512) / 64, 1) * 64;
  operands.held = random_bytes(kSlots * kHeldLines * operands.depth, 1);
  operands.met = random_bytes(operands.lines * operands.depth, 2);
  std::vector<Candidate> all = candidates();
  std::int64_t expected = 0;
  for (std::int64_t run = 0; run <= argument(argc, argv, "runs", 9); ++run) {
    for (Candidate& candidate : all) {
      const auto start = std::chrono::steady_clock::now();
      const std::int64_t sum = candidate.way(operands);
      if (run > 0) candidate.seconds.push_back(seconds_since(start));  // the first is a warm-up
      if (run == 0 && &candidate == &all.front()) expected = sum;
      if (sum == expected) continue;
      std::cerr << candidate.name << " differs from " << all.front().name << '\n';
      return 1;
    }
  }
  const double operations =
      2.0 * kSlots * static_cast<double>(kHeldLines * operands.lines * operands.depth);
  for (const Candidate& candidate : all) {
    std::printf("%s,byte products,%s,%d held lines,%lld lines,depth %lld,%.3f TOPS\n",
                std::string(build_info().version).c_str(), candidate.name.c_str(),
                static_cast<int>(kHeldLines), static_cast<long long>(operands.lines),
                static_cast<long long>(operands.depth),
                operations / median(candidate.seconds) * 1e-12);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << describe(error) << '\n';
    return 2;
  }
}
