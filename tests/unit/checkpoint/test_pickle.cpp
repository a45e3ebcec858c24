/// @file
/// Pickles as inert trees: values, calls that are not made, and malicious files.

#include <catch2/catch.hpp>

#include "formats/torch/pickle.hpp"
#include "support.hpp"
#include "torch_support.hpp"

using namespace wishart;
using namespace wishart::checkpoint;
using Kind = Pickle::Kind;
using wishart::test::error_of;
using wishart::test::little;
using wishart::test::PickleText;

namespace {

Pickle parsed(const std::string& bytes) { return Pickle(bytes, "F"); }
Pickle parsed(const PickleText& text) { return parsed(text.stop()); }
std::string refusal(const std::string& bytes, std::size_t max_nodes = Pickle::kMaxNodes) {
  return error_of([&] { static_cast<void>(Pickle(bytes, "F", max_nodes)); });
}
std::string refusal(const PickleText& text) { return refusal(text.stop()); }

}  // namespace

TEST_CASE("constants are read as Python wrote them", "[checkpoint][pickle]") {
  using Integers = std::vector<std::pair<std::string, std::int64_t>>;
  for (const auto& [bytes, value] :
       Integers{{"K\xff", 255},
                {std::string("M\x00\x01", 3), 256},
                {"J\xff\xff\xff\xff", -1},
                {std::string("\x8a\x00", 2), 0},
                {"\x8a\x01\xff", -1},
                {std::string("\x8a\x06\x00\x00\x00\x00\x00\x01", 8), std::int64_t{1} << 40}}) {
    const Pickle pickle = parsed(PickleText().raw(bytes));
    CHECK(pickle.integer(pickle.top()) == value);
  }
  const Pickle real = parsed(PickleText().raw(std::string("G\x3f\xf8\x00\x00\x00\x00\x00\x00", 9)));
  CHECK(real.real(real.top()) == 1.5);
  const Pickle big =
      parsed(PickleText().raw("\x8a\x09"
                              "123456789"));
  CHECK(big.kind(big.top()) == Kind::big_integer);
  const Pickle truth = parsed(PickleText().raw("\x88"));
  CHECK(truth.is_true(truth.top()));
  const Pickle text = parsed(PickleText().text("weights"));
  CHECK(text.text(text.top()) == "weights");
  CHECK(text.size_bytes() == PickleText().text("weights").stop().size());
}

TEST_CASE("containers grow by appended values", "[checkpoint][pickle]") {
  PickleText text;
  text.raw("](").integer(1).integer(2).raw("e").integer(3).raw("a");
  const Pickle list = parsed(text);
  const auto items = list.items(list.top());
  REQUIRE(items.size() == 3);
  CHECK(list.integer(items[2]) == 3);
  PickleText dict_text;
  dict_text.raw("}(").text("a").integer(1).text("b").integer(2).raw("u");
  dict_text.text("a").integer(5).raw("s");
  const Pickle dict = parsed(dict_text);
  CHECK(dict.integer(dict.value(dict.top(), "a")) == 5);  // the last one counts
  CHECK(dict.integer(dict.value(dict.top(), "b")) == 2);
  CHECK(dict.value(dict.top(), "c") == Pickle::kNone);
  // [a, b, c] and (a, b) by marks, a memo that is used twice.
  const Pickle tuple = parsed(PickleText().raw("(").text("x").raw("q\x01").raw("h\x01").raw("t"));
  REQUIRE(tuple.items(tuple.top()).size() == 2);
  CHECK(tuple.items(tuple.top())[0] == tuple.items(tuple.top())[1]);
}

TEST_CASE("a call appears in the tree by name and is not made", "[checkpoint][pickle]") {
  PickleText text;
  text.global("argparse", "Namespace").raw(")\x81}").text("lr").integer(3).raw("sb");
  const Pickle pickle = parsed(text);
  CHECK(pickle.kind(pickle.top()) == Kind::object);
  CHECK(pickle.name(pickle.top()) == "argparse.Namespace");
  CHECK(pickle.integer(pickle.value(pickle.state(pickle.top()), "lr")) == 3);
  // The protocol 4 way of naming.
  const Pickle named = parsed(PickleText().text("torch").text("float32").raw("\x93"));
  CHECK(named.name(named.top()) == "torch.float32");
}

TEST_CASE("calls that only an attack makes are refused by name", "[checkpoint][pickle]") {
  const auto [module, name] =
      GENERATE(table<std::string, std::string>({{"os", "system"},
                                                {"posix", "system"},
                                                {"subprocess", "Popen"},
                                                {"builtins", "eval"},
                                                {"__builtin__", "exec"},
                                                {"builtins", "__import__"},
                                                {"importlib", "import_module"},
                                                {"shutil", "rmtree"}}));
  PickleText text;
  text.global(module, name).text("touch /tmp/owned").raw("\x85R");
  CHECK(refusal(text) == "F: pickle, byte " + std::to_string(text.bytes.size() - 1) +
                             ": asks to call " + module + "." + name +
                             ", which no checkpoint needs. Nothing was run. Do not load this file "
                             "elsewhere");
}

TEST_CASE("broken pickles are refused, whatever sizes they declare", "[checkpoint][pickle]") {
  const std::string head("\x80\x02", 2);
  CHECK(refusal("") ==
        "F: pickle, byte 0: expected 1 more bytes, found 0. The file is truncated: copy it again");
  CHECK(refusal(head + "X" + little(std::uint32_t{0xFFFFFFFF}) + "ab") ==
        "F: pickle, byte 2: expected 4294967295 more bytes, found 2. The file is truncated: copy "
        "it again");
  CHECK(refusal(head + "\x8d" + little(~std::uint64_t{0})) ==
        "F: pickle, byte 2: expected 18446744073709551615 more bytes, found 0. The file is "
        "truncated: copy it again");
  CHECK(refusal("\x80\x09.") == "F: pickle, byte 0: protocol 9, expected at most 5");
  CHECK(refusal(head + "i.") == "F: pickle, byte 2: opcode 0x69, which is not supported");
  CHECK(refusal(head + "h\x05.") == "F: pickle, byte 2: memo entry 5 does not exist");
  CHECK(refusal(head + "Nr" + little(std::uint32_t{0xFFFFFFF0}) + ".") ==
        "F: pickle, byte 3: memo entry 4294967280 is out of range, found only 1 values");
  CHECK(refusal(head + "0.") == "F: pickle, byte 2: expected a value on the stack, found none");
  CHECK(refusal(head + "(NR.") == "F: pickle, byte 4: expected a value on the stack, found none");
  CHECK(refusal(head + "t.") == "F: pickle, byte 2: expected a mark on the stack, found none");
  CHECK(refusal(head + "(NNu.") == "F: pickle, byte 5: appends to nothing");
  CHECK(refusal(head + "N(NNu.") == "F: pickle, byte 6: appends to None");
  CHECK(refusal(head + "}(Nu.") == "F: pickle, byte 5: a key without a value");
  CHECK(refusal(head + "KaKbKc.") == "F: pickle, byte 8: expected one value at the end, found 3");
  CHECK(refusal(head + ".") == "F: pickle, byte 2: expected one value at the end, found 0");
  CHECK(refusal(head + std::string(1000, ']') + ".", 100) ==
        "F: pickle, byte 101: more than 100 values");
}

TEST_CASE("a deeply nested pickle causes no recursion", "[checkpoint][pickle]") {
  std::string bytes("\x80\x02", 2);
  bytes += "]" + std::string(1'000'000, '\x85') + ".";  // ((((...)))) one million deep
  const Pickle pickle = parsed(bytes);
  CHECK(pickle.num_nodes() == 1'000'002);
  // A list that holds itself.
  const Pickle ring =
      parsed(std::string("\x80\x02]q\x00h\x00"
                         "a.",
                         9));
  CHECK(ring.items(ring.top()) == std::vector<PickleRef>{ring.top()});
}
