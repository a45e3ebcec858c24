#include <algorithm>
#include <array>
#include <numeric>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "formats/torch/torch_tree.hpp"
#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

using Kind = Pickle::Kind;

constexpr std::size_t kMaxRank = 64;  // PyTorch, c10/core/TensorImpl.h: MAX_DIMS of a kernel

/// An expanded tensor repeats elements. Without this limit, a small file could cause endless work.
constexpr std::int64_t kMaxRepeated = std::int64_t{1} << 20;

/// Of calls and of lists of integers. Many tensors may refer to one, which is read for each of
/// them.
constexpr std::size_t kMaxArguments = 1024;
constexpr std::size_t kMaxKeyBytes = 1024;  // of storages, which PyTorch numbers

struct NamedDtype {
  std::string_view torch;    ///< torch.bfloat16
  std::string_view storage;  ///< torch.BFloat16Storage
  Dtype dtype;
};

/// PyTorch, torch/storage.py: the storage classes and their dtypes.
constexpr std::array<NamedDtype, 20> kDtypes{{
    {"float64", "DoubleStorage", Dtype::f64},
    {"float32", "FloatStorage", Dtype::f32},
    {"float16", "HalfStorage", Dtype::f16},
    {"bfloat16", "BFloat16Storage", Dtype::bf16},
    {"float8_e4m3fn", "", Dtype::f8_e4m3},
    {"float8_e5m2", "", Dtype::f8_e5m2},
    {"float8_e4m3fnuz", "", Dtype::f8_e4m3fnuz},
    {"float8_e5m2fnuz", "", Dtype::f8_e5m2fnuz},
    {"float8_e8m0fnu", "", Dtype::f8_e8m0},
    {"int64", "LongStorage", Dtype::i64},
    {"int32", "IntStorage", Dtype::i32},
    {"int16", "ShortStorage", Dtype::i16},
    {"int8", "CharStorage", Dtype::i8},
    {"uint8", "ByteStorage", Dtype::u8},
    {"bool", "BoolStorage", Dtype::boolean},
    {"uint16", "", Dtype::u16},
    {"uint32", "", Dtype::u32},
    {"uint64", "", Dtype::u64},
    {"complex64", "ComplexFloatStorage", Dtype::c64},
    {"uint8", "UntypedStorage", Dtype::u8},
}};

/// Storages of quantised tensors, which are not supported, with types of the same element size. In
/// old files the size is needed to find the storages that follow.
constexpr std::array<NamedDtype, 5> kSizesOnly{{
    {"", "QInt8Storage", Dtype::i8},
    {"", "QUInt8Storage", Dtype::u8},
    {"", "QInt32Storage", Dtype::i32},
    {"", "QUInt4x2Storage", Dtype::u8},
    {"", "QUInt2x4Storage", Dtype::u8},
}};

/// Functions that make a tensor from storage, offset, size and stride.
constexpr std::array<std::string_view, 3> kRebuild{"torch._utils._rebuild_tensor_v2",
                                                   "torch._utils._rebuild_tensor",
                                                   "torch._utils._rebuild_tensor_v3"};
/// Functions that return the tensor given as their first argument.
constexpr std::array<std::string_view, 2> kPassOn{"torch._utils._rebuild_parameter",
                                                  "torch._utils._rebuild_parameter_with_state"};
/// Tensors that are not dense numbers: skipped with a warning.
constexpr std::array<std::string_view, 6> kOtherKinds{
    "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_sparse_csr_tensor",
    "torch._utils._rebuild_nested_tensor",
    "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_wrapper_subclass"};

/// The text after `torch.` or `torch.storage.`.
std::string_view in_torch(std::string_view name) {
  for (const std::string_view prefix : {"torch.storage.", "torch.cuda.", "torch."}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return {};
}

[[noreturn]] void refuse(const Pickle& pickle, std::string_view name, const std::string& what) {
  throw Error(Blame::input, pickle.place() + ": tensor " + in_quotes(name) + what);
}

/// True if one of a call's arguments is a storage, up to two levels down; `left` more of them are
/// looked at.
bool takes_storage(const Pickle& pickle, PickleRef arguments, int depth, std::size_t& left) {
  const Kind kind = pickle.kind(arguments);
  if (kind == Kind::persistent) return true;
  if (kind != Kind::tuple || depth == 0) return false;
  const std::vector<PickleRef> items = pickle.items(arguments, left);
  left -= items.size();
  return std::any_of(items.begin(), items.end(),
                     [&](PickleRef item) { return takes_storage(pickle, item, depth - 1, left); });
}

/// The persistent id of a storage: ('storage', class, key, location, count[, view]); empty if it
/// refers to something else.
std::vector<PickleRef> storage_id(const Pickle& pickle, PickleRef node) {
  std::vector<PickleRef> id = pickle.items(pickle.persistent_id(node), kMaxArguments);
  if (id.size() < 5 || pickle.text(id[0]) != "storage") id.clear();
  return id;
}

/// @param size_only  only the size of the elements is needed
void read_storage(const Pickle& pickle, PickleRef node, TorchTensor& tensor,
                  bool size_only = false) {
  const std::vector<PickleRef> id = storage_id(pickle, node);
  if (id.empty()) refuse(pickle, tensor.name, ": expected a storage, found another reference");
  const std::string storage_class = pickle.name(id[1]);
  const std::string_view storage = in_torch(storage_class);
  const auto is_it = [&](const NamedDtype& d) { return !storage.empty() && d.storage == storage; };
  const auto* known = std::find_if(kDtypes.begin(), kDtypes.end(), is_it);
  bool found = known != kDtypes.end();
  if (!found && size_only) {
    known = std::find_if(kSizesOnly.begin(), kSizesOnly.end(), is_it);
    found = known != kSizesOnly.end();
  }
  if (!found) {
    refuse(
        pickle, tensor.name,
        " is in a storage of class " + printable(storage_class, 100) + ", which is not supported");
  }
  tensor.dtype = known->dtype;
  const std::string_view key = pickle.text(id[2]);
  if (key.size() > kMaxKeyBytes) {
    refuse(pickle, tensor.name,
           ": expected a storage with a name of at most " + std::to_string(kMaxKeyBytes) +
               " bytes, found one of " + std::to_string(key.size()));
  }
  tensor.storage_key = key;
  const std::optional<std::int64_t> count = pickle.integer(id[4]);
  const auto bytes = count ? checked_product(*count, dtype_bits(tensor.dtype) / 8) : std::nullopt;
  if (!bytes || *bytes < 0) refuse(pickle, tensor.name, ": its storage has no length");
  tensor.storage_bytes = *bytes;
  // Before 1.6 a view of a storage: (key, offset, length) of elements.
  const std::vector<PickleRef> view =
      id.size() > 5 ? pickle.items(id[5], 4) : std::vector<PickleRef>{};
  if (view.size() == 3) tensor.storage_offset = pickle.integer(view[1]).value_or(-1);
}

std::optional<TorchTensor> rebuilt(const Pickle& pickle, PickleRef arguments,
                                   std::string_view callee, std::string_view name) {
  const std::vector<PickleRef> args = pickle.items(arguments, kMaxArguments);
  TorchTensor tensor;
  tensor.name = name;
  if (args.size() < 4 || pickle.kind(args[0]) != Kind::persistent) {
    refuse(pickle, name, ": expected storage, offset, size and stride, found something else");
  }
  read_storage(pickle, args[0], tensor);
  if (callee.ends_with("_v3")) {
    const std::string dtype = args.size() > 6 ? pickle.name(args[6]) : "";
    const auto known = torch_dtype(in_torch(dtype));
    if (!known)
      refuse(pickle, name, " has the dtype " + in_quotes(dtype, 60) + ", which is not supported");
    tensor.dtype = *known;
  }
  const auto offset = pickle.integer(args[1]);
  const auto shape = pickle_integers(pickle, args[2]);
  const auto strides = pickle_integers(pickle, args[3]);
  if (!offset || !shape || !strides || shape->size() != strides->size()) {
    refuse(pickle, name, ": offset, size and stride are not the numbers of a tensor");
  }
  const auto whole = checked_sum(tensor.storage_offset, *offset);
  if (tensor.storage_offset < 0 || *offset < 0 || !whole) {
    refuse(pickle, name, " starts before the beginning of its storage");
  }
  tensor.storage_offset = *whole;
  tensor.shape = *shape;
  tensor.strides = *strides;
  return tensor;
}

/// True for row-major strides; those of dimensions of size 1 do not matter.
bool is_row_major(const TorchTensor& tensor) {
  std::int64_t expected = 1;
  for (std::size_t d = tensor.shape.size(); d-- > 0;) {
    if (tensor.shape[d] != 1 && tensor.strides[d] != expected) return false;
    expected *= tensor.shape[d];
  }
  return true;
}

}  // namespace

std::vector<TorchStorage> torch_storages(const Pickle& pickle) {
  std::vector<TorchStorage> storages;
  for (PickleRef node = 0; node < pickle.num_nodes(); ++node) {
    if (pickle.kind(node) != Kind::persistent) continue;
    const std::vector<PickleRef> id = storage_id(pickle, node);
    if (id.empty()) continue;
    TorchTensor tensor;
    tensor.name = "of storage " + std::string(pickle.text(id[2]).substr(0, kMaxKeyBytes));
    read_storage(pickle, node, tensor, true);
    storages.push_back({tensor.storage_key, tensor.dtype, tensor.storage_bytes});
  }
  return storages;
}

std::optional<Dtype> torch_dtype(std::string_view name) {
  const auto* known = std::find_if(kDtypes.begin(), kDtypes.end(),
                                   [&](const NamedDtype& d) { return d.torch == name; });
  if (known == kDtypes.end()) return std::nullopt;
  return known->dtype;
}

std::optional<std::vector<std::int64_t>> pickle_integers(const Pickle& pickle, PickleRef node) {
  if (pickle.name(node) == "torch.Size") {
    const std::vector<PickleRef> arguments = pickle.items(pickle.arguments(node), 2);
    if (arguments.size() != 1) return std::nullopt;
    node = arguments[0];
  }
  if (pickle.kind(node) != Kind::tuple && pickle.kind(node) != Kind::list) return std::nullopt;
  std::vector<std::int64_t> values;
  const std::vector<PickleRef> items = pickle.items(node, kMaxArguments + 1);
  if (items.size() > kMaxArguments) return std::nullopt;
  for (const PickleRef item : items) {
    const std::optional<std::int64_t> value = pickle.integer(item);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<TorchTensor> torch_tensor(const Pickle& pickle, PickleRef node, std::string_view name,
                                        std::vector<std::string>& warnings) {
  for (int depth = 0; depth < 8; ++depth) {
    if (pickle.kind(node) != Kind::object) return std::nullopt;
    const std::string callee = pickle.name(node);
    const PickleRef arguments = pickle.arguments(node);
    const std::vector<PickleRef> args = pickle.items(arguments, kMaxArguments + 1);
    if (args.size() > kMaxArguments) {
      refuse(pickle, name,
             ": expected at most " + std::to_string(kMaxArguments) + " arguments of " +
                 printable(callee, 100) + ", found more");
    }
    std::size_t looked_at = kMaxArguments;
    if (is_one_of(callee, kRebuild)) return rebuilt(pickle, arguments, callee, name);
    if (is_one_of(callee, kOtherKinds)) {
      warnings.push_back(pickle.place() + ": tensor " + in_quotes(name) + " is built by " + callee +
                         ". It is not a dense tensor and is skipped");
      return std::nullopt;
    }
    if (is_one_of(callee, kPassOn) && !args.empty()) {
      node = args[0];
    } else if (callee == "torch._tensor._rebuild_from_type_v2" && args.size() >= 3) {
      // function, type, arguments, state: a tensor of a subclass, or with attributes.
      const std::string function = pickle.name(args[0]);
      if (is_one_of(function, kRebuild)) return rebuilt(pickle, args[2], function, name);
      refuse(pickle, name, " is built by " + printable(function, 100) + ", which is not supported");
    } else if (takes_storage(pickle, arguments, 2, looked_at)) {
      refuse(pickle, name, " is built by " + printable(callee, 100) + ", which is not supported");
    } else {
      return std::nullopt;
    }
  }
  refuse(pickle, name, " is wrapped more than 8 times");
}

Tensor placed(const TorchTensor& tensor, std::int32_t file, std::int64_t storage_offset_bytes,
              std::int64_t storage_bytes, const std::string& place) {
  const auto fail = [&](const std::string& what) {
    throw Error(Blame::input, place + ": tensor " + in_quotes(tensor.name) + what);
  };
  if (tensor.shape.size() > kMaxRank) {
    fail(" has " + std::to_string(tensor.shape.size()) + " dimensions, expected at most 64");
  }
  const std::int64_t element_bytes = dtype_bits(tensor.dtype) / 8;
  std::optional<std::int64_t> count = 1;
  std::optional<std::int64_t> last = tensor.storage_offset;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] < 0 || tensor.strides[d] < 0) fail(" has a negative size or stride");
    count = count ? checked_product(*count, tensor.shape[d]) : std::nullopt;
    const auto step =
        checked_product(std::max<std::int64_t>(tensor.shape[d] - 1, 0), tensor.strides[d]);
    last = last && step ? checked_sum(*last, *step) : std::nullopt;
  }
  const auto elements = last ? checked_sum(*last, 1) : std::nullopt;
  const auto end = elements ? checked_product(*elements, element_bytes) : std::nullopt;
  if (!count || (*count > 0 && (!end || *end > storage_bytes))) {
    fail(" of shape " + printable(shape_text(tensor.shape), 100) +
         " extends beyond its storage of " + std::to_string(storage_bytes) + " bytes");
  }
  if (*count > kMaxRepeated && *count > storage_bytes / element_bytes) {
    fail(" of shape " + printable(shape_text(tensor.shape), 100) +
         " repeats elements of its storage of " + std::to_string(storage_bytes) +
         " bytes, expected no more elements than are stored");
  }
  const auto whole_bytes = checked_product(*count, element_bytes);
  if (!whole_bytes) fail(" of shape " + printable(shape_text(tensor.shape), 100) + " is too large");
  Tensor result;
  result.name = tensor.name;
  result.dtype = tensor.dtype;
  result.shape = tensor.shape;
  result.num_elements = *count;
  result.file = file;
  result.size_bytes = *whole_bytes;
  result.offset_bytes =
      *count == 0 ? 0 : storage_offset_bytes + tensor.storage_offset * element_bytes;
  if (*count > 0 && !is_row_major(tensor)) {
    result.extents.push_back({std::vector<std::int64_t>(tensor.shape.size(), 0), tensor.shape,
                              tensor.strides, file, result.offset_bytes});
  }
  return result;
}

}  // namespace wishart::checkpoint
