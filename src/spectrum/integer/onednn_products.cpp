/// @file
/// Products of bytes by oneDNN's matmul primitive.
///
/// The library is loaded when it is first needed: it makes every start of a program that is linked
/// to it a quarter slower. The function dnnl_gemm_s8s8s32 does not use AMX in oneDNN 2.6.3; the
/// primitive does.

#ifdef WISHART_HAVE_ONEDNN

#include <array>
#include <chrono>
#include <dlfcn.h>
#include <map>
#include <oneapi/dnnl/dnnl.h>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "wishart/core/error.hpp"
#include "wishart/core/seconds.hpp"

#include "integer/byte_products.hpp"
#include "integer/moduli.hpp"

static_assert(DNNL_VERSION_MAJOR == 2, "later versions have another C interface");

namespace wishart::spectrum {
namespace {

constexpr const char* kFile = "libdnnl.so.2";

/// The functions that are used, loaded once in the lifetime of the process.
class Library {
public:
  /// @throws Error with Blame::resource if the library cannot be loaded
  static const Library& loaded() {
    static const Library library;
    return library;
  }

// NOLINTNEXTLINE(bugprone-macro-parentheses): the argument is a name
#define WISHART_DNNL(name) decltype(&dnnl_##name) name = find<decltype(&dnnl_##name)>("dnnl_" #name)
  WISHART_DNNL(get_effective_cpu_isa);
  WISHART_DNNL(engine_create);
  WISHART_DNNL(engine_destroy);
  WISHART_DNNL(stream_create);
  WISHART_DNNL(stream_destroy);
  WISHART_DNNL(stream_wait);
  WISHART_DNNL(memory_desc_init_by_strides);
  WISHART_DNNL(memory_desc_init_by_tag);
  WISHART_DNNL(memory_desc_get_size);
  WISHART_DNNL(memory_create);
  WISHART_DNNL(memory_set_data_handle);
  WISHART_DNNL(memory_destroy);
  WISHART_DNNL(matmul_desc_init);
  WISHART_DNNL(primitive_desc_create);
  WISHART_DNNL(reorder_primitive_desc_create);
  WISHART_DNNL(primitive_desc_query_md);
  WISHART_DNNL(primitive_desc_destroy);
  WISHART_DNNL(primitive_create);
  WISHART_DNNL(primitive_execute);
  WISHART_DNNL(primitive_destroy);
#undef WISHART_DNNL
  // Of the OpenMP that the library is linked to; it may be built with other threads.
  void (*omp_set_num_threads)(int) =
      reinterpret_cast<void (*)(int)>(::dlsym(handle(), "omp_set_num_threads"));
  int (*omp_get_max_threads)() = reinterpret_cast<int (*)()>(::dlsym(handle(),
                                                                     "omp_get_max_threads"));

private:
  Library() = default;

  static void* handle() {
    // Never closed: its threads and compiled kernels live as long as the process.
    static void* const opened = ::dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
    if (opened != nullptr) return opened;
    const char* reason = ::dlerror();
    throw Error(Blame::resource, std::string("integer products need oneDNN: ") +
                                     (reason == nullptr ? kFile : reason) +
                                     ". Install it, or use --products float64");
  }
  template <class Function>
  static Function find(const char* name) {
    void* const symbol = ::dlsym(handle(), name);
    if (symbol == nullptr) {
      throw Error(Blame::resource,
                  std::string(kFile) + " has no function " + name + ". Use --products float64");
    }
    return reinterpret_cast<Function>(symbol);
  }
};

void check(dnnl_status_t status, const char* what) {
  if (status == dnnl_success) return;
  const Blame blame = status == dnnl_out_of_memory ? Blame::resource : Blame::bug;
  throw Error(blame, std::string("oneDNN: ") + what + " failed with status " +
                         std::to_string(static_cast<int>(status)));
}

/// Owns an object of oneDNN.
template <class Object>
class Owner {
public:
  using Destroy = dnnl_status_t (*)(Object);
  explicit Owner(Destroy destroy) noexcept : destroy_(destroy) {}
  ~Owner() {
    if (object_ != nullptr) destroy_(object_);
  }
  Owner(Owner&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), destroy_(other.destroy_) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;

  [[nodiscard]] Object get() const noexcept { return object_; }
  [[nodiscard]] Object* fill() noexcept { return &object_; }

private:
  Object object_ = nullptr;
  Destroy destroy_;
};

/// One OpenMP thread for the calling thread while this lives. A rank is one core, and oneDNN would
/// take all.
class OneThread {
public:
  explicit OneThread(const Library& library) noexcept : library_(library) {
    if (library.omp_set_num_threads == nullptr || library.omp_get_max_threads == nullptr) return;
    before_ = library.omp_get_max_threads();
    library.omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ > 0) library_.omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

private:
  const Library& library_;
  int before_ = 0;
};

/// Lines of a block and of the held one, depth and stride.
using Shape = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

dnnl_memory_desc_t described(const Library& dnnl, std::int64_t rows, std::int64_t cols,
                             dnnl_data_type_t type, std::int64_t down, std::int64_t across) {
  const dnnl_dims_t dims{rows, cols};
  const dnnl_dims_t strides{down, across};
  dnnl_memory_desc_t description{};
  check(dnnl.memory_desc_init_by_strides(&description, 2, dims, type, strides), "a description");
  return description;
}

Owner<dnnl_memory_t> memory_of(const Library& dnnl, dnnl_engine_t engine,
                               const dnnl_memory_desc_t& description, void* data) {
  Owner<dnnl_memory_t> memory(dnnl.memory_destroy);
  check(dnnl.memory_create(memory.fill(), &description, engine, data), "memory");
  return memory;
}

/// A matmul of one shape: source [lines, depth], weights [depth, held], result [lines, held].
struct Product {
  Product(const Library& dnnl, dnnl_engine_t engine, const Shape& shape, bool packed)
      : stored(described(dnnl, std::get<2>(shape), std::get<1>(shape), dnnl_s8, 1,
                         std::get<3>(shape))),
        weights(stored),
        matmul(dnnl.primitive_destroy),
        from(dnnl.memory_destroy),
        with(dnnl.memory_destroy),
        to(dnnl.memory_destroy) {
    const auto& [lines, held, depth, stride] = shape;
    const dnnl_memory_desc_t source = described(dnnl, lines, depth, dnnl_s8, stride, 1);
    const dnnl_memory_desc_t result = described(dnnl, lines, held, dnnl_s32, kByteTile, 1);
    if (packed) {
      const dnnl_dims_t dims{depth, held};
      check(dnnl.memory_desc_init_by_tag(&weights, 2, dims, dnnl_s8, dnnl_format_tag_any),
            "a description");
    }
    dnnl_matmul_desc_t operation{};
    check(dnnl.matmul_desc_init(&operation, &source, &weights, nullptr, &result), "matmul");
    Owner<dnnl_primitive_desc_t> description(dnnl.primitive_desc_destroy);
    check(dnnl.primitive_desc_create(description.fill(), &operation, nullptr, engine, nullptr),
          "matmul");
    weights = *dnnl.primitive_desc_query_md(description.get(), dnnl_query_weights_md, 0);
    check(dnnl.primitive_create(matmul.fill(), description.get()), "matmul");
    from = memory_of(dnnl, engine, source, DNNL_MEMORY_NONE);
    with = memory_of(dnnl, engine, weights, DNNL_MEMORY_NONE);
    to = memory_of(dnnl, engine, result, DNNL_MEMORY_NONE);
  }
  dnnl_memory_desc_t stored;   ///< of the held block, as it lies in memory
  dnnl_memory_desc_t weights;  ///< as the primitive wants it
  Owner<dnnl_primitive_t> matmul;
  Owner<dnnl_memory_t> from;
  Owner<dnnl_memory_t> with;
  Owner<dnnl_memory_t> to;
};

/// oneDNN only reads the operands.
void* operand(const std::int8_t* bytes) { return const_cast<std::int8_t*>(bytes); }

class OnednnProducts : public ByteProducts {
public:
  OnednnProducts() : OnednnProducts(packing_pays()) {}
  /// @param packed  bring held blocks into the primitive's own layout
  explicit OnednnProducts(bool packed)
      : dnnl_(Library::loaded()),
        engine_(dnnl_.engine_destroy),
        stream_(dnnl_.stream_destroy),
        packed_(packed) {
    check(dnnl_.engine_create(engine_.fill(), dnnl_cpu, 0), "an engine");
    check(dnnl_.stream_create(stream_.fill(), engine_.get(), dnnl_stream_default_flags),
          "a stream");
  }

  void hold(int slot, const ByteBlock& block) override {
    check_block(block);
    const OneThread one(dnnl_);
    keep(held_[static_cast<std::size_t>(slot)], block);
  }

  void multiply(int slot, const ByteBlock& block, std::int32_t* out) override {
    check_block(block);
    const OneThread one(dnnl_);
    run(held_[static_cast<std::size_t>(slot)], block, out);
  }

private:
  struct Held {
    ByteBlock block;
    std::vector<std::int8_t> packed;  ///< the block in the primitive's own layout, if it has one
  };

  static void check_block(const ByteBlock& block) {
    require(block.lines <= kByteTile && block.depth <= kMostDepth, "a block of bytes is too large");
  }

  Product& product(const Shape& shape) {
    const auto found = products_.find(shape);
    if (found != products_.end()) return found->second;
    return products_.try_emplace(shape, dnnl_, engine_.get(), shape, packed_).first->second;
  }

  void execute(dnnl_primitive_t primitive, std::span<const dnnl_exec_arg_t> arguments) {
    check(dnnl_.primitive_execute(primitive, stream_.get(), static_cast<int>(arguments.size()),
                                  arguments.data()),
          "a product");
    check(dnnl_.stream_wait(stream_.get()), "a product");
  }

  void keep(Held& held, const ByteBlock& block) {
    held.block = block;
    if (!packed_) return;
    // The layout does not depend on the lines of the other block.
    const Product& shape = product({kByteTile, block.lines, block.depth, block.stride});
    held.packed.resize(dnnl_.memory_desc_get_size(&shape.weights));
    const auto from = memory_of(dnnl_, engine_.get(), shape.stored, operand(block.bytes));
    const auto to = memory_of(dnnl_, engine_.get(), shape.weights, held.packed.data());
    Owner<dnnl_primitive_desc_t> description(dnnl_.primitive_desc_destroy);
    check(dnnl_.reorder_primitive_desc_create(description.fill(), &shape.stored, engine_.get(),
                                              &shape.weights, engine_.get(), nullptr),
          "a reordering");
    Owner<dnnl_primitive_t> reorder(dnnl_.primitive_destroy);
    check(dnnl_.primitive_create(reorder.fill(), description.get()), "a reordering");
    execute(reorder.get(),
            std::array<dnnl_exec_arg_t, 2>{{{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}}});
  }

  void run(const Held& held, const ByteBlock& block, std::int32_t* out) {
    require(held.block.depth == block.depth && held.block.stride == block.stride,
            "blocks of different depths were multiplied");
    const Product& shape = product({block.lines, held.block.lines, block.depth, block.stride});
    const std::int8_t* const bytes = packed_ ? held.packed.data() : held.block.bytes;
    check(dnnl_.memory_set_data_handle(shape.from.get(), operand(block.bytes)), "memory");
    check(dnnl_.memory_set_data_handle(shape.with.get(), operand(bytes)), "memory");
    check(dnnl_.memory_set_data_handle(shape.to.get(), out), "memory");
    execute(shape.matmul.get(),
            std::array<dnnl_exec_arg_t, 3>{{{DNNL_ARG_SRC, shape.from.get()},
                                            {DNNL_ARG_WEIGHTS, shape.with.get()},
                                            {DNNL_ARG_DST, shape.to.get()}}});
  }

  /// Seconds for a held block and some that it meets.
  double seconds_for(const ByteBlock& block, std::int32_t* out) {
    constexpr int kMeetings = 8;
    Held held;
    keep(held, block);
    run(held, block, out);  // the kernels are compiled now
    const auto start = std::chrono::steady_clock::now();
    keep(held, block);
    for (int k = 0; k < kMeetings; ++k) run(held, block, out);
    return seconds_since(start);
  }

  /// Whether it pays to bring a held block into the primitive's own layout. For VNNI, oneDNN 2.6.3
  /// has only a slow reordering (docs/performance.md). Tried once a process, because the integers
  /// are the same either way.
  static bool packing_pays() {
    static const bool pays = [] {
      const OneThread one(Library::loaded());
      constexpr std::int64_t kDepth = 1024;
      const std::vector<std::int8_t> bytes(static_cast<std::size_t>(kByteTile * kDepth),
                                           std::int8_t{1});
      const ByteBlock block{bytes.data(), kByteTile, kDepth, kDepth};
      std::vector<std::int32_t> out(static_cast<std::size_t>(kByteTile * kByteTile));
      OnednnProducts plain(false);
      OnednnProducts packed(true);
      return packed.seconds_for(block, out.data()) < plain.seconds_for(block, out.data());
    }();
    return pays;
  }

  const Library& dnnl_;
  Owner<dnnl_engine_t> engine_;
  Owner<dnnl_stream_t> stream_;
  bool packed_;
  std::map<Shape, Product> products_;
  std::array<Held, kMostModuli> held_;
};

/// True if oneDNN multiplies bytes exactly here. Without VNNI, kernels add pairs of products in 16
/// bits, which saturate; the environment can keep oneDNN from instructions that the processor has.
bool onednn_is_exact() {
  if (byte_unit() == ByteUnit::none) return false;
  const auto isa = static_cast<unsigned>(Library::loaded().get_effective_cpu_isa());
  constexpr auto kVnni = static_cast<unsigned>(dnnl_cpu_isa_avx512_core_vnni);
  return (isa & kVnni) == kVnni;  // a set of instructions has the bits of all that it includes
}

}  // namespace

std::unique_ptr<ByteProducts> make_onednn_products() {
  if (!onednn_is_exact()) return nullptr;
  return std::make_unique<OnednnProducts>();
}

std::unique_ptr<ByteProducts> make_onednn_products(bool packed) {
  if (!onednn_is_exact()) return nullptr;
  return std::make_unique<OnednnProducts>(packed);
}

}  // namespace wishart::spectrum

#endif
