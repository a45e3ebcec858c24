#include "planted_model.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "wishart/core/npy.hpp"
#include "wishart/core/text.hpp"

#include "encode.hpp"

namespace wishart::synth {
namespace {

/// The exponent of a matrix with Flaw::heavy_tail: below WeightWatcher's 2, `over-trained`.
constexpr double kHeavyAlpha = 1.5;

std::string spectrum_file(std::size_t number) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "truth/spectrum-%04zu.npy", number);
  return text.data();
}

/// What a fit should find, scaled to the matrix.
std::string tail_json(const PlantedSpectrum& spectrum, const SpectrumRecipe& recipe, double scale) {
  const bool tail = spectrum.num_tail > 0;
  const auto number = [&](double value) { return tail ? shortest(value) : std::string("null"); };
  return "\"alpha\": " + number(recipe.alpha) + ", \"alpha_fit\": " + number(spectrum.alpha_fit) +
         ", \"xmin\": " + number(spectrum.xmin * scale * scale) +
         ", \"num_tail\": " + std::to_string(spectrum.num_tail) +
         ", \"spikes\": " + std::to_string(spectrum.spikes);
}

}  // namespace

PlantedModel::PlantedModel(const CheckpointOptions& options)
    : options_(options), tensors_(tensors_of(options.shape, options.dtype, options.flaws)) {}

SpectrumRecipe PlantedModel::recipe(const TensorSpec& tensor) const {
  SpectrumRecipe recipe{options_.alpha_first, options_.tail_share, options_.spikes};
  const double span = options_.alpha_last - options_.alpha_first;
  if (span != 0) {
    const auto last = static_cast<double>(std::max<std::int64_t>(options_.shape.blocks - 1, 1));
    recipe.alpha += span * (tensor.block < 0 ? 0.5 : static_cast<double>(tensor.block) / last);
  }
  if (tensor.flaw == Flaw::heavy_tail) recipe.alpha = kHeavyAlpha;
  if (tensor.flaw == Flaw::no_tail) recipe.tail_share = 0;
  return recipe;
}

PlantedModel::Key PlantedModel::key(const TensorSpec& tensor) const {
  const SpectrumRecipe made = recipe(tensor);
  const std::int64_t rows = tensor.active_rows();
  const std::int64_t cols = tensor.cols();
  return {std::max(rows, cols), std::min(rows, cols), made.alpha, made.tail_share, made.spikes};
}

std::shared_ptr<const PlantedSpectrum> PlantedModel::spectrum(const TensorSpec& tensor) {
  auto& entry = spectra_[key(tensor)];
  if (!entry) {
    entry = std::make_shared<const PlantedSpectrum>(
        planted_spectrum(tensor.active_rows(), tensor.cols(), recipe(tensor)));
  }
  return entry;
}

PlantedModel::Truth PlantedModel::truth() {
  Truth truth;
  std::map<Key, std::size_t> numbers;
  std::string spectra;
  std::string matrices;
  for (const TensorSpec& tensor : tensors_) {
    if (tensor.num_matrices() == 0) continue;
    const auto planted = spectrum(tensor);
    const auto [place, is_new] = numbers.emplace(key(tensor), numbers.size());
    const std::string file = spectrum_file(place->second);
    const SpectrumRecipe made = recipe(tensor);
    const std::int64_t rank = std::min(tensor.active_rows(), tensor.cols());
    if (is_new) {
      truth.files[file] = npy_bytes(planted->sigma);
      spectra += (spectra.empty() ? "" : ",") + std::string("\n    {\"file\": ") +
                 json_quoted(file) + ", \"values\": " + std::to_string(rank) + ", " +
                 tail_json(*planted, made, 1) + "}";
    }
    const double bound = rounding_bound(tensor.active_rows(), tensor.cols(), tensor.rms,
                                        precision_bits(tensor.dtype));
    for (std::int64_t number = 0; number < tensor.num_matrices(); ++number) {
      const std::int64_t slice = number / tensor.num_parts();
      matrices +=
          (matrices.empty() ? "" : ",") + std::string("\n    {\"key\": ") +
          json_quoted(tensor.key(slice, number % tensor.num_parts())) +
          ", \"rows\": " + std::to_string(tensor.rows()) +
          ", \"cols\": " + std::to_string(tensor.cols()) + ", \"rank\": " + std::to_string(rank) +
          ", \"spectrum\": " + std::to_string(place->second) +
          ", \"scale\": " + shortest(tensor.rms) + ", " + tail_json(*planted, made, tensor.rms) +
          ", \"rounding_bound\": " + shortest(bound) + "}";
    }
  }
  truth.json = "{\n  \"options\": " + options_json(options_) + ",\n  \"spectra\": [" + spectra +
               "\n  ],\n  \"matrices\": [" + matrices + "\n  ]\n}\n";
  return truth;
}

std::string options_json(const CheckpointOptions& options) {
  const ModelShape& shape = options.shape;
  // `layout` is increased when the same options write something different.
  std::string text = "{\n    \"layout\": 2";
  const auto add = [&](const char* name, const std::string& value) {
    text += std::string(",\n    \"") + name + "\": " + value;
  };
  add("shape", json_quoted(shape.name));
  add("hidden", std::to_string(shape.hidden));
  add("head_dim", std::to_string(shape.head_dim));
  add("vocabulary", std::to_string(shape.vocabulary));
  add("mlp", std::to_string(shape.mlp));
  add("expert_mlp", std::to_string(shape.expert_mlp));
  add("blocks", std::to_string(shape.kept_blocks));
  add("experts", std::to_string(shape.experts));
  add("alpha_first", shortest(options.alpha_first));
  add("alpha_last", shortest(options.alpha_last));
  add("tail_share", shortest(options.tail_share));
  add("spikes", std::to_string(options.spikes));
  add("seed", std::to_string(options.seed));
  add("dtype", json_quoted(dtype_name(options.dtype)));
  add("shard_bytes", std::to_string(options.shard_bytes));
  add("flaws", options.flaws ? "true" : "false");
  return text + "\n  }";
}

}  // namespace wishart::synth
