/// @file
/// Products of bytes by oneDNN's matmul primitive.
///
/// The function dnnl_gemm_s8s8s32 does not use AMX in oneDNN 2.6.3; the primitive does.

#ifdef WISHART_HAVE_ONEDNN

#include <algorithm>
#include <array>
#include <chrono>
#include <dlfcn.h>
#include <map>
#include <tuple>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"

namespace wishart::spectrum {
namespace {

/// One OpenMP thread for the calling thread while this lives. A rank is one core, and oneDNN would
/// take all.
class OneThread {
public:
  OneThread() noexcept {
    // Looked up at run time, because oneDNN may be built with another threading library.
    set_ = reinterpret_cast<void (*)(int)>(::dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    const auto get = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
    if (set_ == nullptr || get == nullptr) return;
    before_ = get();
    set_(1);
  }
  ~OneThread() {
    if (before_ > 0) set_(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

private:
  void (*set_)(int) = nullptr;
  int before_ = 0;
};

using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

/// A matmul of one shape: source [lines, depth], weights [depth, held], result [lines, held].
struct Product {
  Product(const dnnl::engine& engine, std::int64_t lines, std::int64_t held, std::int64_t depth,
          std::int64_t stride, bool packed) {
    using dnnl::memory;
    const memory::desc source({lines, depth}, memory::data_type::s8, memory::dims{stride, 1});
    stored = memory::desc({depth, held}, memory::data_type::s8, memory::dims{1, stride});
    const memory::desc any({depth, held}, memory::data_type::s8, memory::format_tag::any);
    const memory::desc result({lines, held}, memory::data_type::s32, memory::dims{kByteTile, 1});
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description(engine, source, packed ? any : stored, result);
#else
    const dnnl::matmul::primitive_desc description(
        dnnl::matmul::desc(source, packed ? any : stored, result), engine);
#endif
    weights = description.weights_desc();
    matmul = dnnl::matmul(description);
    from = memory(source, engine, nullptr);
    with = memory(weights, engine, nullptr);
    to = memory(result, engine, nullptr);
  }
  dnnl::memory::desc stored;   ///< of the held block, as it lies in memory
  dnnl::memory::desc weights;  ///< as the primitive wants it
  dnnl::matmul matmul;
  dnnl::memory from;
  dnnl::memory with;
  dnnl::memory to;
};

class OnednnProducts : public ByteProducts {
public:
  OnednnProducts() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  void hold(int slot, const ByteBlock& block) override {
    check(block);
    const OneThread one;
    if (!decided_ && block.lines == kByteTile) decide(block);
    keep(held_[static_cast<std::size_t>(slot)], block);
  }

  void multiply(int slot, const ByteBlock& block, std::int32_t* out) override {
    check(block);
    const OneThread one;
    run(held_[static_cast<std::size_t>(slot)], block, out);
  }

private:
  struct Held {
    ByteBlock block;
    std::vector<std::int8_t> packed;  ///< the block in the primitive's own layout, if it has one
  };

  static void check(const ByteBlock& block) {
    require(block.lines <= kByteTile && block.depth <= kMostDepth, "a block of bytes is too large");
  }

  Product& product(std::int64_t lines, std::int64_t held, std::int64_t depth, std::int64_t stride) {
    const Shape shape{lines, held, depth, stride};
    const auto found = products_.find(shape);
    if (found != products_.end()) return found->second;
    return products_.try_emplace(shape, engine_, lines, held, depth, stride, packed_).first->second;
  }

  void keep(Held& held, const ByteBlock& block) {
    held.block = block;
    if (!packed_) return;
    // The layout does not depend on the lines of the other block.
    Product& shape = product(kByteTile, block.lines, block.depth, block.stride);
    held.packed.resize(shape.weights.get_size());
    // oneDNN only reads the source.
    dnnl::memory from(shape.stored, engine_, const_cast<std::int8_t*>(block.bytes));
    dnnl::memory to(shape.weights, engine_, held.packed.data());
    dnnl::reorder(from, to).execute(stream_, from, to);
    stream_.wait();
  }

  void run(const Held& held, const ByteBlock& block, std::int32_t* out) {
    require(held.block.depth == block.depth && held.block.stride == block.stride,
            "blocks of different depths were multiplied");
    Product& shape = product(block.lines, held.block.lines, block.depth, block.stride);
    shape.from.set_data_handle(const_cast<std::int8_t*>(block.bytes));
    shape.with.set_data_handle(const_cast<std::int8_t*>(packed_ ? held.packed.data() : held.block.bytes));
    shape.to.set_data_handle(out);
    shape.matmul.execute(stream_, {{DNNL_ARG_SRC, shape.from},
                                   {DNNL_ARG_WEIGHTS, shape.with},
                                   {DNNL_ARG_DST, shape.to}});
    stream_.wait();
  }

  /// Whether it pays to bring a held block into the primitive's own layout: with AMX it does, while
  /// for VNNI oneDNN 2.6.3 has only a slow reordering (docs/performance.md). Tried once, because
  /// the integers are the same either way.
  void decide(const ByteBlock& block) {
    constexpr int kMeetings = 8;
    std::vector<std::int32_t> out(static_cast<std::size_t>(kByteTile * kByteTile));
    std::array<double, 2> seconds{};
    for (const bool packed : {false, true}) {
      packed_ = packed;
      products_.clear();
      Held held;
      keep(held, block);
      run(held, block, out.data());  // the kernels are compiled now
      const auto start = std::chrono::steady_clock::now();
      keep(held, block);
      for (int k = 0; k < kMeetings; ++k) run(held, block, out.data());
      seconds[packed ? 1 : 0] = seconds_since(start);
    }
    packed_ = seconds[1] < seconds[0];
    products_.clear();
    decided_ = true;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  bool decided_ = false;
  bool packed_ = false;
  std::map<Shape, Product> products_;
  std::array<Held, kMostModuli> held_;
};

}  // namespace

ByteUnit byte_unit() noexcept {
  // A set of instructions has the bits of all sets that it includes.
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [isa](dnnl::cpu_isa set) {
    return (isa & static_cast<unsigned>(set)) == static_cast<unsigned>(set);
  };
  if (has(dnnl::cpu_isa::avx512_core_amx)) return ByteUnit::tiles;
  if (has(dnnl::cpu_isa::avx512_core_vnni) || has(dnnl::cpu_isa::avx2_vnni)) return ByteUnit::wide;
  // Without VNNI the kernels add pairs of products in 16 bits, which saturate.
  return ByteUnit::none;
}

std::unique_ptr<ByteProducts> make_byte_products() {
  if (byte_unit() == ByteUnit::none) return make_portable_products();
  return std::make_unique<OnednnProducts>();
}

}  // namespace wishart::spectrum

#endif
