#include "text/json_scanner.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::array<std::string_view, 3> kPythonNumbers{"NaN", "Infinity", "-Infinity"};

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

}  // namespace

JsonScanner::JsonScanner(std::string_view text, std::string place, JsonDialect dialect,
                         std::int64_t first_byte)
    : text_(text), place_(std::move(place)), first_byte_(first_byte), dialect_(dialect) {
  if (!is_utf8(text_))
    throw Error(Blame::input, place_ + ": expected JSON in UTF-8, found bytes that are not UTF-8");
  if (dialect_ == JsonDialect::python && text_.starts_with(kByteOrderMark)) {
    at_ = kByteOrderMark.size();
  }
}

void JsonScanner::fail(std::string_view expected) {
  fail(expected, at_ >= text_.size() ? "the end" : in_quotes(text_.substr(at_, 1)));
}

void JsonScanner::fail(std::string_view expected, std::string_view found) {
  std::string text = place_ + ": ";
  if (!tensor_.empty()) text += "tensor " + in_quotes(tensor_) + ", ";
  text += "byte " + std::to_string(first_byte_ + static_cast<std::int64_t>(at_)) + ": expected ";
  text += expected;
  text += ", found ";
  throw Error(Blame::input, text.append(found));
}

void JsonScanner::skip_space() noexcept {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
}

bool JsonScanner::take(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

void JsonScanner::expect(char c) {
  skip_space();
  if (!take({&c, 1})) fail(std::string("'") + c + "'");
}

JsonScanner::Kind JsonScanner::peek() {
  skip_space();
  const std::string_view rest = text_.substr(at_);
  if (rest.empty()) fail("a value");
  const char c = rest.front();
  if (c == '{') return Kind::object;
  if (c == '[') return Kind::array;
  if (c == '"') return Kind::string;
  if (c == '-' || is_digit(c)) return Kind::number;
  if (rest.starts_with("true") || rest.starts_with("false")) return Kind::boolean;
  if (rest.starts_with("null")) return Kind::null;
  if (dialect_ == JsonDialect::python &&
      std::any_of(kPythonNumbers.begin(), kPythonNumbers.end(),
                  [&](std::string_view word) { return rest.starts_with(word); })) {
    return Kind::number;
  }
  fail("a value");
}

void JsonScanner::enter(Kind kind) {
  if (peek() != kind) fail(kind == Kind::object ? "an object" : "an array");
  if (depth_ >= kMaxDepth) {
    fail("at most " + std::to_string(kMaxDepth) + " levels of nesting", "more");
  }
  ++at_;
  ++depth_;
}

bool JsonScanner::close(char bracket) {
  skip_space();
  if (!take({&bracket, 1})) return false;
  --depth_;
  return true;
}

bool JsonScanner::another(char bracket) {
  if (close(bracket)) return false;
  if (!take(",")) fail(std::string("',' or '") + bracket + "'");
  return true;
}

std::string JsonScanner::read_string() {
  skip_space();
  if (!take("\"")) fail("a string");
  std::string out;
  while (true) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ++at_;
    }
    out += text_.substr(begin, at_ - begin);
    if (at_ >= text_.size()) fail("the closing quote of a string");
    if (take("\"")) return out;
    if (!take("\\")) fail("a string", "the control character " + in_quotes(text_.substr(at_, 1)));
    read_escape(out);
  }
}

void JsonScanner::read_escape(std::string& out) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (take("u")) {
    std::uint32_t code = read_hex4();
    const bool high = code >= 0xD800 && code <= 0xDBFF;
    if (high && take("\\u")) {
      const std::uint32_t low = read_hex4();
      if (low < 0xDC00 || low > 0xDFFF) fail("a pair of surrogates", "half of one");
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    } else if (high || (code >= 0xDC00 && code <= 0xDFFF)) {
      fail("a pair of surrogates", "half of one");
    }
    append_utf8(out, code);
    return;
  }
  const std::size_t which = at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
  if (which == std::string_view::npos) fail("an escape after '\\'");
  out += kMeanings[which];
  ++at_;
}

std::uint32_t JsonScanner::read_hex4() {
  std::uint32_t code = 0;
  const std::string_view digits = text_.substr(at_, 4);
  const auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  if (status != std::errc{} || end - digits.data() != 4) fail("four hexadecimal digits");
  at_ += 4;
  return code;
}

bool JsonScanner::read_boolean() {
  if (peek() != Kind::boolean) fail("true or false");
  if (take("true")) return true;
  at_ += std::string_view("false").size();
  return false;
}

void JsonScanner::take_digits() {
  const std::size_t begin = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  if (at_ == begin) fail("a digit");
}

std::string_view JsonScanner::read_number() {
  if (peek() != Kind::number) fail("a number");
  const std::size_t begin = at_;
  if (dialect_ == JsonDialect::python) {
    for (const std::string_view word : kPythonNumbers) {
      if (take(word)) return word;
    }
  }
  static_cast<void>(take("-"));
  if (!take("0")) take_digits();  // nothing may follow a leading zero
  if (take(".")) take_digits();
  if (take("e") || take("E")) {
    if (!take("+")) static_cast<void>(take("-"));
    take_digits();
  }
  return text_.substr(begin, at_ - begin);
}

std::int64_t JsonScanner::read_size() {
  constexpr std::string_view kExpected = "an integer from 0 to 9223372036854775807";
  if (peek() != Kind::number) fail(kExpected);
  const std::size_t begin = at_;
  const std::string_view number = read_number();
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (status != std::errc{} || end != number.data() + number.size() || number.front() == '-') {
    at_ = begin;
    fail(kExpected, printable(number, 40));
  }
  return value;
}

void JsonScanner::skip_value() {
  switch (peek()) {
    case Kind::object:
      return read_object([&](const std::string&) { skip_value(); });
    case Kind::array:
      return read_array([&] { skip_value(); });
    case Kind::string:
      static_cast<void>(read_string());
      return;
    case Kind::number:
      static_cast<void>(read_number());
      return;
    case Kind::boolean:
      static_cast<void>(read_boolean());
      return;
    case Kind::null:
      at_ += std::string_view("null").size();
      return;
  }
}

void JsonScanner::finish() {
  skip_space();
  if (at_ < text_.size()) fail("the end");
}

std::string in_quotes(std::string_view text, std::size_t max_chars) {
  std::string out(1, '\'');
  return out.append(printable(text, max_chars)).append(1, '\'');
}

double number_value(std::string_view number) {
  double value = 0;
  const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (status != std::errc{} || end != number.data() + number.size()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return value;
}

}  // namespace wishart::checkpoint
