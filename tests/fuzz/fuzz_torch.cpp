/// @file
/// Files of torch.save, both ages; every tensor that is found is read.

#include "wishart/core/error.hpp"

#include "file_reader.hpp"
#include "fuzz/input_file.hpp"
#include "torch_file.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  try {
    TorchFile torch = read_torch_file(file.path());
    FileReader reader(file.path().parent_path(), {torch.source});
    for (const Tensor& tensor : torch.tensors) {
      if (!has_weights(tensor) || tensor.num_elements > 10'000) continue;
      std::vector<double> values(static_cast<std::size_t>(tensor.num_elements));
      reader.read_elements(tensor, 0, values);
    }
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
