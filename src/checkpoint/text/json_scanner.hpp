#pragma once

/// @file
/// A pull parser for JSON, used for headers, indices and side files of checkpoints.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace wishart::checkpoint {

/// What a text may contain.
enum class JsonDialect : std::uint8_t {
  strict,  ///< RFC 8259
  python,  ///< also bare NaN, Infinity and -Infinity, as `json.dumps` writes; a leading BOM
};

/// Reads a JSON text from front to back without building a tree: the caller asks for what it
/// expects and skips what it does not know. It needs memory for one string.
///
/// All functions throw Error with Blame::input that names the place, the byte, what was expected
/// and what was found. The text must be UTF-8. Nesting is limited to `kMaxDepth`.
class JsonScanner {
public:
  static constexpr int kMaxDepth = 200;  // Python's json gives up near 1000, serde at 128

  enum class Kind : std::uint8_t { object, array, string, number, boolean, null };

  /// Messages begin with `place`; `first_byte` is the position of `text` in its file.
  JsonScanner(std::string_view text, std::string place, JsonDialect dialect,
              std::int64_t first_byte = 0);

  /// Sets the tensor that messages name from now on; none if empty. Only borrowed.
  void set_tensor(std::string_view name) noexcept { tensor_ = name; }

  /// The kind of the next value.
  [[nodiscard]] Kind peek();

  /// Calls `member(key)` at every value of an object; `member` reads or skips that value.
  template <class Member>
  void read_object(Member&& member) {
    enter(Kind::object);
    if (close('}')) return;
    do {
      std::string key = read_string();
      expect(':');
      member(std::move(key));
    } while (another('}'));
  }
  /// Calls `element()` at every value of an array; `element` reads or skips that value.
  template <class Element>
  void read_array(Element&& element) {
    enter(Kind::array);
    if (close(']')) return;
    do {
      element();
    } while (another(']'));
  }
  [[nodiscard]] std::string read_string();
  [[nodiscard]] bool read_boolean();
  /// The characters of a number.
  [[nodiscard]] std::string_view read_number();
  /// A number as an integer from 0 to 2^63 - 1; no sign, fraction or exponent.
  [[nodiscard]] std::int64_t read_size();
  void skip_value();
  /// Checks that only white space is left.
  void finish();

  /// Throws: expected `expected`, found the text at the current position.
  [[noreturn]] void fail(std::string_view expected);
  /// Throws: expected `expected`, found `found`.
  [[noreturn]] void fail(std::string_view expected, std::string_view found);

private:
  void skip_space() noexcept;
  void enter(Kind kind);
  [[nodiscard]] bool close(char bracket);
  [[nodiscard]] bool another(char bracket);
  void expect(char c);
  [[nodiscard]] bool take(std::string_view word);
  void take_digits();
  void read_escape(std::string& out);
  [[nodiscard]] std::uint32_t read_hex4();

  std::string_view text_;
  std::string place_;
  std::string_view tensor_;
  std::int64_t first_byte_;
  std::size_t at_ = 0;
  int depth_ = 0;
  JsonDialect dialect_;
};

/// `text` made printable, in quotes, for a message.
[[nodiscard]] std::string in_quotes(std::string_view text, std::size_t max_chars = 300);

/// The value of a number that JsonScanner read, NaN and infinities included; NaN if it does not fit
/// a double.
[[nodiscard]] double number_value(std::string_view number);

}  // namespace wishart::checkpoint
