#include "formats/onnx/onnx_variants.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace wishart::checkpoint {
namespace {

constexpr std::string_view kEnding = ".onnx";

/// Precisions by the ends of file names (huggingface/transformers.js, src/utils/dtypes.js), the
/// most precise first. A name without any is fp32.
constexpr std::array<std::string_view, 13> kPrecisions{
    "fp32",  "fp16", "int8", "uint8", "quantized", "q8",   "q4",
    "q4f16", "bnb4", "q2",   "q2f16", "q1",        "q1f16"};

struct Parsed {
  std::string_view stem;
  std::size_t rank = 0;
};

Parsed parsed(std::string_view file) {
  const std::string_view stem = file.substr(0, file.size() - kEnding.size());
  for (std::size_t rank = 0; rank < kPrecisions.size(); ++rank) {
    const std::string_view precision = kPrecisions[rank];
    if (stem.size() > precision.size() + 1 && stem.ends_with(precision) &&
        stem[stem.size() - precision.size() - 1] == '_') {
      return {stem.substr(0, stem.size() - precision.size() - 1), rank};
    }
  }
  return {stem, 0};
}

}  // namespace

std::vector<Variant> onnx_variants(const std::vector<std::string>& files) {
  std::vector<std::pair<std::size_t, Variant>> found;
  for (const std::string& file : files) {
    if (!file.ends_with(kEnding)) return {};
    const Parsed one = parsed(file);
    if (one.stem != parsed(files.front()).stem) return {};
    found.emplace_back(one.rank, Variant{std::string(kPrecisions[one.rank]), file});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Variant> variants;
  variants.reserve(found.size());
  for (auto& [rank, variant] : found) variants.push_back(std::move(variant));
  return variants;
}

}  // namespace wishart::checkpoint
