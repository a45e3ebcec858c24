#include "formats/safetensors/sharded.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"

#include "numbers/tiling.hpp"
#include "text/json_scanner.hpp"

// Source: pytorch, torch/distributed/checkpoint/_hf_utils.py and hf_storage.py; logical_fqn and
// global_shape: pull 189945.

namespace wishart::checkpoint {
namespace {

/// What the info says about one entry of the file.
struct Piece {
  std::vector<std::int64_t> offsets;
  std::optional<std::vector<std::int64_t>> whole;  ///< shape of the whole tensor
  std::string name;  ///< of the whole tensor; empty: that of the entry
};

using Pieces = std::unordered_map<std::string, Piece>;

Pieces read_info(const std::string& json, const std::string& place) {
  Pieces pieces;
  JsonScanner scanner(json, place + ": " + std::string(kShardingInfo), JsonDialect::strict);
  const auto sizes = [&] {
    std::vector<std::int64_t> list;
    scanner.read_array([&] { list.push_back(scanner.read_size()); });
    return list;
  };
  scanner.read_object([&](std::string entry) {
    Piece piece;
    bool has_offsets = false;
    scanner.set_tensor(entry);
    scanner.read_object([&](const std::string& key) {
      if (key == "saved_offsets") {
        piece.offsets = sizes();
        has_offsets = true;
      } else if (key == "global_shape" && scanner.peek() != JsonScanner::Kind::null) {
        piece.whole = sizes();
      } else if (key == "logical_fqn" && scanner.peek() != JsonScanner::Kind::null) {
        piece.name = scanner.read_string();
      } else {
        scanner.skip_value();
      }
    });
    if (!has_offsets) scanner.fail("saved_offsets", "none");
    scanner.set_tensor({});
    if (!pieces.emplace(std::move(entry), std::move(piece)).second) {
      scanner.fail("each tensor once", "a second");
    }
  });
  scanner.finish();
  return pieces;
}

[[noreturn]] void refuse(const std::string& place, const std::string& tensor,
                         const std::string& what) {
  throw Error(Blame::input, place + ": tensor " + in_quotes(tensor) + ": " + what);
}

/// Places the tensor of a file in the whole one.
void place_piece(Tensor& tensor, const Piece& piece, const std::string& place) {
  const std::size_t rank = tensor.shape.size();
  if (piece.offsets.size() != rank || (piece.whole && piece.whole->size() != rank)) {
    refuse(place, tensor.name,
           "expected a place with " + std::to_string(rank) + " numbers in " +
               std::string(kShardingInfo) + ", found " + std::to_string(piece.offsets.size()));
  }
  Extent extent{piece.offsets, tensor.shape, std::vector<std::int64_t>(rank, 1), tensor.file,
                tensor.offset_bytes};
  for (std::size_t d = rank; d-- > 1;) {
    extent.strides[d - 1] = extent.strides[d] * std::max<std::int64_t>(extent.size[d], 1);
  }
  std::vector<std::int64_t> whole(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const auto end = checked_sum(piece.offsets[d], extent.size[d]);
    if (!end || (piece.whole && *end > (*piece.whole)[d])) {
      refuse(place, tensor.name,
             "its piece of shape " + printable(shape_text(extent.size), 100) + " at " +
                 printable(shape_text(piece.offsets), 100) + " is not inside the tensor");
    }
    whole[d] = piece.whole ? (*piece.whole)[d] : *end;
  }
  tensor.shape = std::move(whole);
  tensor.extents = {std::move(extent)};
  tensor.numbers = {piece.whole ? 1 : 0};
  if (!piece.name.empty()) tensor.name = piece.name;
}

/// Adds `piece` to the extents of `whole`.
void join(Tensor& whole, Tensor&& piece, const std::string& place) {
  if (whole.extents.empty() || piece.extents.empty()) {
    refuse(place, whole.name, "is whole in one file and a piece in another. Name one of them");
  }
  if (whole.dtype != piece.dtype || whole.shape.size() != piece.shape.size() ||
      whole.numbers != piece.numbers || (whole.numbers[0] == 1 && whole.shape != piece.shape)) {
    refuse(place, whole.name,
           "its pieces are of " + std::string(dtype_name(whole.dtype)) + " of shape " +
               printable(shape_text(whole.shape), 100) + " and of " +
               std::string(dtype_name(piece.dtype)) + " of shape " +
               printable(shape_text(piece.shape), 100) + ", expected parts of one tensor");
  }
  for (std::size_t d = 0; d < whole.shape.size(); ++d) {
    whole.shape[d] = std::max(whole.shape[d], piece.shape[d]);
  }
  whole.extents.push_back(std::move(piece.extents.front()));
}

/// Checks a joined tensor.
void finish(Tensor& tensor, const std::string& place) {
  const std::optional<std::int64_t> count = checked_product(tensor.shape);
  const auto bits = count ? checked_product(*count, dtype_bits(tensor.dtype)) : std::nullopt;
  if (!bits) refuse(place, tensor.name, "is too large");
  tensor.num_elements = *count;
  tensor.size_bytes = *bits / 8;
  tensor.numbers.clear();
  std::erase_if(tensor.extents, [](const Extent& extent) {
    return std::find(extent.size.begin(), extent.size.end(), 0) != extent.size.end();
  });
  if (tensor.num_elements == 0) {
    tensor.extents.clear();
    return;
  }
  check_tiling(tensor, place);
  if (tensor.extents.size() > 1) return;
  tensor.file = tensor.extents[0].file;
  tensor.offset_bytes = tensor.extents[0].offset_bytes;
  tensor.extents.clear();
}

}  // namespace

void place_pieces(Weights& weights, const std::filesystem::path& file) {
  const auto info = std::find_if(weights.names.begin(), weights.names.end(),
                                 [](const auto& entry) { return entry.first == kShardingInfo; });
  if (info == weights.names.end()) return;
  const std::string place = printable(file.string());
  Pieces pieces = read_info(info->second, place);
  for (Tensor& tensor : weights.tensors) {
    const auto found = pieces.find(tensor.name);
    if (found == pieces.end()) continue;
    if (dtype_bits(tensor.dtype) % 8 != 0) {
      refuse(place, tensor.name,
             "pieces of " + std::string(dtype_name(tensor.dtype)) + " are not supported");
    }
    place_piece(tensor, found->second, place);
    pieces.erase(found);
  }
  if (!pieces.empty()) {
    refuse(place, pieces.begin()->first,
           "is in " + std::string(kShardingInfo) + ", but not in the file");
  }
}

void join_pieces(Catalogue& catalogue) {
  const auto is_piece = [](const Tensor& tensor) { return !tensor.extents.empty(); };
  if (std::none_of(catalogue.tensors.begin(), catalogue.tensors.end(), is_piece)) return;
  const std::string place = printable(catalogue.root.string());
  std::vector<Tensor> joined;
  std::unordered_map<std::string, std::size_t> places;
  bool told = true;
  for (Tensor& tensor : catalogue.tensors) {
    told = told && (!is_piece(tensor) || tensor.numbers == std::vector<std::int64_t>{1});
    const auto [found, is_new] = places.try_emplace(tensor.name, joined.size());
    if (is_new) {
      joined.push_back(std::move(tensor));
    } else {
      join(joined[found->second], std::move(tensor), place);
    }
  }
  for (Tensor& tensor : joined) {
    if (is_piece(tensor)) finish(tensor, place);
  }
  catalogue.tensors = std::move(joined);
  if (told) return;
  catalogue.warnings.push_back(
      place +
      ": sizes of tensors are not told by the files: if the last shard is missing, its rows "
      "are missing too. Compare the shapes with those of the model");
}

}  // namespace wishart::checkpoint
