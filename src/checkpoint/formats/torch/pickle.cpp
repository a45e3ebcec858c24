#include "formats/torch/pickle.hpp"

#include <bit>

namespace wishart::checkpoint {

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

std::vector<PickleRef> Pickle::items(PickleRef node) const {
  const Node& n = nodes_[node];
  std::vector<PickleRef> result;
  if (n.kind == Kind::tuple) {
    const auto begin = children_.begin() + n.value;
    result.assign(begin, begin + n.a);
  } else if (n.kind == Kind::list || n.kind == Kind::set || n.kind == Kind::dict ||
             n.kind == Kind::object) {
    for (std::uint32_t at = n.a; at != 0;) {
      const Chunk& chunk = chunks_[at - 1];
      const auto begin = children_.begin() + chunk.begin;
      result.insert(result.end(), begin, begin + chunk.count);
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
  const std::vector<PickleRef> pairs = items(dict);
  PickleRef found = kNone;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (kind(pairs[i]) == Kind::text && text(pairs[i]) == key) found = pairs[i + 1];
  }
  return found;
}

}  // namespace wishart::checkpoint
