/// @file
/// Keras HDF5 files, alone and in archives, and maps of shards. Reads every tensor that is found.
///
/// An input that begins like JSON is a map, and after its first NUL the only shard,
/// `m_0.weights.h5`.

#include <algorithm>
#include <string_view>

#include "wishart/core/error.hpp"

#include "formats/hdf5/keras_file.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"
#include "support/temp_folder.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    if (text.starts_with('{')) {
      static const test::TempFolder folder;
      const std::size_t end = std::min(text.find('\0'), size);
      const auto map = folder.write("m.weights.json", text.substr(0, end));
      folder.write("m_0.weights.h5", text.substr(std::min(end + 1, size)));
      static_cast<void>(keras_format().read_file(map));
      return 0;
    }
    const test::MemoryFile file(data, size);
    const KerasFile found = read_keras_file(file.path());
    test::read_all(file.path().parent_path(), found.source, found.tensors);
  } catch (const Error& error) {
    if (error.blame() == Blame::bug) throw;
  }
  return 0;
}
