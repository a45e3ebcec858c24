#include "support/safetensors_file.hpp"

#include <fstream>
#include <random>

#include "wishart/core/text.hpp"

namespace wishart::test {

std::string safetensors_bytes(const std::string& header, const std::string& data) {
  const auto length = static_cast<std::uint64_t>(header.size());
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  return bytes + header + data;
}

std::string safetensors_bytes(const std::vector<TensorToWrite>& tensors) {
  std::string header = "{";
  std::string data;
  for (const TensorToWrite& tensor : tensors) {
    if (header.size() > 1) header += ",";
    header += json_quoted(tensor.name) + ":{\"dtype\":\"F32\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      header += (i > 0 ? "," : "") + std::to_string(tensor.shape[i]);
    }
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.values.data()),
                tensor.values.size() * sizeof(float));
    header +=
        "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  return safetensors_bytes(header + "}", data);
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

void write_layers(const std::filesystem::path& folder, int count, std::int64_t rows,
                  std::int64_t cols) {
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < count; ++i) {
    tensors.push_back({"layers." + std::to_string(i) + ".weight",
                       {rows, cols},
                       noise_values(rows * cols, static_cast<std::uint64_t>(i))});
  }
  write_bytes(folder / "model.safetensors", safetensors_bytes(tensors));
}

std::vector<float> noise_values(std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    // The sum of uniform numbers: the standard's distributions differ between libraries.
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<double>(random() >> 11U) * 0x1p-53 - 0.5;
    value = static_cast<float>(sum * 0.433);
  }
  return values;
}

}  // namespace wishart::test
