/// @file
/// ONNX models. Reads every initializer that is found in the file.

#include <algorithm>

#include "wishart/core/error.hpp"

#include "formats/onnx/onnx_file.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  try {
    OnnxFile found = read_onnx_file(file.path());
    std::erase_if(found.tensors, [](const Tensor& tensor) { return tensor.file > 0; });
    test::read_all(file.path().parent_path(), found.source, found.tensors);
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
