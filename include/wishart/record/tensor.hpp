#pragma once

/// @file
/// What a checkpoint contains: files, tensors and the facts from its side files.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/record/extent.hpp"

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

/// How the numbers of a tensor are computed from what is stored: docs/formats.md, "Encodings".
enum class Encoding : std::uint8_t {
  plain,          ///< stored as they are
  codes,          ///< packed or plain codes, with scales, zero points and offsets of groups
  bnb4,           ///< bitsandbytes: a code book and a scale for each run of elements
  product,        ///< factor B A, of two thin matrices
  sum,            ///< X + factor Y
  rescaled_rows,  ///< rows of X at the lengths m (DoRA)
  gguf,           ///< blocks of GGUF
  rows,           ///< some rows of X
  varint,         ///< the bits of each element as a number of varying length
  affine,         ///< ONNX: (code - zero) times a scale, along any dimension
  view,           ///< a matrix of elements of X at fixed distances
};

/// A named array. Dense and row-major in one file, from `offset_bytes` on, unless `extents` or
/// `encoding` say otherwise.
struct Tensor {
  std::string name;
  Dtype dtype = Dtype::f32;  ///< of the elements; for an encoded tensor, a type that can hold them
  std::vector<std::int64_t> shape;
  std::int64_t num_elements = 0;
  std::int32_t file = 0;          ///< index into the catalogue's files
  std::int64_t offset_bytes = 0;  ///< of the first element, from the start of the file
  std::int64_t size_bytes = 0;    ///< for a dense tensor
  std::vector<Extent> extents;    ///< tile the tensor; empty: it is dense
  /// If this has a size, the offsets of the tensor and its extents count decompressed bytes.
  Deflated deflated;
  Encoding encoding = Encoding::plain;
  std::vector<Tensor> parts;  ///< the tensors of an encoding, in the order given in encodings.hpp
  std::vector<std::int64_t> numbers;  ///< parameters of the encoding, as encodings.hpp lists them
  double factor = 1.0;
  /// Of `codes`: each element is a short code times a scale with this many significant bits, times
  /// one number for the whole tensor. -1: of others.
  std::int32_t scale_bits = -1;
  std::string stored_as;  ///< of an encoded tensor: `GPTQ int4, groups of 128`; else empty

  [[nodiscard]] bool is_dense() const noexcept {
    return extents.empty() && encoding == Encoding::plain;
  }
};

/// True if the elements are real weights that can be read: those of a weight dtype, and whatever an
/// encoding gives.
[[nodiscard]] bool has_weights(const Tensor& tensor) noexcept;

/// The dtype's name or, for an encoded tensor, `stored_as`. This is the column `dtype` of the
/// tables.
[[nodiscard]] std::string storage_text(const Tensor& tensor);

/// The bound on the rank set by the encoding: r for a product of thin matrices, -1 for no bound.
[[nodiscard]] std::int64_t rank_bound(const Tensor& tensor) noexcept;

/// What `config.json` says about the model. Fields that it does not contain are absent.
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
  std::optional<bool> multi_query;               ///< all heads share one key and value
  std::optional<bool> new_decoder_architecture;  ///< of Falcon
  bool quantized = false;                        ///< a `quantization_config` is present
};

/// The point in training at which a checkpoint was saved, from `trainer_state.json` or the folder's
/// name.
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
      f(v.size_bytes), f(v.extents), f(v.deflated), f(v.encoding), f(v.parts), f(v.numbers),
      f(v.factor), f(v.scale_bits), f(v.stored_as);
}

}  // namespace wishart
