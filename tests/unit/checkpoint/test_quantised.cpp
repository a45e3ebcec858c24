/// @file
/// Quantised weights: the formulas of all schemes, and what must not be read.

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include <catch2/catch.hpp>

#include "quantised_damages.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

constexpr std::int64_t kRows = 40;
constexpr std::int64_t kCols = 128;
constexpr std::int64_t kAllTypes = 22;

std::string llama_config(const std::string& facts) {
  return "{\"model_type\":\"llama\",\"quantization_config\":{" + facts + "}}";
}

std::string config_of(const Scheme& scheme) {
  if (scheme.methods == method::kNone) return {};
  if (scheme.methods == method::kMlx) {
    const std::string bits = std::to_string(scheme.bits == 0 ? 4 : scheme.bits);
    const std::string group = std::to_string(scheme.group == 0 ? 64 : scheme.group);
    return "{\"quantization\":{\"bits\":" + bits + ",\"group_size\":" + group + ",\"mode\":\"" +
           std::string(scheme.mode) + "\"}}";
  }
  if (scheme.methods == method::kTorchao) return llama_config("\"quant_method\":\"torchao\"");
  if (scheme.methods == method::kBitnet) {
    return llama_config(R"("quant_method":"bitnet","linear_class":"bitlinear")");
  }
  if ((scheme.methods & method::kMxfp4) != 0) return llama_config("\"quant_method\":\"mxfp4\"");
  if ((scheme.methods & method::kFp8) != 0) {
    return llama_config(R"("quant_method":"fp8","weight_block_size":[16,32])");
  }
  if ((scheme.methods & method::kCompressed) != 0) {
    return llama_config(R"("quant_method":"compressed-tensors","format":"mixed-precision")");
  }
  return llama_config(R"("quant_method":"modelopt","quant_algo":"MIXED_PRECISION")");
}

unsigned stored_code(const Scheme& scheme, const TensorText& codes, std::int64_t bits,
                     std::int64_t i, std::int64_t j) {
  if (scheme.order == Order::split) {  // four rows in a byte
    const std::int64_t byte = i % (kRows / 4) * kCols + j;
    return bits_at(codes.data, byte * 8 + i / (kRows / 4) * 2, 2);
  }
  if (scheme.down) return bits_at(codes.data, (i / 2 * kCols + j) * 8 + i % 2 * 4, 4);
  return bits_at(codes.data, (i * kCols + j) * bits, bits);
}

double meaning_of(const Scheme& scheme, unsigned code, std::int64_t bits) {
  switch (scheme.meaning) {
    case Meaning::number:
      break;
    case Meaning::natural:
      return code;
    case Meaning::twos_complement:
      return code >= 1U << (bits - 1)
                 ? static_cast<double>(code) - std::ldexp(1.0, static_cast<int>(bits))
                 : code;
    case Meaning::centred:
      return static_cast<double>(code) - std::ldexp(1.0, static_cast<int>(bits) - 1);
    case Meaning::ternary:
      return static_cast<double>(code) - 1;
    case Meaning::fp4:
      return fp4(code);
    case Meaning::f8_e4m3:
      return element({"", "F8_E4M3", {1}, std::string(1, static_cast<char>(code))}, 0);
  }
  return std::nan("");
}

/// What the header of torchao says about `m.weight`.
std::string torchao_header(const Scheme& scheme, Dtype code_type, std::int64_t group,
                           const std::vector<TensorText>& parts) {
  const bool mx = scheme.mode == "MXTensor" || scheme.mode == "NVFP4Tensor";
  std::string told = "{\"_type\":\"" + std::string(scheme.mode) +
                     "\",\"_data\":{\"block_size\":" + (mx ? "" : "[1,") + std::to_string(group) +
                     (mx ? "" : "]");
  if (scheme.mode == "MXTensor") {
    told += std::string(R"(,"elem_dtype":{"_type":"torch.dtype","_data":")") +
            (code_type == Dtype::u8        ? "float4_e2m1fn_x2"
             : code_type == Dtype::f8_e4m3 ? "float8_e4m3fn"
                                           : "float8_e5m2") +
            "\"}";
  }
  told += "},\"_tensor_data_names\":[";
  for (const TensorText& part : parts) {
    told +=
        (told.back() == '[' ? "\"" : ",\"") + part.name.substr(std::size("m._weight_") - 1) + "\"";
  }
  return "\"__metadata__\":{\"m.weight\":" + json_quoted(told + "]}") + "},";
}

/// A checkpoint of this scheme with these types.
/// @param zero_type  of zero points; none: without them, unless the scheme always has them
Example example_of(const Scheme& scheme, Dtype code_type, Dtype scale_type, unsigned seed,
                   std::optional<Dtype> zero_type = {}) {
  std::mt19937 random(seed);
  const bool torchao = scheme.methods == method::kTorchao;
  const bool blocks_shape = scheme.codes.ends_with("blocks");
  const bool module = scheme.weight == ".weight";
  const std::string stem = torchao        ? "m._weight"
                           : blocks_shape ? "m.up_proj"
                           : module       ? "m"
                                          : "m.weight";
  const std::int64_t bits = scheme.bits == 0 ? 4 : scheme.bits;
  Example example;
  example.config = config_of(scheme);
  example.weight = torchao || module ? "m.weight" : stem;
  // Groups of rows are whole.
  const bool row_groups = scheme.down && scheme.grid == Grid::groups;
  const std::int64_t rows = row_groups ? 3 * scheme.group : kRows;
  example.rows = rows;
  example.cols = kCols;

  TensorText codes{
      stem + std::string(scheme.codes), std::string(dtype_name(code_type)), {rows, kCols}, ""};
  const std::int64_t word = dtype_bits(code_type);
  if (scheme.order == Order::split) {
    codes.shape = {kRows / 4, kCols};
  } else if (scheme.down) {
    codes.shape = {rows / 2, kCols};
  } else if (blocks_shape) {
    codes.shape = {kRows, kCols / 32, 16};
  } else if (scheme.order == Order::stream && code_type != Dtype::f4) {
    codes.shape = {kRows, kCols * bits / word};
  }
  const std::int64_t bytes =
      scheme.order == Order::split ? kRows / 4 * kCols : rows * kCols * bits / 8;
  codes.data = random_bytes(bytes, random);
  if (scheme.order == Order::plain || scheme.meaning == Meaning::f8_e4m3) {
    for (char& byte : codes.data) byte = static_cast<char>(byte & 0x6F);  // finite in every type
  }

  std::int64_t group = scheme.group == 0 ? kCols : scheme.group;
  std::int64_t high = 1;
  TensorText scale{
      stem + std::string(scheme.scale), std::string(dtype_name(scale_type)), {kRows, 1}, ""};
  const bool turned = scheme.turned;
  if (scheme.mode == "Int4PlainInt32Tensor") zero_type = Dtype::i8;
  if (scheme.grid == Grid::told && scheme.group == 0) group = 64;
  if (scheme.grid != Grid::any) scale.shape = {kRows, kCols / group};
  if (scheme.scale == "_scale_inv" || scheme.scale == ".scale") {
    if (scheme.grid == Grid::any) {
      group = 32;
      high = 16;
      scale.shape = {3, 4};
    }
  }
  if (scheme.methods == method::kBitnet || scheme.grid == Grid::one) {
    scale.shape = {1};
    high = kRows;
  }
  if (turned) scale.shape = {kCols / group, kRows};
  if (row_groups) {
    high = group;
    group = 1;
    scale.shape = {rows / high, kCols};
  }
  std::int64_t count = 1;
  for (const std::int64_t size : scale.shape) count *= size;
  scale.data =
      scale_bytes(scheme.scale_as == Dtype::f8_e4m3 ? Dtype::f8_e4m3 : scale_type, count, random);
  example.tensors = {codes, scale};
  TensorText offset = scale;
  if (!scheme.offset.empty()) {
    offset.name = stem + std::string(scheme.offset);
    offset.data = scale_bytes(scale_type, count, random);
    example.tensors.push_back(offset);
  }
  TensorText zero = scale;
  if (zero_type) {
    zero.name = stem + std::string(scheme.zero);
    zero.dtype = dtype_name(*zero_type);
    const bool floats = (kFloats & only(*zero_type)) != 0;
    zero.data = floats ? scale_bytes(*zero_type, count, random)
                       : random_bytes(count * dtype_bits(*zero_type) / 8, random);
    example.tensors.push_back(zero);
  }
  double global = 1;
  if (!scheme.global.empty()) {
    example.tensors.push_back(
        {stem + std::string(scheme.global), "F32", {1}, little_floats({4.0F})});
    global = scheme.divide_global ? 0.25 : 4.0;
  }
  if (torchao) example.header = torchao_header(scheme, code_type, group, example.tensors);
  TensorText read = scale;  // what the bytes of a scale are
  if (scale_type == Dtype::u8) read.dtype = std::string(dtype_name(scheme.scale_as));
  const std::int64_t across = (kCols + group - 1) / group;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const std::int64_t place = turned ? j / group * kRows + i : i / high * across + j / group;
    const double code = scheme.order == Order::plain
                            ? element(codes, i * kCols + j)
                            : meaning_of(scheme, stored_code(scheme, codes, bits, i, j), bits);
    const double factor = element(read, place);
    if (scheme.methods == method::kBitnet) return code / factor;
    const double shift = zero_type ? stored_element(zero, place) : 0.0;
    const double added = scheme.offset.empty() ? 0.0 : element(offset, place);
    return (code - shift) * (global * factor) + added;
  };
  return example;
}

/// Calls `body(scheme, code type, scale type)` for every pair of types.
template <class Body>
std::int64_t for_all_pairs(bool allowed, Body&& body) {
  std::int64_t count = 0;
  for (const Scheme& scheme : schemes()) {
    for (std::int64_t c = 0; c < kAllTypes; ++c) {
      for (std::int64_t s = 0; s < kAllTypes; ++s) {
        const auto code = static_cast<Dtype>(c);
        const auto scale = static_cast<Dtype>(s);
        const bool in =
            (scheme.code_types & only(code)) != 0 && (scheme.scale_types & only(scale)) != 0;
        if (in != allowed) continue;
        body(scheme, code, scale);
        ++count;
      }
    }
  }
  return count;
}

/// The largest element of the difference to a checkpoint that holds the values of the formula.
double largest_difference(const Example& example) {
  const TempFolder quantised;
  const TempFolder values;
  const checkpoint::Catalogue alone = opened(quantised, example);
  std::vector<double> elements;
  for (std::int64_t i = 0; i < example.rows; ++i) {
    for (std::int64_t j = 0; j < example.cols; ++j) elements.push_back(example.value(i, j));
  }
  std::vector<TensorText> tensors(1);
  tensors[0] = {example.weight, "F64", alone.tensors.at(0).shape,
                bytes_of(std::span<const double>(elements))};
  values.write("model.safetensors", safetensors_bytes(tensors));
  checkpoint::OpenOptions options;
  options.base = values.path();
  const checkpoint::Catalogue difference = checkpoint::open_checkpoint(quantised.path(), options);
  const auto reader = checkpoint::make_reader(difference.root, difference.files);
  const Tensor& tensor = difference.tensors.at(0);
  std::vector<double> changes(static_cast<std::size_t>(tensor.num_elements));
  reader->read_elements(tensor, 0, changes);
  double largest = 0;
  for (const double change : changes) largest = std::max(largest, std::abs(change));
  return difference.tensors.size() == 1 ? largest : HUGE_VAL;
}

}  // namespace

TEST_CASE("the difference to the values of a quantised weight is zero for every scheme",
          "[quantised]") {
  unsigned seed = 100;
  const std::int64_t pairs =
      for_all_pairs(true, [&](const Scheme& scheme, Dtype code, Dtype scale) {
        const Example example = example_of(scheme, code, scale, seed++);
        INFO(example.tensors[0].name << " " << dtype_name(code) << ", " << example.tensors[1].name
                                     << " " << dtype_name(scale) << ", " << scheme.name
                                     << scheme.mode << ", " << example.config);
        CHECK(largest_difference(example) == 0);
      });
  CHECK(pairs > 60);
}

TEST_CASE("every pair of code type and scale type that a scheme allows is read by its formula",
          "[quantised]") {
  unsigned seed = 1;
  const std::int64_t pairs =
      for_all_pairs(true, [&](const Scheme& scheme, Dtype code, Dtype scale) {
        const Example example = example_of(scheme, code, scale, seed++);
        INFO(example.tensors[0].name << " " << dtype_name(code) << ", " << example.tensors[1].name
                                     << " " << dtype_name(scale) << ", " << scheme.name
                                     << scheme.mode << ", " << example.config);
        // Two lines of the table differ by the type of the scale alone.
        std::int64_t wrong = 0;
        CHECK_NOTHROW(wrong = wrong_elements(example));
        CHECK(wrong == 0);
      });
  CHECK(pairs > 60);
}

TEST_CASE("zero points of every type that a scheme allows are subtracted", "[quantised]") {
  unsigned seed = 1;
  std::int64_t read = 0;
  for (const Scheme& scheme : schemes()) {
    if (scheme.zero.empty()) continue;
    const auto first_of = [](Types types) {
      std::int64_t t = 0;
      while ((types & only(static_cast<Dtype>(t))) == 0) ++t;
      return static_cast<Dtype>(t);
    };
    for (std::int64_t t = 0; t < kAllTypes; ++t) {
      const auto zero = static_cast<Dtype>(t);
      if ((scheme.zero_types & only(zero)) == 0) continue;
      const Example example = example_of(scheme, first_of(scheme.code_types),
                                         first_of(scheme.scale_types), seed++, zero);
      INFO(scheme.mode << " " << dtype_name(zero));
      CHECK(wrong_elements(example) == 0);
      ++read;
    }
  }
  CHECK(read > 20);
}

TEST_CASE(
    "a part that is missing, of another type, transposed, of another shape or in another shard is "
    "refused by name for every scheme",
    "[quantised]") {
  std::int64_t refusals = 0;
  std::int64_t shards = 0;
  for (const Scheme& scheme : schemes()) {
    Dtype code = Dtype::f64;
    Dtype scale = Dtype::f64;
    for (std::int64_t t = kAllTypes - 1; t >= 0; --t) {
      if ((scheme.code_types & only(static_cast<Dtype>(t))) != 0) code = static_cast<Dtype>(t);
      if ((scheme.scale_types & only(static_cast<Dtype>(t))) != 0) scale = static_cast<Dtype>(t);
    }
    const Example good = example_of(scheme, code, scale, 5);
    const std::string what =
        std::string(scheme.name) + " " + std::string(scheme.mode) + " " + good.tensors[0].name;
    const auto legitimate = [&](const std::string& damage, std::size_t part) {
      // A scale alone, without anything beside it, may be anything.
      // Neither are codes that are numbers, where nothing is declared.
      if (damage == "missing") {
        return good.tensors.size() == 2 && (part == 0 || scheme.methods == method::kNone);
      }
      // With one scale for all, any shape of codes is one.
      return (scheme.methods == method::kBitnet || scheme.grid == Grid::one) && part == 0 &&
             (damage == "transposed" || damage == "of another shape");
    };
    refusals += check_damages(what, good, legitimate);
    // Nothing says that there are codes, and one number alone is no matrix.
    const auto alone = [&](const std::string&, std::size_t part) {
      return scheme.grid == Grid::one && part == 0;
    };
    shards += check_shards(what, good, alone);
  }
  CHECK(refusals > 300);
  CHECK(shards > 50);
}
