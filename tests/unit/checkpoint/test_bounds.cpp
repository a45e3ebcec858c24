/// @file
/// Small files that describe endless text or work: shared dicts, long keys over many others.

#include <catch2/catch.hpp>

#include "wishart/checkpoint/catalogue.hpp"

#include "formats/hdf5/keras_file.hpp"
#include "formats/torch/pickle.hpp"
#include "formats/torch/torch_file.hpp"
#include "onnx_support.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"
#include "text/json_facts.hpp"
#include "text/name_budget.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::PickleText;
using wishart::test::TempFolder;

namespace {

const std::string kTooLong = "F: expected names of at most 1048576 bytes, found one of ";
const std::string kTooMany = "F: expected names and facts of at most ";

std::string get(std::uint32_t index) { return "j" + little(index); }
std::string put(std::uint32_t index) { return "r" + little(index); }

/// A tensor of one element in memo entry 1, which is not on the stack.
PickleText with_tensor() {
  PickleText pickle;
  test::pickle_tensor(pickle, {"", "FloatStorage", "0", 1, 0, {1}, {1}});
  return pickle.raw(put(1)).raw("0");
}

TorchFile torch_file(const PickleText& pickle, const TempFolder& folder) {
  const auto path = folder.write("m.pt", test::torch_zip(pickle.stop(), {{"0", "abcd"}}));
  return read_torch_file(path);
}

std::string refusal(const PickleText& pickle) {
  const TempFolder folder;
  std::string text = error_of([&] { static_cast<void>(torch_file(pickle, folder)); });
  const std::string path = (folder / "m.pt").string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

std::string refusal_of_json(const std::string& text, std::size_t most = JsonFacts::kMaxFacts) {
  return error_of([&] { static_cast<void>(JsonFacts(text, "F", most)); });
}

/// `{"key":{"0":1,"1":1,...}}` of `count` numbers.
std::string wide_json(const std::string& key, int count) {
  std::string text = R"({")" + key + R"(":{)";
  for (int i = 0; i < count; ++i) {
    text.append(i == 0 ? "" : ",").append("\"").append(std::to_string(i)).append("\":1");
  }
  return text + "}}";
}

/// A group of HDF5 whose links have these names and addresses.
std::string group(const std::vector<std::pair<std::string, std::uint64_t>>& links) {
  std::string messages;
  for (const auto& [name, address] : links) {
    std::string link("\x01\x02", 2);
    link.append(little(static_cast<std::uint32_t>(name.size())))
        .append(name)
        .append(little(address));
    messages.append("\x06").append(little(static_cast<std::uint16_t>(link.size())));
    messages.append(1, '\0').append(link);
  }
  return std::string("OHDR\x02\x02", 6) + little(static_cast<std::uint32_t>(messages.size())) +
         messages;
}

/// Eight groups in each other, whose names have 65 000 bytes, with `links` to the root in the last.
std::string nested_groups(int depth, int links) {
  std::string file("\x89HDF\r\n\x1a\n\x02\x08\x08\0", 12);
  file += little(std::uint64_t{0}) + little(~std::uint64_t{0}) + little(std::uint64_t{0}) +
          little(std::uint64_t{48}) + little(std::uint32_t{0});
  for (int i = 0; i < depth; ++i) {
    const std::string name(65000, 'a');
    const std::uint64_t next = file.size() + group({{name, 0}}).size();
    file += group({{name, next}});
  }
  std::vector<std::pair<std::string, std::uint64_t>> last;
  for (int i = 0; i < links; ++i) last.emplace_back(std::to_string(i), 48);
  return file + group(last);
}

std::string refusal_of_keras(const std::string& bytes) {
  const TempFolder folder;
  const auto path = folder.write("m.h5", bytes);
  std::string text = error_of([&] { static_cast<void>(read_keras_file(path)); });
  if (text.starts_with(path.string())) text.replace(0, path.string().size(), "F");
  return text;
}

}  // namespace

TEST_CASE("names take no more than a multiple of the bytes that describe them",
          "[checkpoint][bounds]") {
  NameBudget names("F", 100);
  CHECK(names.joined("", "a") == "a");
  CHECK(names.joined("a", "b") == "a.b");
  CHECK(NameBudget("F", 1, '/').joined("a", "b") == "a/b");
  CHECK(names.joined(std::string(NameBudget::kMaxNameBytes - 2, 'a'), "b").size() == std::size_t{1}
                                                                                         << 20);
  CHECK(error_of([&] {
          static_cast<void>(names.joined(std::string(NameBudget::kMaxNameBytes - 1, 'a'), "b"));
        }) == kTooLong + "1048577");
  CHECK(error_of([&] {
          for (int i = 0; i < 65; ++i) names.take(NameBudget::kMaxNameBytes);
        }) == kTooMany + std::to_string((64 << 20) + 1600) +
                  " bytes in 100 bytes that describe them, found more");
  // However large the file is.
  NameBudget large("F", INT64_MAX);
  large.take(NameBudget::kMaxBytes);
  CHECK(error_of([&] { large.take(1); }).starts_with(kTooMany + "1073741824 bytes in "));
}

TEST_CASE("a long key over many tensors is refused, one of 64 KiB is read",
          "[checkpoint][bounds]") {
  const auto below = [](const std::string& key, int count) {
    PickleText pickle = with_tensor();
    pickle.raw("}(").text(key).raw("}(");
    for (int i = 0; i < count; ++i) pickle.text(std::to_string(i)).raw(get(1));
    return pickle.raw("uu");
  };
  CHECK(refusal(below(std::string(500000, 'a'), 200)).starts_with(kTooMany));
  CHECK(refusal(below(std::string(1 << 20, 'a'), 1)) == kTooLong + "1048578");
  const TempFolder folder;
  const TorchFile file = torch_file(below(std::string(65536, 'a'), 20), folder);
  CHECK(file.tensors.size() + file.aliases.size() == 20);
}

TEST_CASE("hqq: dicts that share one dict make no more facts than a module has",
          "[checkpoint][bounds]") {
  PickleText pickle = with_tensor();
  const auto shared = [&](const std::string& value, std::uint32_t index) {
    pickle.raw("}(");
    for (int i = 0; i < 16; ++i)
      pickle.text(std::string(1000, static_cast<char>('a' + i))).raw(value);
    pickle.raw("u").raw(put(index)).raw("0");
  };
  shared("K\x01", 2);
  shared(get(2), 3);
  pickle.raw("}(").text("l").raw("}(").text("W_q").raw(get(1));
  for (int i = 0; i < 16; ++i) pickle.text(std::to_string(i)).raw(get(3));
  pickle.raw("uu");
  CHECK(refusal(pickle) == "F: 'l.W_q': expected facts of at most 1 MiB beside it, found more");
}

TEST_CASE("arguments, integers and names of storages that no tensor has are refused",
          "[checkpoint][bounds]") {
  const std::vector<std::int64_t> many(1025, 1);
  PickleText call;
  call.raw("}(").text("w").global("foo", "bar").integers(many).raw("Ru");
  CHECK(refusal(call) == "F: tensor 'w': expected at most 1024 arguments of foo.bar, found more");
  PickleText shape;
  shape.raw("}(").text("w");
  test::pickle_tensor(shape, {"", "FloatStorage", "0", 1, 0, many, many});
  CHECK(refusal(shape.raw("u")) ==
        "F: tensor 'w': offset, size and stride are not the numbers of a tensor");
  PickleText key;
  key.raw("}(").text("w");
  test::pickle_tensor(key, {"", "FloatStorage", std::string(1025, '0'), 1, 0, {1}, {1}});
  CHECK(refusal(key.raw("u")) ==
        "F: tensor 'w': expected a storage with a name of at most 1024 bytes, found one of 1025");
}

TEST_CASE("symbols have at most 1024 bytes", "[checkpoint][bounds]") {
  const std::string module(1000, 'm');
  const std::string name(23, 'n');
  const Pickle pickle(PickleText().global(module, name).stop(), "F");
  CHECK(pickle.name(pickle.top()) == module + "." + name);
  CHECK(error_of([&] {
          static_cast<void>(Pickle(PickleText().global(module, name + "n").stop(), "F"));
        }) == "F: pickle, byte 2: a symbol of 1025 bytes, expected at most 1024");
  CHECK(error_of([&] {
          static_cast<void>(
              Pickle(PickleText().text(module).text(name + "n").raw("\x93").stop(), "F"));
        }).ends_with(": a symbol of 1025 bytes, expected at most 1024"));
}

TEST_CASE("values of large dicts are found by an index", "[checkpoint][bounds]") {
  PickleText text;
  text.raw("}(");
  for (int i = 0; i < 200; ++i) text.text("k" + std::to_string(i)).integer(i);
  text.text("k7").integer(-7).text(std::string(300, 'x')).integer(300).integer(5).integer(6);
  const Pickle pickle(text.raw("u").stop(), "F");
  const auto value = [&](const std::string& key) {
    return pickle.integer(pickle.value(pickle.top(), key));
  };
  CHECK(value("k199") == 199);
  CHECK(value("k7") == -7);  // the last one counts
  CHECK(value(std::string(300, 'x')) == 300);
  CHECK_FALSE(value("k200").has_value());
  CHECK(pickle.items(pickle.top(), 3).size() == 3);
  CHECK(pickle.items(pickle.top()).size() == 406);
}

TEST_CASE("JSON with more text or values than a side file has is refused", "[checkpoint][bounds]") {
  CHECK(refusal_of_json(wide_json(std::string(500000, 'k'), 200)).starts_with(kTooMany));
  CHECK(refusal_of_json(wide_json(std::string(1 << 20, 'k'), 1)) == kTooLong + "1048578");
  CHECK(refusal_of_json("[1,2,null]", 3) == "nothing was thrown");
  CHECK(refusal_of_json("[1,2,null,[]]", 3) == "F: expected at most 3 values, found more");
  const TempFolder folder;
  folder.write("model.safetensors", test::safetensors_bytes({test::small_tensor("a")}));
  folder.write("config.json", wide_json(std::string(500000, 'k'), 200));
  CHECK(error_of([&] {
          static_cast<void>(open_checkpoint(folder.path()));
        }).starts_with((folder / "config.json").string() + kTooMany.substr(1)));
}

TEST_CASE("HDF5: names of many bytes over many links are refused", "[checkpoint][bounds]") {
  CHECK(refusal_of_keras(nested_groups(8, 0)) == "F: expected Keras weights, found none");
  CHECK(refusal_of_keras(nested_groups(8, 300)).starts_with(kTooMany));
  CHECK(refusal_of_keras(nested_groups(17, 0)).starts_with(kTooLong));
}

TEST_CASE("ONNX: names of many bytes over many tensors are refused", "[checkpoint][bounds]") {
  using namespace wishart::test::onnx;
  const auto nested = [](int depth, int count) {
    std::string graph;
    for (int i = 0; i < count; ++i)
      graph += bytes(5, weight(bytes(9, floats(6)), std::to_string(i)));
    for (int i = 0; i < depth; ++i) {
      const std::string attribute = bytes(5, bytes(1, "body") + bytes(6, graph));
      graph = bytes(1, node("Loop", {}, {}, attribute, std::string(65000, 'a')));
    }
    return bytes(7, graph);
  };
  CHECK(refusal(nested(1, 1)) == "nothing was thrown");
  CHECK(refusal(nested(8, 300)).starts_with(kTooMany));
  CHECK(refusal(nested(17, 1)).starts_with(kTooLong));
}
