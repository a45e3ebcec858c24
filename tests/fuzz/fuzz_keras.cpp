/// @file
/// Keras HDF5 files, alone and in archives. Reads every tensor that is found.

#include "wishart/core/error.hpp"

#include "formats/hdf5/keras_file.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  try {
    const KerasFile found = read_keras_file(file.path());
    test::read_all(file.path().parent_path(), found.source, found.tensors);
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
