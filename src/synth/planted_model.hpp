#pragma once

/// @file
/// A model and the spectra of its matrices.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "wishart/synth/checkpoint.hpp"
#include "wishart/synth/planted_spectrum.hpp"

#include "tensor_spec.hpp"

namespace wishart::synth {

/// The tensors for the options, and spectra made when first requested. Matrices with the same sides
/// and the same recipe share a spectrum.
class PlantedModel {
public:
  explicit PlantedModel(const CheckpointOptions& options);

  [[nodiscard]] const std::vector<TensorSpec>& tensors() const noexcept { return tensors_; }
  [[nodiscard]] SpectrumRecipe recipe(const TensorSpec& tensor) const;
  /// The spectrum for elements of root mean square 1, counting only the rows that are not zero.
  [[nodiscard]] std::shared_ptr<const PlantedSpectrum> spectrum(const TensorSpec& tensor);

  /// truth.json, and the .npy files it names with their contents, by name. One for each spectrum.
  struct Truth {
    std::string json;
    std::map<std::string, std::string> files;
  };
  [[nodiscard]] Truth truth();

private:
  /// Long side, short side, recipe.
  using Key = std::tuple<std::int64_t, std::int64_t, double, double, std::int64_t>;
  [[nodiscard]] Key key(const TensorSpec& tensor) const;

  CheckpointOptions options_;
  std::vector<TensorSpec> tensors_;
  std::map<Key, std::shared_ptr<const PlantedSpectrum>> spectra_;
};

/// The options, one member per line. Stored in the folder, to check whether a later run has the
/// same options.
[[nodiscard]] std::string options_json(const CheckpointOptions& options);

}  // namespace wishart::synth
