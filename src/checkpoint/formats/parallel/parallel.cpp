#include "formats/parallel/parallel.hpp"

#include <algorithm>
#include <numeric>

#include "wishart/core/error.hpp"
#include "wishart/core/narrow.hpp"
#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

#include "text/json_scanner.hpp"

namespace wishart::checkpoint {
namespace {

/// The tensor's own name and its kind: `linear_fc1` and `weight`.
std::pair<std::string_view, std::string_view> leaf_and_kind(std::string_view name) {
  const std::size_t last = name.rfind('.');
  if (last == std::string_view::npos) return {name, {}};
  const std::size_t before = last == 0 ? std::string_view::npos : name.rfind('.', last - 1);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return {name.substr(begin, last - begin), name.substr(last + 1)};
}

/// The rectangles of a piece; a dense one is a single rectangle.
std::vector<Extent> extents_of(const Tensor& piece) {
  if (!piece.extents.empty()) return piece.extents;
  Extent whole;
  whole.origin.assign(piece.shape.size(), 0);
  whole.size = piece.shape;
  whole.strides.assign(piece.shape.size(), 1);
  for (std::size_t d = piece.shape.size(); d-- > 1;) {
    whole.strides[d - 1] = whole.strides[d] * piece.shape[d];
  }
  whole.file = piece.file;
  whole.offset_bytes = piece.offset_bytes;
  return {whole};
}

/// True for a tensor whose extents are pieces of its elements in row-major order.
bool is_in_runs(const Tensor& piece) {
  return !piece.extents.empty() && piece.extents.front().size.size() != piece.shape.size();
}

/// Splits a range of the elements of a matrix into rectangles: the end of a row, whole rows, and
/// the beginning of a row, where present.
void add_rectangles(std::vector<Extent>& rectangles, const Extent& run, std::int64_t width,
                    std::int64_t element_bytes) {
  const std::int64_t stride = run.strides[0];
  std::int64_t at = run.origin[0];
  std::int64_t left = run.size[0];
  std::int64_t offset_bytes = run.offset_bytes;
  while (left > 0) {
    const std::int64_t col = at % width;
    const bool part_of_row = col != 0 || left < width;
    const std::int64_t cols = part_of_row ? std::min(left, width - col) : width;
    const std::int64_t rows = part_of_row ? 1 : left / width;
    rectangles.push_back(
        {{at / width, col}, {rows, cols}, {width * stride, stride}, run.file, offset_bytes});
    at += rows * cols;
    left -= rows * cols;
    offset_bytes += rows * cols * stride * element_bytes;
  }
}

/// The rectangles of a matrix that may be stored as ranges of elements.
std::vector<Extent> rectangles_of(const Tensor& piece) {
  if (!is_in_runs(piece)) return extents_of(piece);
  std::vector<Extent> rectangles;
  for (const Extent& run : piece.extents) {
    add_rectangles(rectangles, run, piece.shape[1], dtype_bits(piece.dtype) / 8);
  }
  return rectangles;
}

/// Adds rows [begin, end) of an extent, moved by `shift` rows. Does nothing if the extent has none
/// of them.
void add_rows(Tensor& whole, const Extent& from, std::int64_t begin, std::int64_t end,
              std::int64_t shift) {
  Extent extent = from;
  const std::int64_t first = std::max(begin, from.origin[0]);
  const std::int64_t last = std::min(end, from.origin[0] + from.size[0]);
  if (first >= last) return;
  extent.offset_bytes += (first - from.origin[0]) * from.strides[0] * (dtype_bits(whole.dtype) / 8);
  extent.origin[0] = first + shift;
  extent.size[0] = last - first;
  whole.extents.push_back(std::move(extent));
}

/// The assembled tensor, still without the places of its pieces.
Tensor joined(const std::vector<Tensor>& pieces, std::size_t along, const std::string& place) {
  const Tensor& first = pieces.front();
  Tensor whole;
  whole.name = first.name;
  whole.dtype = first.dtype;
  whole.shape = first.shape;
  whole.shape[along] = 0;
  for (const Tensor& piece : pieces) {
    std::vector<std::int64_t> expected = first.shape;
    const bool fits = piece.shape.size() == expected.size() && piece.dtype == first.dtype;
    if (fits) expected[along] = piece.shape[along];
    const auto sum = fits ? checked_sum(whole.shape[along], piece.shape[along]) : std::nullopt;
    if (!sum || piece.shape != expected) {
      throw Error(Blame::input,
                  place + ": tensor " + in_quotes(first.name) +
                      ": expected pieces of the same type and of matching shapes, found " +
                      std::string(dtype_name(first.dtype)) + " of shape " +
                      printable(shape_text(first.shape), 100) + " and " +
                      std::string(dtype_name(piece.dtype)) + " of shape " +
                      printable(shape_text(piece.shape), 100));
    }
    whole.shape[along] = *sum;
    whole.num_elements += piece.num_elements;
  }
  return whole;
}

[[noreturn]] void fail_count(const std::string& name, std::size_t expected, std::size_t found,
                             const std::string& place) {
  throw Error(Blame::input, place + ": tensor " + in_quotes(name) +
                                ": expected a piece of each of " + std::to_string(expected) +
                                " model-parallel ranks, found " + std::to_string(found));
}

}  // namespace

ParallelFile::ParallelFile(const std::filesystem::path& root, const std::string& name,
                           Weights& checkpoint)
    : place_(printable((root / name).string())), input_(root / name) {
  file_ = narrow<std::int32_t>(checkpoint.files.size(), "the number of files");
  archive_ = std::make_unique<TorchArchive>(input_, ByteRange{0, input_.size_bytes()}, place_);
  names_.emplace(place_, static_cast<std::int64_t>(pickle().size_bytes()));
  checkpoint.files.push_back({name, input_.size_bytes(), input_.mtime_ns(), archive_->hash()});
}

std::vector<Tensor> ParallelFile::tensors(PickleRef node, std::vector<std::string>& warnings) {
  std::vector<Tensor> result;
  for (const TorchTensor& one : torch_tensors(pickle(), node, warnings, *names_)) {
    if (one.name.empty() || one.name.find('\0') != std::string::npos) {
      fail("tensor " + in_quotes(one.name) + ": expected a non-empty name without NUL");
    }
    result.push_back(tensor(one));
  }
  return result;
}

void ParallelFile::fail(const std::string& what) const {
  throw Error(Blame::input, place_ + ": " + what);
}

ParallelAxis parallel_axis(std::string_view name, std::size_t dimensions) {
  if (dimensions == 0) return ParallelAxis::copied;
  const auto [leaf, kind] = leaf_and_kind(name);
  const bool bias = kind == "bias";
  if (is_one_of(leaf,
                {"word_embeddings", "word_embeddings_for_head", "query_key_value", "linear_qkv",
                 "linear_q_proj", "linear_q_up_proj", "linear_kv_up_proj", "query", "key_value",
                 "dense_h_to_4h", "linear_fc1", "output_layer", "lm_head", "final_linear"})) {
    return ParallelAxis::rows;
  }
  const bool row_parallel =
      is_one_of(leaf, {"dense", "linear_proj", "dense_4h_to_h", "linear_fc2"});
  if (row_parallel && !bias && dimensions == 2) return ParallelAxis::columns;
  const bool whole =
      is_one_of(leaf, {"router", "gate", "position_embeddings", "tokentype_embeddings",
                       "linear_q_down_proj", "linear_kv_down_proj"});
  return dimensions < 2 || whole ? ParallelAxis::copied : ParallelAxis::not_known;
}

void add_merged(Weights& checkpoint, std::vector<Tensor>&& pieces, bool gated,
                const std::string& place) {
  require(!pieces.empty(), "a tensor has no pieces");
  Tensor& first = pieces.front();
  const ParallelAxis axis = parallel_axis(first.name, first.shape.size());
  if (pieces.size() == 1 || axis == ParallelAxis::copied) {
    checkpoint.tensors.push_back(std::move(first));
    return;
  }
  if (axis == ParallelAxis::not_known) {
    checkpoint.left_out.push_back({std::move(first), "division-not-known",
                                   "there is no rule for how tensor-parallel ranks divide it"});
    return;
  }
  const std::size_t along = axis == ParallelAxis::rows ? 0 : 1;
  Tensor whole = joined(pieces, along, place);
  const bool halves =
      gated && along == 0 && std::all_of(pieces.begin(), pieces.end(), [&](const Tensor& piece) {
        return piece.shape[0] == first.shape[0] && piece.shape[0] % 2 == 0;
      });
  std::erase_if(pieces, [](const Tensor& piece) { return piece.num_elements == 0; });
  // Where whole rows follow each other, ranges of elements are kept, because there are fewer of
  // them.
  const bool runs = along == 0 && !halves && std::all_of(pieces.begin(), pieces.end(), is_in_runs);
  if (!runs && whole.shape.size() > 2 && std::any_of(pieces.begin(), pieces.end(), is_in_runs)) {
    checkpoint.left_out.push_back(
        {std::move(whole), "division-not-known",
         "it is divided among data-parallel and tensor-parallel ranks, and it is "
         "not a matrix"});
    return;
  }
  std::int64_t begin = 0;
  for (const Tensor& piece : pieces) {
    const std::int64_t step = runs ? piece.num_elements / piece.shape[0] : 1;
    std::vector<Extent> extents = runs ? piece.extents : rectangles_of(piece);
    for (Extent& extent : extents) {
      if (halves) {
        const std::int64_t half = piece.shape[0] / 2;
        add_rows(whole, extent, 0, half, begin / 2);
        add_rows(whole, extent, half, 2 * half, whole.shape[0] / 2 - half + begin / 2);
      } else {
        extent.origin[along] += begin * step;
        whole.extents.push_back(std::move(extent));
      }
    }
    begin += piece.shape[along];
  }
  checkpoint.tensors.push_back(std::move(whole));
}

void add_pieces(PiecesByName& pieces, std::size_t rank, std::vector<Tensor>&& tensors,
                const std::string& place) {
  for (Tensor& tensor : tensors) {
    std::vector<Tensor>& all = pieces[tensor.name];
    if (all.size() != rank) fail_count(tensor.name, rank + 1, all.size() + 1, place);
    all.push_back(std::move(tensor));
  }
}

void merge_pieces(Weights& checkpoint, PiecesByName&& pieces, std::size_t num_ranks,
                  const std::string& place) {
  for (auto& [name, all] : pieces) {
    if (all.size() != num_ranks) fail_count(name, num_ranks, all.size(), place);
    add_merged(checkpoint, std::move(all), false, place);
  }
}

}  // namespace wishart::checkpoint
