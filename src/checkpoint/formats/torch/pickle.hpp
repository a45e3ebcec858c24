#pragma once

/// @file
/// Reads Python pickles as inert trees: nothing in them is imported, called or built.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wishart/core/error.hpp"

namespace wishart::checkpoint {

/// A value of a pickle: an index into its nodes.
using PickleRef = std::uint32_t;

/// The tree that one pickle describes (Python, Lib/pickletools.py; protocols 2 to 5).
///
/// What a pickle would call appears in the tree as an `object` with the name of the callee and its
/// arguments. The user of the tree interprets it by name. Memory is a small multiple of the bytes:
/// each opcode makes at most three nodes, and no length is trusted.
class Pickle {
public:
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,      ///< of 64 bits
    big_integer,  ///< longer ones, as bytes
    real,
    text,
    bytes,
    tuple,
    list,
    set,
    dict,
    symbol,      ///< the name of a class or function
    object,      ///< what a call would have created
    persistent,  ///< a reference to something outside the pickle
  };
  static constexpr PickleRef kNone = 0;  ///< a node of Kind::none
  static constexpr std::int64_t kMaxBytes = std::int64_t{2} << 30;
  static constexpr std::size_t kMaxNodes = 200'000'000;
  static constexpr std::size_t kMaxSymbolBytes = 1024;  ///< of `module.name`

  /// Reads the pickle at the start of `bytes`; more may follow it.
  /// @throws Error with Blame::input that begins with `place`; PickleCutShort if the bytes end too
  /// early
  Pickle(std::string bytes, std::string place, std::size_t max_nodes = kMaxNodes);

  /// Bytes of the pickle, its STOP included.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return end_; }
  /// Nodes are 0, 1, ... below this.
  [[nodiscard]] PickleRef num_nodes() const noexcept {
    return static_cast<PickleRef>(nodes_.size());
  }
  [[nodiscard]] PickleRef top() const noexcept { return top_; }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }

  [[nodiscard]] Kind kind(PickleRef node) const { return nodes_[node].kind; }
  /// These return an empty view or vector, nothing, or kNone if the node is of another kind.
  [[nodiscard]] std::string_view text(PickleRef node) const;  ///< of text and bytes
  [[nodiscard]] std::optional<std::int64_t> integer(PickleRef node) const;
  [[nodiscard]] std::optional<double> real(PickleRef node) const;  ///< of integers too
  [[nodiscard]] bool is_true(PickleRef node) const;
  /// The items of a tuple, list or set; the keys and values of a dict in turn; for an object, what
  /// was appended to it, or its keys and values. The first `most` of them: many places may refer to
  /// a long one.
  [[nodiscard]] std::vector<PickleRef> items(PickleRef node, std::size_t most = SIZE_MAX) const;
  /// `module.name` of a symbol, or of what an object would call; empty for other nodes.
  [[nodiscard]] std::string name(PickleRef node) const;
  [[nodiscard]] PickleRef callee(PickleRef object) const;
  [[nodiscard]] PickleRef arguments(PickleRef object) const;
  /// What BUILD would have given to the object.
  [[nodiscard]] PickleRef state(PickleRef object) const;
  /// The id of a persistent reference.
  [[nodiscard]] PickleRef persistent_id(PickleRef node) const;
  /// The value of a text key of a dict or of an object's state. If the key appears twice, the last
  /// one counts. On one thread at a time: large dicts are indexed when first asked.
  [[nodiscard]] PickleRef value(PickleRef dict, std::string_view key) const;

private:
  friend class PickleMachine;
  [[nodiscard]] PickleRef indexed_value(PickleRef dict, const std::string& key) const;

  struct Node {
    std::int64_t value = 0;  // integer, bits of a real, position of text, index of children
    std::uint32_t a = 0;     // length of text, number of children, first chunk, callee
    std::uint32_t b = 0;     // last chunk
    Kind kind = Kind::none;
  };
  struct Chunk {  // a run of children; lists grow by runs
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
    std::uint32_t next = 0;  // + 1
  };
  struct Object {
    PickleRef callee = kNone;
    PickleRef arguments = kNone;
    PickleRef state = kNone;
  };

  std::string bytes_;
  std::string place_;
  std::vector<Node> nodes_;
  std::vector<PickleRef> children_;
  std::vector<Chunk> chunks_;
  std::vector<Object> objects_;
  mutable std::unordered_map<PickleRef, std::unordered_map<std::string, PickleRef>> indices_;
  PickleRef top_ = kNone;
  std::size_t end_ = 0;
};

/// Thrown if the bytes end before the pickle does.
class PickleCutShort : public Error {
public:
  explicit PickleCutShort(const std::string& text) : Error(Blame::input, text) {}
};

}  // namespace wishart::checkpoint
