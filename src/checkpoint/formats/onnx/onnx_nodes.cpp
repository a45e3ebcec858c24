#include "formats/onnx/onnx_nodes.hpp"

#include <optional>

// Fields: ONNX, onnx.proto3 (NodeProto, AttributeProto).

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kMaxNameBytes = 65535;

void read_attribute(WireBytes& bytes, ByteRange range, OnnxNode& node) {
  using Kind = WireField::Kind;
  std::string name;
  std::optional<std::int64_t> integer;
  std::vector<ByteRange> tensors;
  std::vector<ByteRange> graphs;
  WireMessage fields(bytes, range);
  for (WireField field; fields.next(field);) {
    const bool is_bytes = field.kind == Kind::bytes;
    if (field.number == 1 && is_bytes) {
      name = bytes.text(field.range, kMaxNameBytes, "the name of an attribute");
    } else if (field.number == 3 && field.kind == Kind::varint) {
      integer = static_cast<std::int64_t>(field.value);
    } else if (field.number == 5 && is_bytes) {
      tensors.push_back(field.range);
    } else if ((field.number == 6 || field.number == 11) && is_bytes) {
      graphs.push_back(field.range);
    }
  }
  if (integer) node.integers[name] = *integer;
  for (const ByteRange tensor : tensors) node.tensors.emplace_back(name, tensor);
  for (std::size_t g = 0; g < graphs.size(); ++g) {
    node.graphs.emplace_back(graphs.size() == 1 ? name : name + "." + std::to_string(g), graphs[g]);
  }
}

}  // namespace

OnnxNode read_onnx_node(WireBytes& bytes, ByteRange range) {
  OnnxNode node;
  WireMessage fields(bytes, range);
  for (WireField field; fields.next(field);) {
    if (field.kind != WireField::Kind::bytes) continue;
    const auto text = [&] { return bytes.text(field.range, kMaxNameBytes, "a name in a node"); };
    switch (field.number) {
      case 1:
        node.inputs.push_back(text());
        break;
      case 2:
        node.outputs.push_back(text());
        break;
      case 3:
        node.name = text();
        break;
      case 4:
        node.op = text();
        break;
      case 5:
        read_attribute(bytes, field.range, node);
        break;
      case 7:
        node.domain = text();
        break;
      default:
        break;
    }
  }
  return node;
}

}  // namespace wishart::checkpoint
