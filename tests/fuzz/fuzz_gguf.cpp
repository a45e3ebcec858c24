/// @file
/// GGUF files. Reads every tensor that is found.

#include "wishart/core/error.hpp"

#include "formats/gguf/gguf_file.hpp"
#include "formats/gguf/gguf_scales.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  try {
    GgufFile found = read_gguf_file(file.path());
    Catalogue catalogue;
    catalogue.root = file.path().parent_path();
    catalogue.tensors = std::move(found.tensors);
    catalogue.left_out = std::move(found.left_out);
    multiply_scales(catalogue);
    test::read_all(catalogue.root, found.source, catalogue.tensors);
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
