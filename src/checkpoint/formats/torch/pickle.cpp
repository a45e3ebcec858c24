#include "formats/torch/pickle.hpp"

#include <algorithm>
#include <bit>

namespace wishart::checkpoint {
namespace {

/// Dicts of more keys and values are indexed, by keys up to `kIndexedBytes`.
constexpr std::size_t kSearchedItems = 128;
constexpr std::size_t kIndexedBytes = 256;

}  // namespace

std::string_view Pickle::text(PickleRef node) const {
  const Node& n = nodes_[node];
  if (n.kind != Kind::text && n.kind != Kind::bytes) return {};
  return std::string_view(bytes_).substr(static_cast<std::size_t>(n.value), n.a);
}

std::optional<std::int64_t> Pickle::integer(PickleRef node) const {
  const Node& n = nodes_[node];
  if (n.kind != Kind::integer) return std::nullopt;
  return n.value;
}

std::optional<double> Pickle::real(PickleRef node) const {
  const Node& n = nodes_[node];
  if (n.kind == Kind::integer) return static_cast<double>(n.value);
  if (n.kind != Kind::real) return std::nullopt;
  return std::bit_cast<double>(n.value);
}

bool Pickle::is_true(PickleRef node) const {
  return nodes_[node].kind == Kind::boolean && nodes_[node].value != 0;
}

std::vector<PickleRef> Pickle::items(PickleRef node, std::size_t most) const {
  const Node& n = nodes_[node];
  std::vector<PickleRef> result;
  const auto add = [&](std::int64_t first, std::uint32_t count) {
    const auto begin = children_.begin() + first;
    const std::size_t taken = std::min<std::size_t>(count, most - result.size());
    result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(taken));
  };
  if (n.kind == Kind::tuple) {
    add(n.value, n.a);
  } else if (n.kind == Kind::list || n.kind == Kind::set || n.kind == Kind::dict ||
             n.kind == Kind::object) {
    for (std::uint32_t at = n.a; at != 0 && result.size() < most;) {
      const Chunk& chunk = chunks_[at - 1];
      add(chunk.begin, chunk.count);
      at = chunk.next;
    }
  }
  return result;
}

std::string Pickle::name(PickleRef node) const {
  if (nodes_[node].kind == Kind::object) node = callee(node);
  const Node& n = nodes_[node];
  if (n.kind != Kind::symbol) return {};
  return std::string(text(n.a)) + "." + std::string(text(n.b));
}

PickleRef Pickle::callee(PickleRef object) const {
  const Node& n = nodes_[object];
  return n.kind == Kind::object ? objects_[static_cast<std::size_t>(n.value)].callee : kNone;
}

PickleRef Pickle::arguments(PickleRef object) const {
  const Node& n = nodes_[object];
  return n.kind == Kind::object ? objects_[static_cast<std::size_t>(n.value)].arguments : kNone;
}

PickleRef Pickle::state(PickleRef object) const {
  const Node& n = nodes_[object];
  return n.kind == Kind::object ? objects_[static_cast<std::size_t>(n.value)].state : kNone;
}

PickleRef Pickle::persistent_id(PickleRef node) const {
  const Node& n = nodes_[node];
  return n.kind == Kind::persistent ? n.a : kNone;
}

PickleRef Pickle::value(PickleRef dict, std::string_view key) const {
  if (kind(dict) != Kind::dict && kind(dict) != Kind::object) return kNone;
  // Many objects may share a dict: a large one is not searched for each of them.
  std::vector<PickleRef> pairs = items(dict, kSearchedItems + 1);
  if (pairs.size() > kSearchedItems) {
    if (key.size() <= kIndexedBytes) return indexed_value(dict, std::string(key));
    pairs = items(dict);
  }
  PickleRef found = kNone;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (kind(pairs[i]) == Kind::text && text(pairs[i]) == key) found = pairs[i + 1];
  }
  return found;
}

PickleRef Pickle::indexed_value(PickleRef dict, const std::string& key) const {
  const auto [index, is_new] = indices_.try_emplace(dict);
  if (is_new) {
    const std::vector<PickleRef> pairs = items(dict);
    for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
      const std::string_view name = text(pairs[i]);
      if (kind(pairs[i]) != Kind::text || name.size() > kIndexedBytes) continue;
      index->second.insert_or_assign(std::string(name), pairs[i + 1]);
    }
  }
  const auto found = index->second.find(key);
  return found == index->second.end() ? kNone : found->second;
}

}  // namespace wishart::checkpoint
