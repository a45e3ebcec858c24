#include "formats/onnx/onnx_file.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"
#include "wishart/core/system_failure.hpp"
#include "wishart/core/text.hpp"

#include "bytes/wire_reader.hpp"
#include "formats/common/weight_names.hpp"
#include "formats/onnx/onnx_quantised.hpp"
#include "formats/onnx/onnx_tensor.hpp"
#include "formats/onnx/onnx_variants.hpp"
#include "text/json_scanner.hpp"
#include "text/name_budget.hpp"

// Numbers of fields: ONNX, onnx.proto3.

namespace wishart::checkpoint {
namespace {

constexpr int kMaxDepth = 32;  // of graphs in graphs

/// Fields of ModelProto and GraphProto.
constexpr std::uint64_t kGraph = 7;
constexpr std::uint64_t kNode = 1;
constexpr std::uint64_t kInitializer = 5;

class OnnxReader {
public:
  explicit OnnxReader(const std::filesystem::path& path)
      : input_(path),
        bytes_(input_, printable(path.string())),
        tensors_(bytes_, path.parent_path()),
        names_(printable(path.string()), input_.size_bytes()) {
    file_.source.name = path.filename().string();
    file_.source.size_bytes = input_.size_bytes();
    file_.source.mtime_ns = input_.mtime_ns();
  }

  OnnxFile read() {
    std::optional<ByteRange> graph;
    WireMessage model(bytes_, {0, bytes_.size_bytes()});
    for (WireField field; model.next(field);) {
      if (field.number != kGraph || field.kind != WireField::Kind::bytes) continue;
      if (graph) bytes_.fail("expected one graph, found another");
      graph = field.range;
    }
    if (!graph) bytes_.fail("expected an ONNX model with a graph, found none");
    read_graph(*graph, {""}, 0);
    list_values();
    if (file_.tensors.empty() && file_.left_out.empty()) {
      bytes_.fail("expected initializers or constants, found none");
    }
    file_.data_files = tensors_.take_data_files();
    file_.source.header_hash = hash_hex(seen_);
    return std::move(file_);
  }

private:
  /// Names of a graph begin with a prefix: none for the model's own, `loop.body.` for that in the
  /// attribute `body` of the node `loop`. The last of `scopes` is that of the graph; the others are
  /// of those around it, whose names it sees.
  using Scopes = std::vector<std::string>;

  void read_graph(ByteRange range, const Scopes& scopes, int depth) {
    if (depth > kMaxDepth) bytes_.fail("its graphs are nested too deep");
    std::vector<OnnxNode> nodes;
    WireMessage fields(bytes_, range);
    for (WireField field; fields.next(field);) {
      if (field.kind != WireField::Kind::bytes) continue;
      if (field.number == kInitializer) add(field.range, scopes.back(), "");
      if (field.number == kNode) read_node(field.range, scopes, nodes);
    }
    const FindOnnxValue find = [&](const std::string& name) { return find_value(name, scopes); };
    const auto refuse = [&](const std::string& weight, const std::string& what) {
      bytes_.fail("initializer " + in_quotes(weight, 100) + ": " + what);
    };
    for (const OnnxNode& node : nodes) {
      const std::string label =
          node.name.empty() ? node.outputs.empty() ? node.op : node.outputs[0] : node.name;
      for (const auto& [attribute, graph] : node.graphs) {
        for (const std::string& outer : scopes) names_.take(outer.size());
        names_.take_name(scopes.back().size() + label.size() + attribute.size() + 2);
        Scopes inner = scopes;
        std::string scope = scopes.back();
        scope.append(label).append(".").append(attribute).append(".");
        inner.push_back(std::move(scope));
        read_graph(graph, inner, depth + 1);
      }
      if (node.op == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1) {
        if (OnnxValue* same = find_value(node.inputs[0], scopes)) {
          names_.take_name(scopes.back().size() + node.outputs[0].size());
          by_name_.emplace(scopes.back() + node.outputs[0], same);
        }
      }
      if (auto weight = onnx_quantised(node, find, file_.left_out, refuse)) {
        made_.push_back(std::move(*weight));
      }
    }
  }

  /// Keeps a node, or the numbers of a constant.
  void read_node(ByteRange range, const Scopes& scopes, std::vector<OnnxNode>& nodes) {
    OnnxNode node = read_onnx_node(bytes_, range);
    if (node.op != "Constant" || node.outputs.size() != 1) return nodes.push_back(std::move(node));
    for (const auto& [attribute, tensor] : node.tensors) {
      if (attribute == "value") add(tensor, scopes.back(), node.outputs[0]);
    }
  }

  [[nodiscard]] OnnxValue* find_value(const std::string& name, const Scopes& scopes) {
    for (std::size_t s = scopes.size(); s-- > 0;) {
      names_.take(scopes[s].size());
      if (const auto found = by_name_.find(scopes[s] + name); found != by_name_.end()) {
        return found->second;
      }
    }
    return nullptr;
  }

  /// Adds an initializer, or the constant that a node calls `output`.
  void add(ByteRange range, const std::string& prefix, const std::string& output) {
    OnnxValue& value = values_.emplace_back(tensors_.read(range, prefix, output));
    const Tensor& tensor = value.tensor;
    names_.take_name(tensor.name.size());
    if (!by_name_.emplace(tensor.name, &value).second) tensors_.fail(tensor, "appears twice");
    if (!value.why_not.empty()) return;
    seen_ += hash_hex(tensor.name + '\n' + shape_text(tensor.shape) + '\n' +
                      std::to_string(tensor.offset_bytes) + '\n' + std::to_string(value.type));
  }

  /// Lists what is no part of a quantised weight, and the quantised weights.
  void list_values() {
    std::unordered_set<std::string> names;
    for (OnnxValue& value : values_) {
      if (value.is_used) continue;
      Tensor& tensor = value.tensor;
      // Graphs have constants by the hundred that are sizes, axes and single numbers.
      const bool small =
          tensor.num_elements <= 1 || (tensor.shape.size() < 2 && !is_weight_dtype(tensor.dtype));
      if (value.is_constant && small) continue;
      names.insert(tensor.name);
      if (value.why_not.empty() && packed_bits(value.type) > 0) {
        value.why_not = "codes of " + value.type_name + " that no DequantizeLinear reads";
      }
      if (value.why_not.empty()) {
        file_.tensors.push_back(std::move(tensor));
        continue;
      }
      tensor.stored_as = "ONNX " + value.type_name;
      tensor.size_bytes = 0;
      file_.left_out.push_back({std::move(tensor), "encoding-not-read", std::move(value.why_not)});
    }
    for (Tensor& weight : made_) {
      std::string name = onnx_plain_name(weight.name);
      if (names.insert(name).second) weight.name = std::move(name);
      file_.tensors.push_back(std::move(weight));
    }
  }

  InputFile input_;
  WireBytes bytes_;
  OnnxTensors tensors_;
  NameBudget names_;
  OnnxFile file_;
  std::deque<OnnxValue> values_;  // in the order of the file; do not move
  std::unordered_map<std::string, OnnxValue*> by_name_;
  std::vector<Tensor> made_;  // the quantised weights
  std::string seen_;          ///< hashes of the descriptions of tensors
};

}  // namespace

OnnxFile read_onnx_file(const std::filesystem::path& path) { return OnnxReader(path).read(); }

namespace {

constexpr std::string_view kEndings[] = {".onnx"};

Weights read_weights(const std::filesystem::path& path) {
  OnnxFile file = read_onnx_file(path);
  Weights weights = take_weights(file);
  std::move(file.data_files.begin(), file.data_files.end(), std::back_inserter(weights.files));
  return weights;
}

FolderContent classify(const std::vector<std::string>& names) {
  FolderContent content = classify_files(onnx_format(), names);
  if (content.kind != FolderContent::Kind::several && content.kind != FolderContent::Kind::files) {
    return content;
  }
  content.variants = onnx_variants(content.weights);
  if (content.variants.empty()) return content;
  content.kind = FolderContent::Kind::files;
  content.weights = {content.variants.front().file};
  return content;
}

/// Hubs keep exported models in a folder of their own.
std::string find_inside(const std::filesystem::path& folder,
                        const std::vector<std::string>& names) {
  return has_name(names, "onnx") && is_folder(folder / "onnx") ? "onnx" : "";
}

}  // namespace

const Format& onnx_format() {
  static constexpr Format kFormat{.name = "onnx",
                                  .endings = kEndings,
                                  .any_name = true,
                                  .classify = classify,
                                  .find_inside = find_inside,
                                  .read_file = read_weights};
  return kFormat;
}

}  // namespace wishart::checkpoint
