/// @file
/// Weights of hqq, as transformers stores them. What torch.save makes of them: test_torch_written.

#include <catch2/catch.hpp>

#include "quantised_damages.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using namespace wishart::test;

namespace {

constexpr const char* kConfig = R"({"quantization_config":{"quant_method":"hqq"}})";

unsigned code_at(std::int64_t i, std::int64_t j, std::int64_t levels) {
  return static_cast<unsigned>((i * 31 + j * 17 + i * j) % levels);
}

TensorText text_tensor(const std::string& name, const std::string& text) {
  return {name, "U8", {static_cast<std::int64_t>(text.size())}, text};
}

TensorText number_tensor(const std::string& name, std::int32_t number) {
  return {name, "I32", {}, {reinterpret_cast<const char*>(&number), 4}};
}

TensorText flag_tensor(const std::string& name, bool value) {
  return {name, "U8", {}, std::string(1, value ? '\1' : '\0')};
}

struct Packed {
  const char* name;
  std::int64_t bits;      ///< in a word
  std::int64_t per_word;  ///< codes
  std::int64_t bytes;     ///< of a word
};

/// bitpack.py: the rows of the matrix of groups in as many slabs as codes fit a word, the first
/// slab in the highest bits.
std::string packed(const Packed& how, std::int64_t rows, std::int64_t cols,
                   const std::function<unsigned(std::int64_t, std::int64_t)>& code) {
  const std::int64_t high = (rows + how.per_word - 1) / how.per_word;
  std::string bytes;
  for (std::int64_t w = 0; w < high; ++w) {
    for (std::int64_t c = 0; c < cols; ++c) {
      std::uint32_t word = 0;
      for (std::int64_t slab = 0; slab < how.per_word; ++slab) {
        const std::int64_t row = slab * high + w;
        const std::uint32_t one = row < rows ? code(row, c) : 0;
        word = (word << static_cast<unsigned>(how.bits)) | one;
      }
      bytes.append(reinterpret_cast<const char*>(&word), static_cast<std::size_t>(how.bytes));
    }
  }
  return bytes;
}

/// A weight of `rows` x 48 in groups of 24.
Example hqq_example(const Packed& how, int axis, std::int64_t rows = 40, float nbits = 0) {
  constexpr std::int64_t kCols = 48;
  constexpr std::int64_t kGroup = 24;
  const std::int64_t groups = rows * kCols / kGroup;
  const std::int64_t high = axis == 1 ? groups : kGroup;
  const std::int64_t wide = axis == 1 ? kGroup : groups;
  const std::int64_t levels =
      nbits == 1.58F ? 3 : std::int64_t{1} << static_cast<unsigned>(nbits == 5 ? 5 : how.bits);
  const auto code = [levels](std::int64_t r, std::int64_t c) { return code_at(r, c, levels); };
  std::vector<float> scales;
  std::vector<float> zeros;
  for (std::int64_t g = 0; g < groups; ++g) {
    scales.push_back(0.25F + static_cast<float>(g % 13));
    zeros.push_back(0.5F * static_cast<float>(g % 7));
  }
  const std::vector<std::int64_t> one_each =
      axis == 1 ? std::vector<std::int64_t>{groups, 1} : std::vector<std::int64_t>{1, groups};
  const std::int64_t sizes[] = {rows, kCols};
  Example example;
  example.config = kConfig;
  example.tensors = {{"m.W_q",
                      how.bytes == 4 ? "I32" : "U8",
                      {(high + how.per_word - 1) / how.per_word, wide},
                      packed(how, high, wide, code)},
                     {"m.scale", "F32", one_each, little_floats(scales)},
                     {"m.zero", "F32", one_each, little_floats(zeros)},
                     {"m.shape", "I64", {2}, bytes_of(std::span<const std::int64_t>(sizes))},
                     text_tensor("m.packing", how.name),
                     number_tensor("m.nbits", static_cast<std::int32_t>(nbits == 5 ? 5 : how.bits)),
                     number_tensor("m.axis", axis),
                     number_tensor("m.group_size", kGroup),
                     flag_tensor("m.view_as_float", false),
                     flag_tensor("m.channel_wise", true),
                     flag_tensor("m.quant_zero", false),
                     flag_tensor("m.quant_scale", false),
                     flag_tensor("m.encoded_state_dict", true),
                     text_tensor("m.compute_dtype", "torch.float16")};
  if (nbits == 1.58F) example.at("m.nbits") = {"m.nbits", "F32", {}, little_floats({1.58F})};
  example.weight = "m.weight";
  example.rows = rows;
  example.cols = kCols;
  example.value = [=](std::int64_t i, std::int64_t j) {
    const std::int64_t e = i * kCols + j;
    const std::int64_t r = e / wide;
    const std::int64_t c = e % wide;
    const auto g = static_cast<std::size_t>(axis == 1 ? r : c);
    return (static_cast<double>(code(r, c)) - zeros[g]) * scales[g];
  };
  return example;
}

constexpr Packed kEight{"8bit_u8", 8, 1, 1};
constexpr Packed kFour{"4bit_u8", 4, 2, 1};
constexpr Packed kThree{"3bit_32", 3, 10, 4};
constexpr Packed kTwo{"2bit_u8", 2, 4, 1};
constexpr Packed kOne{"1bit_u8", 1, 8, 1};

/// Bytes of codes as elements of a wider type.
void view_as(Example& example, const std::string& dtype) {
  TensorText& codes = example.at("m.W_q");
  const std::int64_t factor = dtype_bits(*dtype_from_name(dtype));
  codes.shape[1] = codes.shape[1] * dtype_bits(*dtype_from_name(codes.dtype)) / factor;
  codes.dtype = dtype;
  example.at("m.view_as_float") = flag_tensor("m.view_as_float", true);
}

}  // namespace

TEST_CASE("hqq's codes are slabs of the matrix of groups, the first slab in the highest bits",
          "[quantised]") {
  std::int64_t read = 0;
  for (const Packed& how : {kEight, kFour, kThree, kTwo, kOne}) {
    for (const int axis : {0, 1}) {
      INFO(how.name << ", axis " << axis);
      CHECK(wrong_elements(hqq_example(how, axis)) == 0);
      ++read;
    }
  }
  CHECK(read == 10);
  // 45 x 48 in groups of 24: 90 rows of groups, nine in each of ten slabs; 41 rows leave padding.
  CHECK(wrong_elements(hqq_example(kThree, 1, 45)) == 0);
  CHECK(wrong_elements(hqq_example(kThree, 1, 41)) == 0);
  // 5 bits fill bytes, and 1.58 bits are three levels in two bits.
  CHECK(wrong_elements(hqq_example(kEight, 1, 40, 5)) == 0);
  CHECK(wrong_elements(hqq_example(kTwo, 1, 40, 1.58F)) == 0);
  // The same shapes either way: only `axis` tells them apart.
  Example example = hqq_example(kEight, 1, 12);
  CHECK(example.at("m.W_q").shape == hqq_example(kEight, 0, 12).at("m.W_q").shape);
  CHECK(wrong_elements(example) == 0);
}

TEST_CASE("hqq's codes may be viewed as floats", "[quantised]") {
  for (const char* dtype : {"F16", "BF16", "F32"}) {
    for (const Packed& how : {kFour, kThree, kTwo}) {
      Example example = hqq_example(how, 1);
      view_as(example, dtype);
      INFO(dtype << " " << how.name);
      CHECK(wrong_elements(example) == 0);
    }
  }
  // Nothing declared, and all of it floats: still no layers.
  Example example = hqq_example(kFour, 1);
  view_as(example, "F16");
  example.config.clear();
  CHECK(wrong_elements(example) == 0);
  example.tensors.resize(3);
  CHECK(refusal_of(example) ==
        "F: quantised tensor 'm.weight': expected a 'packing' of hqq beside it, found ''");
}

TEST_CASE("hqq without a group size, and with one scale for all", "[quantised]") {
  Example example = hqq_example(kFour, 1);
  std::erase_if(example.tensors, [](const TensorText& t) { return t.name == "m.group_size"; });
  example.at("m.W_q").shape = {20, 48};
  example.at("m.scale") = {"m.scale", "F32", {40, 1}, little_floats(std::vector<float>(40, 2.0F))};
  example.at("m.zero") = {"m.zero", "F32", {40, 1}, little_floats(std::vector<float>(40, 1.0F))};
  const std::string bytes = example.at("m.W_q").data;
  example.value = [bytes](std::int64_t i, std::int64_t j) {
    const auto byte = static_cast<unsigned char>(bytes[static_cast<std::size_t>(i % 20 * 48 + j)]);
    return (static_cast<double>(i < 20 ? byte >> 4U : byte & 15U) - 1) * 2;
  };
  CHECK(wrong_elements(example) == 0);
  example.at("m.scale") = {"m.scale", "F32", {}, little_floats({2.0F})};
  example.at("m.zero") = {"m.zero", "F32", {}, little_floats({1.0F})};
  CHECK(refusal_of(example).find("expected a scale of shape 40 x 1, one for each group") !=
        std::string::npos);
  example.at("m.channel_wise") = flag_tensor("m.channel_wise", false);
  CHECK(wrong_elements(example) == 0);
}

TEST_CASE("hqq with a part missing, of another type or of another shape is refused by name",
          "[quantised]") {
  const auto refused = [](const Example& bad, const std::string& what) {
    const std::string text = refusal_of(bad);
    INFO(text);
    CHECK(text.starts_with("F: quantised tensor 'm"));
    CHECK(text.find(what) != std::string::npos);
  };
  std::int64_t refusals = 0;
  for (const int axis : {0, 1}) {
    for (const Packed& how : {kFour, kThree}) {
      const Example good = hqq_example(how, axis);
      for (const char* name :
           {"m.W_q", "m.scale", "m.zero", "m.shape", "m.packing", "m.nbits", "m.axis"}) {
        Example bad = good;
        std::erase_if(bad.tensors, [&](const TensorText& t) { return t.name == name; });
        refused(bad, std::string(name) == "m.packing" ? "'packing'" : "");
        bad = good;
        TensorText& typed = bad.at(name);
        typed.dtype = "F64";
        std::int64_t count = 8;
        for (const std::int64_t size : typed.shape) count *= size;
        typed.data.assign(static_cast<std::size_t>(count), '\1');
        if (std::string(name) != "m.scale" && std::string(name) != "m.zero") refused(bad, "");
        refusals += 2;
      }
      for (const char* name : {"m.W_q", "m.scale", "m.zero"}) {
        Example bad = good;
        std::swap(bad.at(name).shape[0], bad.at(name).shape[1]);
        refused(bad, "expected ");
        bad = good;
        TensorText& longer = bad.at(name);
        longer.shape[1] *= 2;
        longer.data += longer.data;
        refused(bad, "expected ");
        bad = good;
        bad.at(name).dtype = bad.at(name).dtype == "U8" ? "I8" : "U32";
        refused(bad, "expected ");
        refusals += 3;
      }
    }
  }
  CHECK(refusals > 80);
  CHECK(check_shards("hqq", hqq_example(kFour, 1), [](const std::string&, std::size_t part) {
          return part >= 8;  // of no effect where they are missing
        }) == 8);
  Example bad = hqq_example(kFour, 1);
  bad.at("m.packing") = text_tensor("m.packing", "3bit_32");
  refused(bad, "packing '3bit_32' is not that of its 'nbits'");
  bad = hqq_example(kFour, 1);
  bad.at("m.shape").data[0] = 41;
  refused(bad, "expected codes of U8 and shape 41 x 24 in 'm.W_q', found U8 of shape 40 x 24");
}

TEST_CASE("quantised scales and zero points of hqq are read, or refused without their metas",
          "[quantised]") {
  // Scales of 80 groups in groups of 40, zero points with one scale for all: hqq's own layout.
  Example example = hqq_example(kFour, 1);
  const std::int64_t sizes[] = {80, 1};
  const auto meta = [&](const std::string& of, std::vector<std::int64_t> shape,
                        const std::vector<float>& scale, const std::vector<float>& zero) {
    const std::string name = "m.meta_" + of + ".";
    example.tensors.push_back({name + "scale", "F32", shape, little_floats(scale)});
    example.tensors.push_back({name + "zero", "F32", shape, little_floats(zero)});
    example.tensors.push_back(
        {name + "shape", "I64", {2}, bytes_of(std::span<const std::int64_t>(sizes))});
    example.tensors.push_back(text_tensor(name + "packing", "8bit_u8"));
    example.tensors.push_back(number_tensor(name + "nbits", 8));
    example.tensors.push_back(number_tensor(name + "axis", 0));
  };
  std::string scales;
  std::string zeros;
  for (int g = 0; g < 80; ++g) {
    scales += static_cast<char>(40 + g);
    zeros += static_cast<char>(2 * g);
  }
  example.at("m.scale") = {"m.scale_q", "U8", {40, 2}, scales};
  example.at("m.zero") = {"m.zero_q", "U8", {80, 1}, zeros};
  example.at("m.quant_scale") = flag_tensor("m.quant_scale", true);
  example.at("m.quant_zero") = flag_tensor("m.quant_zero", true);
  meta("scale", {1, 2}, {0.5F, 0.25F}, {10.0F, 20.0F});
  example.tensors.push_back(number_tensor("m.meta_scale.group_size", 40));
  meta("zero", {}, {0.125F}, {3.0F});
  example.tensors.push_back(flag_tensor("m.meta_zero.channel_wise", false));
  example.value = [](std::int64_t i, std::int64_t j) {
    const std::int64_t g = (i * 48 + j) / 24;
    const double scale = g % 2 == 0 ? (40.0 + static_cast<double>(g) - 10) * 0.5
                                    : (40.0 + static_cast<double>(g) - 20) * 0.25;
    const double zero = (2.0 * static_cast<double>(g) - 3) * 0.125;
    return (code_at(g, (i * 48 + j) % 24, 16) - zero) * scale;
  };
  CHECK(wrong_elements(example) == 0);
  // Both in one tensor, the zero points first.
  Example both = example;
  std::erase_if(both.tensors,
                [](const TensorText& t) { return t.name == "m.scale_q" || t.name == "m.zero_q"; });
  both.tensors.push_back({"m.zero_scale", "U8", {2, 40, 2}, zeros + scales});
  CHECK(refusal_of(both).find("expected codes of U8 and shape 80 x 1 in 'm.zero_q'") !=
        std::string::npos);  // with two metas the halves have two shapes, which is not hqq's
  Example bad = example;
  std::erase_if(bad.tensors, [](const TensorText& t) { return t.name == "m.meta_scale.packing"; });
  CHECK(refusal_of(bad).starts_with("F: quantised tensor 'm.weight': expected a 'packing'"));
  bad = example;
  std::erase_if(bad.tensors, [](const TensorText& t) { return t.name == "m.zero_q"; });
  CHECK(refusal_of(bad) ==
        "F: quantised tensor 'm.weight': expected 'm.zero_q' beside it, found none");
}

TEST_CASE("a layer of hqq in a pickle whose codes are missing is refused by name", "[quantised]") {
  const auto file_of = [](bool codes) {
    PickleText pickle;
    pickle.raw("}(").text("m").raw("}(");
    const auto add = [&](const char* key, const char* storage, const char* type,
                         const std::vector<std::int64_t>& shape) {
      TorchText tensor;
      tensor.storage_class = type;
      tensor.key = storage;
      tensor.numel = shape[0] * shape[1];
      tensor.shape = shape;
      tensor.strides = {shape[1], 1};
      pickle.text(key);
      pickle_tensor(pickle, tensor);
    };
    if (codes) add("W_q", "0", "ByteStorage", {4, 16});
    add("scale", "1", "FloatStorage", {8, 1});
    add("zero", "2", "FloatStorage", {8, 1});
    pickle.text("nbits").integer(4).text("axis").integer(1).text("group_size").integer(16);
    pickle.text("shape").integers({4, 32}).text("packing").text("4bit_u8");
    pickle.text("view_as_float").raw("\x89").text("offload_meta").raw("\x89");
    return torch_zip(pickle.raw("uu").stop(), {{"0", std::string(64, '\x21')},
                                               {"1", little_floats(std::vector<float>(8, 2.0F))},
                                               {"2", little_floats(std::vector<float>(8, 1.0F))}});
  };
  const TempFolder folder;
  folder.write("qmodel.pt", file_of(true));
  const Catalogue whole = open_checkpoint(folder.path());
  REQUIRE(whole.tensors.size() == 1);
  CHECK(whole.tensors[0].stored_as == "HQQ int4 in groups of 16");
  std::vector<double> values(128);
  make_reader(whole.root, whole.files)->read_elements(whole.tensors[0], 0, values);
  // Byte 0x21: the high half belongs to the first four groups.
  CHECK(values[0] == 2);
  CHECK(values[127] == 0);
  folder.write("qmodel.pt", file_of(false));
  CHECK(error_of([&] { static_cast<void>(open_checkpoint(folder.path())); }) ==
        folder.path().string() +
            ": quantised tensor 'm.weight': expected 'm.W_q' beside it, found none");
}
