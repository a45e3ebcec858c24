/// @file
/// Arrays: of NumPy, alone and in archives, and of Flax. Reads every tensor that is found.

#include <string_view>

#include "wishart/core/error.hpp"

#include "formats/msgpack/flax_file.hpp"
#include "formats/numpy/numpy_file.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  const test::MemoryFile file(data, size);
  try {
    if (head.starts_with("\x93NUM") || head.starts_with("PK")) {
      const NumpyFile found = read_numpy_file(file.path());
      test::read_all(file.path().parent_path(), found.source, found.tensors);
    } else {
      const FlaxFile found = read_flax_file(file.path());
      test::read_all(file.path().parent_path(), found.source, found.tensors);
    }
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
