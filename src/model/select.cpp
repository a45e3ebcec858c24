#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>

#include "wishart/checkpoint/experts.hpp"
#include "wishart/core/error.hpp"
#include "wishart/core/text.hpp"
#include "wishart/model/matrices.hpp"
#include "wishart/model/naming.hpp"
#include "wishart/record/left_out.hpp"
#include "wishart/record/roles.hpp"

#include "array_axes.hpp"
#include "fused.hpp"
#include "layer_experts.hpp"
#include "layer_filter.hpp"
#include "shapes.hpp"
#include "sibling_roles.hpp"
#include "siblings.hpp"

namespace wishart::model {
namespace {

/// The last of three dimensions is taken to be a kernel if it is smaller than this: experts and
/// heads are wider.
constexpr std::int64_t kLargestKernel = 16;

/// Two tensors of three dimensions in the file (checkpoint/joined_weights.cpp).
bool is_of_two(const Tensor& tensor) {
  return tensor.encoding == Encoding::rows && tensor.parts.size() == 2;
}

/// Decides what happens to each tensor.
class Selector {
public:
  Selector(const checkpoint::Catalogue& catalogue, const SelectionOptions& options)
      : catalogue_(catalogue),
        options_(options),
        siblings_(catalogue),
        sibling_roles_(catalogue),
        axes_of_(catalogue) {
    for (const auto& [dropped, kept] : catalogue.aliases) aliases_[kept].push_back(dropped);
    for (auto& [kept, names] : aliases_) std::sort(names.begin(), names.end(), natural_less);
    any_weight_ = std::any_of(catalogue.tensors.begin(), catalogue.tensors.end(),
                              [](const Tensor& t) { return t.name.ends_with(".weight"); });
  }

  void look_at(const Tensor& tensor) {
    Naming naming =
        naming_of(dotted_name(tensor, catalogue_.format), tensor.shape, catalogue_.config);
    if (cannot_be_a_matrix(tensor)) return;
    naming.role = sibling_roles_.role_of(tensor, naming);
    if (options_.weightwatcher) {
      look_as_weightwatcher(tensor, naming);
    } else {
      look_as_wishart(tensor, naming);
    }
  }

  void skip(const Tensor& tensor, const std::string& reason, const std::string& detail) {
    skip_part(tensor, tensor.name, tensor.num_elements, reason, detail);
  }

  [[nodiscard]] Selection take() { return std::exchange(selection_, {}); }

private:
  void skip_part(const Tensor& tensor, const std::string& name, std::int64_t elements,
                 const std::string& reason, const std::string& detail) {
    selection_.skipped.push_back(
        {name, storage_text(tensor), shape_text(tensor.shape), elements, reason, detail});
  }

  /// Skips tensors that are not matrices in either mode.
  bool cannot_be_a_matrix(const Tensor& tensor) {
    if (!has_weights(tensor)) {
      skip(tensor, "not-floating",
           "elements of type " + std::string(dtype_name(tensor.dtype)) +
               (catalogue_.config.quantized ? "; quantized tensors are not dequantized"
                                            : " are not weights"));
    } else if (tensor.num_elements == 0) {
      skip(tensor, "empty", "has no elements");
    } else if (tensor.shape.size() < 2) {
      skip(tensor, "one-dimensional", "a vector or a scalar has no spectrum");
    } else {
      return false;
    }
    return true;
  }

  void look_as_weightwatcher(const Tensor& tensor, const Naming& naming) {
    const std::size_t dimensions = tensor.shape.size();
    if (any_weight_ && !tensor.name.ends_with(".weight")) {
      skip(tensor, "not-in-weightwatcher", "WeightWatcher reads only names that end in .weight");
    } else if (dimensions == 2 && !is_of_two(tensor)) {
      add(tensor, naming, cut_plain(tensor.shape), "dense", 1.0);
    } else if (dimensions == 4) {
      add_convolution(tensor, naming);
    } else {
      skip(tensor, "not-in-weightwatcher", "WeightWatcher analyses only 2 and 4 dimensions");
    }
  }

  void look_as_wishart(const Tensor& tensor, const Naming& naming) {
    const std::size_t dimensions = tensor.shape.size();
    if (naming.normalization || naming.not_a_map || naming.bias || axes_of_.is_bias(tensor)) {
      skip(tensor, "not-a-linear-map", "a norm, bias, mask or table, judging by its name");
    } else if (siblings_.is_second_copy(tensor, naming)) {
      skip(tensor, "duplicate-of-main",
           "the multi-token prediction block repeats the model's own embedding and head");
    } else if (siblings_.stacks_vectors(tensor, naming)) {
      skip(tensor, "one-dimensional", "a vector for each layer has no spectrum");
    } else if (const std::string why = unknown_axes(tensor, naming, catalogue_); !why.empty()) {
      skip(tensor, "unsupported-shape", why);
    } else if (naming.role == "vision.patch") {
      const bool kernel_first = axes_of_(tensor) == ArrayAxes::kernel_first;
      add(tensor, naming,
          kernel_first ? cut_flattened_before_last(tensor.shape) : cut_flattened(tensor.shape),
          "dense", 1.0);
    } else if (is_grouped_mlp(tensor, catalogue_.config)) {
      skip(tensor, "division-not-known",
           "all experts of a layer in one matrix, as Megatron's GroupedMLP had them: save each "
           "expert by itself");
    } else if (dimensions == 2 && add_single_experts(tensor)) {
      return;
    } else if (dimensions == 2 && stacks_along_rows(tensor, naming, catalogue_.config)) {
      Tensor stack = tensor;
      stack.shape.insert(stack.shape.begin(), *catalogue_.config.num_experts);
      stack.shape[1] /= stack.shape[0];
      add_stack(stack, naming, true);
    } else if (dimensions == 2) {
      const bool embedding = is_embedding(naming.role);
      add(tensor, naming, cut_plain(tensor.shape), embedding ? "embedding" : "dense", 1.0);
      add_parts(tensor, naming, tensor.name, cut_plain(tensor.shape), 0);
    } else if (dimensions == 3) {
      look_at_three_dimensions(tensor, naming);
    } else if (dimensions == 4 && naming.routed_experts &&
               stacks_blocks(tensor, naming, catalogue_.format)) {
      add_stack(tensor, naming, true);
    } else if (dimensions == 4) {
      add_convolution(tensor, naming);
    } else {
      skip(tensor, "unsupported-shape",
           std::to_string(dimensions) + " dimensions are not supported");
    }
  }

  /// Adds the weights of single experts that the tensor holds. False: it holds none.
  bool add_single_experts(const Tensor& tensor) {
    const std::vector<Tensor> single = checkpoint::single_experts(tensor, catalogue_.config);
    for (const Tensor& expert : single) {
      add(expert, naming_of(expert.name, expert.shape, catalogue_.config), cut_plain(expert.shape),
          "dense", 1.0);
    }
    return !single.empty();
  }

  void look_at_three_dimensions(const Tensor& tensor, const Naming& naming) {
    const ArrayAxes axes = axes_of_(tensor);
    const auto& shape = tensor.shape;
    const auto& experts = catalogue_.config.num_experts;
    const bool of_experts =
        naming.routed_experts || (experts && *experts > 1 && shape[0] == *experts);
    if (axes != ArrayAxes::as_torch && !(axes == ArrayAxes::unknown && of_experts)) {
      look_at_keras(tensor, naming, axes);
      return;
    }
    if (add_single_experts(tensor)) return;
    const bool stacked = of_experts || stacks_blocks(tensor, naming, catalogue_.format);
    const bool convolution =
        !stacked && (tensor.name.find("conv") != std::string::npos ||
                     (shape[2] < kLargestKernel && shape[2] < shape[0] && shape[2] < shape[1]));
    if (!convolution) {
      add_stack(tensor, naming, stacked);
    } else if (shape[1] == 1) {
      skip_depthwise(tensor);
    } else {
      // WeightWatcher has no factor for these, so none is applied.
      add_slices(tensor, naming, cut_conv1d(shape), "conv1d", 1.0, 1.0);
    }
  }

  /// Kernels of Keras of three dimensions.
  void look_at_keras(const Tensor& tensor, const Naming& naming, ArrayAxes axes) {
    if (axes == ArrayAxes::unknown) {
      skip(tensor, "unsupported-shape",
           "an array of three dimensions, of which nothing says which are inputs and outputs: save "
           "it as matrices");
    } else if (axes == ArrayAxes::inputs_first) {
      add(tensor, naming, cut_flattened(tensor.shape), "dense", 1.0);
    } else if (axes == ArrayAxes::inputs_last) {
      add(tensor, naming, cut_flattened_before_last(tensor.shape), "dense", 1.0);
    } else if (is_depthwise_kernel(tensor)) {
      skip_depthwise(tensor);
    } else {
      add_slices(tensor, naming, cut_kernel_first(tensor.shape), "conv1d", 1.0, 1.0);
    }
  }

  void skip_depthwise(const Tensor& tensor) {
    skip(tensor, "depthwise", "each channel has its own filter, which is a vector, not a matrix");
  }

  /// Leading axes are indices of experts or, if Megatron-Core stacks its layers, of blocks.
  void add_stack(const Tensor& tensor, const Naming& naming, bool of_experts) {
    const Cut cut = cut_stack(tensor.shape);
    const bool blocks = stacks_blocks(tensor, naming, catalogue_.format);
    const std::int64_t experts =
        blocks && tensor.shape.size() == 3 ? 1 : tensor.shape[tensor.shape.size() - 3];
    for (std::int64_t e = 0; e < static_cast<std::int64_t>(cut.views.size()); ++e) {
      Matrix matrix = matrix_of(tensor, naming, "dense", 1.0);
      matrix.key += "[" + std::to_string(e) + "]";
      if (blocks) matrix.block = e / experts;
      if (of_experts && (!blocks || tensor.shape.size() > 3)) matrix.expert = e % experts;
      matrix.rows = cut.rows;
      matrix.cols = cut.cols;
      matrix.views = {cut.views[static_cast<std::size_t>(e)]};
      const std::string key = matrix.key;
      Naming named = naming;
      named.block = matrix.block;
      named.expert = matrix.expert;
      keep_or_skip(std::move(matrix));
      add_parts(tensor, named, key, cut, e);
    }
  }

  /// Adds the parts of view `index` of a fused tensor, in addition to the whole.
  void add_parts(const Tensor& tensor, const Naming& naming, const std::string& key, const Cut& cut,
                 std::int64_t index) {
    if (!options_.split_fused) return;
    const View& whole = cut.views[static_cast<std::size_t>(index)];
    for (const FusedPart& part :
         fused_parts(tensor.name, naming, cut.rows, cut.cols, catalogue_.config)) {
      Matrix matrix = matrix_of(tensor, naming, "dense", 1.0);
      matrix.key = key + "[" + std::string(part.name) + "]";
      matrix.role = part.role;
      matrix.rows = part.columns ? cut.rows : part.count;
      matrix.cols = part.columns ? part.count : cut.cols;
      const std::int64_t step = part.columns ? whole.col_stride : whole.row_stride;
      View view{whole.first + part.first * step, whole.row_stride, whole.col_stride};
      if (!part.contiguous() && part.run > 1) {
        matrix.tensor = rows_of(tensor, part, index * cut.rows);
        view = {0, cut.cols, 1};
      } else if (!part.contiguous()) {
        (part.columns ? view.col_stride : view.row_stride) *= part.stride;
      }
      matrix.views = {view};
      keep_or_skip(std::move(matrix));
    }
  }

  /// Rows of a fused matrix that are not at a constant stride. The matrix begins at row `begin` of
  /// its tensor, which is not 0 in a stack.
  static Tensor rows_of(const Tensor& tensor, const FusedPart& part, std::int64_t begin) {
    Tensor rows;
    rows.name = tensor.name;
    rows.dtype = tensor.dtype;
    rows.shape = {part.count, tensor.shape.back()};
    rows.num_elements = part.count * tensor.shape.back();
    rows.encoding = Encoding::rows;
    rows.numbers = {begin + part.first, part.run, part.stride};
    rows.stored_as = storage_text(tensor);
    rows.parts = {tensor};
    rows.parts.front().name.clear();  // parts are sent to every rank
    return rows;
  }

  void add_convolution(const Tensor& tensor, const Naming& naming) {
    const bool kernel_first =
        !options_.weightwatcher && axes_of_(tensor) == ArrayAxes::kernel_first;
    const Cut cut = kernel_first ? cut_kernel_first(tensor.shape) : cut_conv2d(tensor.shape);
    if (!options_.weightwatcher &&
        (kernel_first ? is_depthwise_kernel(tensor) : cut.cols == 1 && tensor.shape[1] == 1)) {
      skip_depthwise(tensor);
      return;
    }
    // WeightWatcher's conv2d_norm: sqrt(c / 2) with c = 1 if pooled, else c = number of slices.
    const auto slices = static_cast<double>(cut.views.size());
    add_slices(tensor, naming, cut, "conv2d", std::sqrt(0.5), std::sqrt(slices / 2));
  }

  void add_slices(const Tensor& tensor, const Naming& naming, const Cut& cut,
                  const std::string& layer_type, double pooled_norm, double slice_norm) {
    if (options_.pool) {
      add(tensor, naming, cut, layer_type, pooled_norm);
      return;
    }
    for (std::size_t k = 0; k < cut.views.size(); ++k) {
      Matrix matrix = matrix_of(tensor, naming, layer_type, slice_norm);
      matrix.key += "[" + std::to_string(k) + "]";
      matrix.slice = static_cast<std::int64_t>(k);
      matrix.receptive_field = static_cast<std::int64_t>(cut.views.size());
      matrix.rows = cut.rows;
      matrix.cols = cut.cols;
      matrix.views = {cut.views[k]};
      keep_or_skip(std::move(matrix));
    }
  }

  void add(const Tensor& tensor, const Naming& naming, const Cut& cut,
           const std::string& layer_type, double w_norm) {
    Matrix matrix = matrix_of(tensor, naming, layer_type, w_norm);
    matrix.rows = cut.rows;
    matrix.cols = cut.cols;
    matrix.views = cut.views;
    matrix.receptive_field = matrix.num_views();
    keep_or_skip(std::move(matrix));
  }

  [[nodiscard]] Matrix matrix_of(const Tensor& tensor, const Naming& naming,
                                 const std::string& layer_type, double w_norm) const {
    Matrix matrix;
    matrix.key = tensor.name;
    matrix.tensor = tensor;
    if (const auto found = aliases_.find(tensor.name); found != aliases_.end()) {
      matrix.aliases = found->second;
    }
    matrix.layer_type = layer_type;
    matrix.role = naming.role;
    matrix.stack = naming.stack;
    matrix.block = naming.block;
    matrix.expert = naming.expert;
    matrix.w_norm = w_norm;
    matrix.float32_arithmetic = options_.weightwatcher;
    return matrix;
  }

  void keep_or_skip(Matrix&& matrix) {
    if (matrix.num_values() < options_.min_evals) {
      skip_part(matrix.tensor, matrix.key, matrix.rows * matrix.cols * matrix.num_views(),
                "too-small",
                std::to_string(matrix.num_values()) + " singular values, fewer than " +
                    std::to_string(options_.min_evals));
      return;
    }
    selection_.matrices.push_back(std::move(matrix));
  }

  const checkpoint::Catalogue& catalogue_;
  const SelectionOptions& options_;
  Siblings siblings_;
  SiblingRoles sibling_roles_;
  ArrayAxesOf axes_of_;
  std::unordered_map<std::string, std::vector<std::string>> aliases_;
  bool any_weight_ = false;
  Selection selection_;
};

/// The names of the tensors of which a matrix with this key comes.
std::vector<std::string> sources_of(const std::string& key, const checkpoint::Catalogue& catalogue,
                                    const SelectionOptions& options) {
  std::vector<std::string> sources;
  Selector selector(catalogue, options);
  for (const Tensor& tensor : catalogue.tensors) {
    selector.look_at(tensor);
    const std::vector<Matrix> matrices = selector.take().matrices;
    const auto times = std::count_if(matrices.begin(), matrices.end(),
                                     [&](const Matrix& matrix) { return matrix.key == key; });
    sources.insert(sources.end(), static_cast<std::size_t>(times), tensor.name);
  }
  std::sort(sources.begin(), sources.end(), natural_less);
  return sources;
}

/// Refuses matrices that share a key, which is what archives know a matrix by. `matrices` are in
/// the order of their keys.
void check_keys_differ(const std::vector<Matrix>& matrices, const checkpoint::Catalogue& catalogue,
                       const SelectionOptions& options) {
  const auto same =
      std::adjacent_find(matrices.begin(), matrices.end(),
                         [](const Matrix& a, const Matrix& b) { return a.key == b.key; });
  if (same == matrices.end()) return;
  const std::vector<std::string> sources = sources_of(same->key, catalogue, options);
  require(sources.size() > 1, "matrices of one name come of one tensor");
  throw Error(Blame::input, printable(catalogue.root.string()) + ": tensors '" +
                                printable(sources[0]) + "' and '" + printable(sources[1]) +
                                "' both hold matrix '" + printable(same->key) +
                                "', expected it once. Remove one of them");
}

}  // namespace

Selection select_matrices(const checkpoint::Catalogue& catalogue, const SelectionOptions& options) {
  Selector selector(catalogue, options);
  for (const Tensor& tensor : catalogue.tensors) selector.look_at(tensor);
  for (const checkpoint::LeftOut& one : catalogue.left_out) {
    selector.skip(one.tensor, one.reason, one.detail);
  }
  LayerFilter filter(options.layers);
  Selection selection = narrowed(selector.take(), [&](const Matrix& matrix) {
    return filter.keeps(matrix.tensor.name, matrix.key);
  });
  filter.check_all_matched();
  check_keys_differ(selection.matrices, catalogue, options);
  return selection;
}

}  // namespace wishart::model
