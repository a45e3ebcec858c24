/// @file
/// Files of torch.save, old and new format. Reads every tensor that is found.

#include "wishart/core/error.hpp"

#include "formats/torch/torch_file.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  try {
    const TorchFile torch = read_torch_file(file.path());
    test::read_all(file.path().parent_path(), torch.source, torch.tensors);
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
