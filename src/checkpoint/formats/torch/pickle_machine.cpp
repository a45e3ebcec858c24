#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "wishart/core/text.hpp"

#include "formats/torch/hostile_symbols.hpp"
#include "formats/torch/pickle.hpp"
#include "formats/torch/pickle_kinds.hpp"

namespace wishart::checkpoint {

/// The stack machine of pickletools.py over nodes.
class PickleMachine {
public:
  PickleMachine(Pickle& pickle, std::size_t max_nodes)
      : p_(pickle), bytes_(pickle.bytes_), max_nodes_(max_nodes) {}

  void run() {
    p_.nodes_.emplace_back();  // kNone
    while (true) {
      opcode_at_ = at_;
      const auto opcode = static_cast<unsigned char>(take(1).front());
      if (opcode == 0x2E) break;  // STOP
      const bool known = constant(opcode) || text(opcode) || container(opcode) || memo(opcode) ||
                         call(opcode) || stack_order(opcode);
      if (!known) fail("opcode " + hex(opcode) + ", which is not supported");
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      fail("expected one value at the end, found " + std::to_string(stack_.size()));
    }
    p_.top_ = stack_.back();
    p_.end_ = at_;
  }

private:
  using Kind = Pickle::Kind;

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(Blame::input,
                p_.place_ + ": pickle, byte " + std::to_string(opcode_at_) + ": " + what);
  }
  static std::string hex(unsigned value) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    return std::string("0x") + kDigits[value >> 4U] + kDigits[value & 15U];
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) {
      throw PickleCutShort(p_.place_ + ": pickle, byte " + std::to_string(opcode_at_) +
                           ": expected " + std::to_string(count) + " more bytes, found " +
                           std::to_string(bytes_.size() - at_) +
                           ". The file is truncated: copy it again");
    }
    const std::string_view result = bytes_.substr(at_, static_cast<std::size_t>(count));
    at_ += static_cast<std::size_t>(count);
    return result;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    const std::string_view result = take(std::min(end, bytes_.size() + 1) - at_);
    static_cast<void>(take(1));
    return result;
  }

  PickleRef make(Kind kind, std::int64_t value = 0, std::uint32_t a = 0, std::uint32_t b = 0) {
    if (p_.nodes_.size() >= max_nodes_) {
      fail("more than " + std::to_string(max_nodes_) + " values");
    }
    p_.nodes_.push_back({value, a, b, kind});
    return static_cast<PickleRef>(p_.nodes_.size() - 1);
  }
  bool push(PickleRef node) {
    stack_.push_back(node);
    return true;
  }
  PickleRef pop() {
    if (stack_.size() <= floor()) fail("expected a value on the stack, found none");
    const PickleRef node = stack_.back();
    stack_.pop_back();
    return node;
  }
  PickleRef& top() {
    if (stack_.size() <= floor()) fail("expected a value on the stack, found none");
    return stack_.back();
  }
  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  /// Removes the last mark and returns where the values after it begin.
  std::size_t pop_mark() {
    if (marks_.empty()) fail("expected a mark on the stack, found none");
    const std::size_t begin = marks_.back();
    marks_.pop_back();
    return begin;
  }

  PickleRef make_text(Kind kind, std::string_view value) {
    return make(kind, value.data() - bytes_.data(), static_cast<std::uint32_t>(value.size()));
  }
  PickleRef make_long(std::string_view digits) {
    if (digits.size() > 8) return make(Kind::big_integer);
    std::uint64_t value = 0;
    std::memcpy(&value, digits.data(), digits.size());
    const auto unused = static_cast<unsigned>(64 - 8 * digits.size());
    if (digits.empty()) return make(Kind::integer, 0);
    return make(Kind::integer, static_cast<std::int64_t>(value << unused) >> unused);
  }
  /// Makes a tuple of the stack values from `begin` on.
  PickleRef make_tuple(std::size_t begin) {
    const auto first = static_cast<std::int64_t>(p_.children_.size());
    const auto count = static_cast<std::uint32_t>(stack_.size() - begin);
    move_children(begin);
    return make(Kind::tuple, first, count);
  }
  void move_children(std::size_t begin) {
    p_.children_.insert(p_.children_.end(), stack_.begin() + static_cast<std::ptrdiff_t>(begin),
                        stack_.end());
    if (p_.children_.size() > UINT32_MAX) fail("more than 2^32 items");
    stack_.resize(begin);
  }
  /// Appends the stack values from `begin` on to the container below them.
  bool append(std::size_t begin, bool pairs) {
    if (begin == 0 || begin <= floor()) fail("appends to nothing");
    const std::size_t count = stack_.size() - begin;
    if (pairs && count % 2 != 0) fail("a key without a value");
    const PickleRef target = stack_[begin - 1];
    const Kind kind = p_.nodes_[target].kind;
    const bool fits = kind == Kind::object ||
                      (pairs ? kind == Kind::dict : kind == Kind::list || kind == Kind::set);
    if (!fits) {
      fail("appends to " + std::string(kind_name(kind)));
    }
    if (count == 0) return true;
    p_.chunks_.push_back(
        {static_cast<std::uint32_t>(p_.children_.size()), static_cast<std::uint32_t>(count), 0});
    const auto chunk = static_cast<std::uint32_t>(p_.chunks_.size());
    move_children(begin);
    Pickle::Node& node = p_.nodes_[target];
    if (node.b == 0) {
      node.a = chunk;
    } else {
      p_.chunks_[node.b - 1].next = chunk;
    }
    node.b = chunk;
    return true;
  }

  bool constant(unsigned opcode) {
    switch (opcode) {
      case 0x80:
        if (const auto protocol = number<std::uint8_t>(); protocol > 5) {
          fail("protocol " + std::to_string(protocol) + ", expected at most 5");
        }
        return true;
      case 0x95:  // FRAME
        static_cast<void>(number<std::uint64_t>());
        return true;
      case 0x4E:
        return push(Pickle::kNone);
      case 0x88:
      case 0x89:
        return push(make(Kind::boolean, opcode == 0x88 ? 1 : 0));
      case 0x4A:
        return push(make(Kind::integer, number<std::int32_t>()));
      case 0x4B:
        return push(make(Kind::integer, number<std::uint8_t>()));
      case 0x4D:
        return push(make(Kind::integer, number<std::uint16_t>()));
      case 0x8A:
        return push(make_long(take(number<std::uint8_t>())));
      case 0x8B:
        return push(make_long(take(number<std::uint32_t>())));
      case 0x47: {  // BINFLOAT is big-endian
        const auto bits = __builtin_bswap64(number<std::uint64_t>());
        return push(make(Kind::real, static_cast<std::int64_t>(bits)));
      }
      default:
        return false;
    }
  }

  bool text(unsigned opcode) {
    switch (opcode) {
      case 0x58:
        return push(make_text(Kind::text, take(number<std::uint32_t>())));
      case 0x8C:
        return push(make_text(Kind::text, take(number<std::uint8_t>())));
      case 0x8D:
        return push(make_text(Kind::text, take(number<std::uint64_t>())));
      case 0x54:  // strings of Python 2
        return push(make_text(Kind::text, take(number<std::uint32_t>())));
      case 0x55:
        return push(make_text(Kind::text, take(number<std::uint8_t>())));
      case 0x42:
        return push(make_text(Kind::bytes, take(number<std::uint32_t>())));
      case 0x43:
        return push(make_text(Kind::bytes, take(number<std::uint8_t>())));
      case 0x8E:
      case 0x96:
        return push(make_text(Kind::bytes, take(number<std::uint64_t>())));
      default:
        return false;
    }
  }

  bool container(unsigned opcode) {
    switch (opcode) {
      case 0x7D:
        return push(make(Kind::dict));
      case 0x5D:
        return push(make(Kind::list));
      case 0x8F:
        return push(make(Kind::set));
      case 0x29:
        return push(make_tuple(stack_.size()));
      case 0x85:
      case 0x86:
      case 0x87: {
        const std::size_t count = opcode - 0x84;
        if (stack_.size() < floor() + count) fail("expected a value on the stack, found none");
        return push(make_tuple(stack_.size() - count));
      }
      case 0x74:
        return push(make_tuple(pop_mark()));
      case 0x6C:
      case 0x91:
      case 0x64:
        return from_mark(opcode);
      case 0x61:
        static_cast<void>(top());
        return append(stack_.size() - 1, false);
      case 0x65:
      case 0x90:
        return append(pop_mark(), false);
      case 0x73:
        if (stack_.size() < floor() + 2) fail("expected a value on the stack, found none");
        return append(stack_.size() - 2, true);
      case 0x75:
        return append(pop_mark(), true);
      default:
        return false;
    }
  }

  /// LIST, FROZENSET and DICT: a container of the values after the mark.
  bool from_mark(unsigned opcode) {
    const std::size_t begin = pop_mark();
    const Kind kind = opcode == 0x6C ? Kind::list : (opcode == 0x91 ? Kind::set : Kind::dict);
    stack_.insert(stack_.begin() + static_cast<std::ptrdiff_t>(begin), make(kind));
    return append(begin + 1, kind == Kind::dict);
  }

  bool memo(unsigned opcode) {
    switch (opcode) {
      case 0x71:
        return put(number<std::uint8_t>());
      case 0x72:
        return put(number<std::uint32_t>());
      case 0x94:
        return put(memo_count_);
      case 0x68:
        return get(number<std::uint8_t>());
      case 0x6A:
        return get(number<std::uint32_t>());
      default:
        return false;
    }
  }
  bool put(std::size_t index) {
    // Writers count up, so an index never exceeds the number of values. This bounds the table.
    if (index > p_.nodes_.size()) {
      fail("memo entry " + std::to_string(index) + " is out of range, found only " +
           std::to_string(p_.nodes_.size()) + " values");
    }
    if (index >= memo_.size()) memo_.resize(std::max(index + 1, memo_.size() * 2), kUnset);
    if (memo_[index] == kUnset) ++memo_count_;
    memo_[index] = top();
    return true;
  }
  bool get(std::size_t index) {
    if (index >= memo_.size() || memo_[index] == kUnset) {
      fail("memo entry " + std::to_string(index) + " does not exist");
    }
    return push(memo_[index]);
  }

  bool call(unsigned opcode) {
    switch (opcode) {
      case 0x63: {
        const PickleRef module = make_text(Kind::text, line());
        const PickleRef name = make_text(Kind::text, line());
        return push(make_symbol(module, name));
      }
      case 0x93: {
        const PickleRef name = pop();
        const PickleRef module = pop();
        if (p_.nodes_[name].kind != Kind::text || p_.nodes_[module].kind != Kind::text) {
          fail("expected a text as the name of a symbol, found another value");
        }
        return push(make_symbol(module, name));
      }
      case 0x52:
      case 0x81:
        return make_object(pop());
      case 0x92: {
        static_cast<void>(pop());  // keyword arguments
        return make_object(pop());
      }
      case 0x62: {
        const PickleRef state = pop();
        const Pickle::Node& node = p_.nodes_[top()];
        if (node.kind != Kind::object) return true;
        p_.objects_[static_cast<std::size_t>(node.value)].state = state;
        return true;
      }
      case 0x51:
        return push(make(Kind::persistent, 0, pop()));
      default:
        return false;
    }
  }
  PickleRef make_symbol(PickleRef module, PickleRef name) {
    // A name of Python has some tens of bytes. It is copied and compared wherever it is used.
    const std::size_t size = p_.text(module).size() + 1 + p_.text(name).size();
    if (size > Pickle::kMaxSymbolBytes) {
      fail("a symbol of " + std::to_string(size) + " bytes, expected at most " +
           std::to_string(Pickle::kMaxSymbolBytes));
    }
    return make(Kind::symbol, 0, module, name);
  }
  bool make_object(PickleRef arguments) {
    const PickleRef callee = pop();
    check_harmless(callee);
    p_.objects_.push_back({callee, arguments, Pickle::kNone});
    return push(make(Kind::object, static_cast<std::int64_t>(p_.objects_.size() - 1)));
  }
  /// Looks at each symbol once, however often it is called.
  void check_harmless(PickleRef callee) {
    if (p_.nodes_[callee].kind != Kind::symbol || !harmless_.insert(callee).second) return;
    const std::string name = p_.name(callee);
    if (is_hostile(name)) {
      fail("asks to call " + printable(name, 100) +
           ", which no checkpoint needs. Nothing was run. Do not load this file elsewhere");
    }
  }

  bool stack_order(unsigned opcode) {
    switch (opcode) {
      case 0x28:
        marks_.push_back(stack_.size());
        return true;
      case 0x30:  // POP removes a mark if one is on top
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          static_cast<void>(pop());
        }
        return true;
      case 0x31:
        stack_.resize(pop_mark());
        return true;
      case 0x32:
        return push(top());
      default:
        return false;
    }
  }

  static constexpr PickleRef kUnset = UINT32_MAX;

  Pickle& p_;
  std::string_view bytes_;
  std::size_t max_nodes_;
  std::size_t at_ = 0;
  std::size_t opcode_at_ = 0;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleRef> memo_;
  std::unordered_set<PickleRef> harmless_;  // symbols that were called
  std::size_t memo_count_ = 0;
};

Pickle::Pickle(std::string bytes, std::string place, std::size_t max_nodes)
    : bytes_(std::move(bytes)), place_(std::move(place)) {
  if (std::ssize(bytes_) > kMaxBytes) {
    throw Error(Blame::input, place_ + ": a pickle of " + std::to_string(bytes_.size()) +
                                  " bytes, expected at most " + std::to_string(kMaxBytes));
  }
  PickleMachine(*this, max_nodes).run();
}

}  // namespace wishart::checkpoint
