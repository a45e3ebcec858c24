/// @file
/// Adapters as PEFT writes them, for the tests of what becomes of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "numbers/file_reader.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

namespace wishart::test {

inline TensorText tensor(const std::string& name, const std::vector<std::int64_t>& shape,
                         const std::vector<float>& values) {
  return {name, "F32", shape, bytes_of(std::span<const float>(values))};
}

/// Writes an adapter. `base` and `more` are members of its configuration.
inline void write_adapter(const TempFolder& folder, const std::vector<TensorText>& tensors,
                          const std::string& more = "",
                          const std::string& base = R"("r":1,"lora_alpha":2)") {
  folder.write("adapter_config.json", R"({"peft_type":"LORA",)" + base + more + "}");
  folder.write("adapter_model.safetensors", safetensors_bytes(tensors));
}

inline std::vector<double> values_of(const checkpoint::Catalogue& catalogue, const Tensor& wanted) {
  checkpoint::FileReader reader(catalogue.root, catalogue.files);
  std::vector<double> values(static_cast<std::size_t>(wanted.num_elements));
  reader.read_elements(wanted, 0, values);
  return values;
}

/// Why the checkpoint is refused, with F for its folder.
inline std::string refusal(const TempFolder& folder) {
  std::string text =
      error_of([&] { static_cast<void>(checkpoint::open_checkpoint(folder.path())); });
  const std::string path = folder.path().string();
  if (text.starts_with(path)) text.replace(0, path.size(), "F");
  return text;
}

/// The two factors of a module m.q: the change is 2 x 3, of rank 1.
inline const TensorText kA = tensor("base_model.model.m.q.lora_A.weight", {1, 3}, {1, 2, 3});
inline const TensorText kB = tensor("base_model.model.m.q.lora_B.weight", {2, 1}, {10, 20});

}  // namespace wishart::test
