#include <cstring>
#include <filesystem>
#include <span>
#include <utility>

#include "wishart/core/error.hpp"
#include "wishart/core/file.hpp"
#include "wishart/core/text.hpp"

#include "quantised/made_weight.hpp"
#include "quantised/schemes.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

constexpr std::int64_t kMaxSmallBytes = 1 << 16;

}  // namespace

QuantisedParts::QuantisedParts(const Catalogue& catalogue, const Declared& declared,
                               const HeaderEntries& entries)
    : catalogue_(&catalogue), declared_(&declared) {
  for (const Tensor& tensor : catalogue.tensors) by_name_.emplace(tensor.name, &tensor);
  const bool torchao = declared.method == method::kTorchao;
  for (const auto& entry : entries) {
    if (torchao || entry.first.ends_with(kHqqCodes)) headers_.insert(entry);
  }
}

const Tensor* QuantisedParts::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() || used_.contains(name) ? nullptr : found->second;
}

Tensor QuantisedParts::take(const std::string& name, const std::string& weight) {
  const Tensor* tensor = find(name);
  if (tensor == nullptr) fail(weight, "expected " + in_quotes(name) + " beside it, found none");
  used_.insert(name);
  recent_.push_back(name);
  Tensor part = *tensor;
  part.name.clear();  // parts are sent to every rank
  return part;
}

std::vector<std::string> QuantisedParts::give_back() {
  for (const std::string& name : recent_) used_.erase(name);
  return std::exchange(recent_, {});
}

JsonFacts QuantisedParts::header_of(const std::string& name) const {
  const auto found = headers_.find(name);
  if (found == headers_.end()) return {};
  // The file is that of the codes, which torchao names after the weight.
  const std::size_t last = name.rfind('.') + 1;  // 0 without a dot
  const std::string codes = name.substr(0, last) + "_" + name.substr(last) + "_qdata";
  auto part = by_name_.find(name);
  if (part == by_name_.end()) part = by_name_.find(codes);
  std::filesystem::path file = catalogue_->root;
  if (part != by_name_.end()) {
    file /= catalogue_->files[static_cast<std::size_t>(part->second->file)].name;
  }
  return JsonFacts(found->second, printable(file.string()) + ": header of " + in_quotes(name));
}

std::string QuantisedParts::bytes(const Tensor& tensor) const {
  const bool compressed = tensor.deflated.size_bytes > 0;
  if (!tensor.is_dense() || compressed || tensor.size_bytes > kMaxSmallBytes) return {};
  const SourceFile& source = catalogue_->files[static_cast<std::size_t>(tensor.file)];
  const InputFile file(catalogue_->root / source.name);
  std::string result(static_cast<std::size_t>(tensor.size_bytes), '\0');
  file.read(tensor.offset_bytes, std::as_writable_bytes(std::span(result)));
  return result;
}

void QuantisedParts::fail(const std::string& weight, const std::string& what) const {
  throw Error(Blame::input, printable(catalogue_->root.string()) + ": quantised tensor " +
                                in_quotes(weight) + ": " + what);
}

std::string stem_of(const std::string& name, std::string_view ending) {
  if (!name.ends_with(ending) || name.size() == ending.size()) return {};
  return name.substr(0, name.size() - ending.size());
}

std::string shapes_text(const Tensor& a, const Tensor& b) {
  return printable(shape_text(a.shape), 60) + " and " + printable(shape_text(b.shape), 60);
}

std::optional<Tensor> column_factors(QuantisedParts& parts, const std::string& weight,
                                     const std::string& stem, std::int64_t cols) {
  const std::string module = stem_of(weight, ".weight");
  std::string name = module.empty() ? "" : module + ".pre_quant_scale";
  if (name.empty() || parts.find(name) == nullptr) name = stem + "_act_pre_scale";
  if (parts.find(name) == nullptr) return std::nullopt;
  Tensor factors = parts.take(name, weight);
  if ((kFloats & only(factors.dtype)) == 0 || factors.num_elements != cols) {
    parts.fail(weight, "expected a factor for each of its " + std::to_string(cols) +
                           " columns, found shape " + printable(shape_text(factors.shape), 60));
  }
  return factors;
}

void check_original_shape(QuantisedParts& parts, const std::string& weight, const Shape& shape) {
  const std::string name = weight + ".original_shape";
  if (parts.find(name) == nullptr) return;
  const Tensor told = parts.take(name, weight);
  const std::string raw = parts.bytes(told);
  Shape sizes(raw.size() / sizeof(std::int64_t));
  std::memcpy(sizes.data(), raw.data(), sizes.size() * sizeof(std::int64_t));
  if (told.dtype == Dtype::i64 && sizes == shape) return;
  parts.fail(weight, "expected its shape " + printable(shape_text(shape), 60) + " in " +
                         in_quotes(name) + ", found " +
                         (told.dtype == Dtype::i64 ? printable(shape_text(sizes), 60)
                                                   : std::string(dtype_name(told.dtype))));
}

Tensor with_low_rank(QuantisedParts& parts, Tensor weight) {
  const std::string name = weight.name;
  const std::string module = stem_of(name, ".weight");
  const std::string a_name = module + ".svdquant_lora_a";
  const std::string b_name = module + ".svdquant_lora_b";
  if (module.empty()) return weight;
  const bool told = modelopt_algorithm(parts, name) == "NVFP4_SVD" && weight.stored_as == "NVFP4";
  if (!told && parts.find(a_name) == nullptr && parts.find(b_name) == nullptr) return weight;
  Tensor a = parts.take(a_name, name);
  Tensor b = parts.take(b_name, name);
  const bool floats = (kFloats & only(a.dtype)) != 0 && (kFloats & only(b.dtype)) != 0;
  if (!floats || a.shape.size() != 2 || b.shape.size() != 2 || weight.shape.size() != 2 ||
      a.shape[1] != weight.shape[1] || b.shape[0] != weight.shape[0] || a.shape[0] != b.shape[1]) {
    parts.fail(name, "its factors of low rank have shapes " + shapes_text(b, a));
  }
  const CodesLayout layout = codes_layout(weight.numbers);
  if (layout.column >= 0) {
    CodesLayout scaled;
    scaled.rows = scaled.block_rows = a.shape[0];
    scaled.cols = scaled.block_cols = a.shape[1];
    scaled.column = 1;
    const Shape shape = a.shape;
    a = encoded_tensor("", shape, Encoding::codes,
                       {a, weight.parts[static_cast<std::size_t>(layout.column)]},
                       numbers_of(scaled), "");
  }
  const std::string stored =
      weight.stored_as + " and factors of rank " + std::to_string(b.shape[1]);
  const Shape shape = weight.shape;
  Tensor product =
      encoded_tensor("", shape, Encoding::product, {std::move(b), std::move(a)}, {}, "");
  weight.name.clear();
  return encoded_tensor(name, shape, Encoding::sum, {std::move(weight), std::move(product)}, {},
                        stored);
}

}  // namespace wishart::checkpoint
