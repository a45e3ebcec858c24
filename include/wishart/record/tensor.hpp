#pragma once

/// @file
/// What a checkpoint holds: files, tensors and the facts that its side files tell.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wishart {

/// Element types of tensors, named as safetensors names them.
enum class Dtype : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,      ///< torch float8_e4m3fn: bias 7, no infinities
  f8_e5m2,      ///< IEEE-like, bias 15
  f8_e4m3fnuz,  ///< bias 8, no -0, NaN is 0x80
  f8_e5m2fnuz,  ///< bias 16, no -0, NaN is 0x80
  f8_e8m0,      ///< a power of two: the scale type of MX formats
  f6_e2m3,
  f6_e3m2,
  f4,
  boolean,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  c64,  ///< two f32
};

/// `BF16`, `F8_E4M3`, ... as safetensors writes it.
[[nodiscard]] std::string_view dtype_name(Dtype dtype) noexcept;
[[nodiscard]] std::optional<Dtype> dtype_from_name(std::string_view name) noexcept;
/// Bits of one element as stored.
[[nodiscard]] std::int64_t dtype_bits(Dtype dtype) noexcept;
/// True for the types whose elements are real weights that can be read into float64:
/// F64 F32 F16 BF16 and the four 8-bit floats.
[[nodiscard]] bool is_weight_dtype(Dtype dtype) noexcept;

/// A file of a checkpoint, named relative to the checkpoint's folder.
struct SourceFile {
  std::string name;
  std::int64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string header_hash;  ///< XXH3-128 of the header bytes, hexadecimal
};

/// A named array in one file, row-major and dense.
struct Tensor {
  std::string name;
  Dtype dtype = Dtype::f32;
  std::vector<std::int64_t> shape;
  std::int64_t num_elements = 0;
  std::int32_t file = 0;          ///< index into the catalogue's files
  std::int64_t offset_bytes = 0;  ///< of the first element, from the start of the file
  std::int64_t size_bytes = 0;
};

/// What `config.json` says about the model; absent where it says nothing.
struct ModelConfig {
  std::string model_type;
  std::vector<std::string> architectures;
  std::optional<bool> tie_word_embeddings;
  std::optional<std::int64_t> hidden_size;
  std::optional<std::int64_t> intermediate_size;
  std::optional<std::int64_t> moe_intermediate_size;
  std::optional<std::int64_t> num_hidden_layers;
  std::optional<std::int64_t> num_attention_heads;
  std::optional<std::int64_t> num_key_value_heads;
  std::optional<std::int64_t> head_dim;
  std::optional<std::int64_t> num_experts;
  std::optional<std::int64_t> vocab_size;
  bool quantized = false;  ///< a `quantization_config` is present
};

/// Where in its training a checkpoint stands, from `trainer_state.json` or its folder's name.
struct TrainingState {
  std::int64_t step = -1;    ///< -1: not known
  std::int64_t tokens = -1;  ///< -1: not known
  double loss = std::numeric_limits<double>::quiet_NaN();
  double eval_loss = std::numeric_limits<double>::quiet_NaN();
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
};

template <class F>
void visit_fields(SourceFile& v, F&& f) {
  f(v.name), f(v.size_bytes), f(v.mtime_ns), f(v.header_hash);
}
template <class F>
void visit_fields(Tensor& v, F&& f) {
  f(v.name), f(v.dtype), f(v.shape), f(v.num_elements), f(v.file), f(v.offset_bytes),
      f(v.size_bytes);
}

}  // namespace wishart
