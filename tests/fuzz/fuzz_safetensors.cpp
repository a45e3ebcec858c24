/// @file
/// Headers of safetensors files.

#include "wishart/core/error.hpp"

#include "formats/safetensors/safetensors_header.hpp"
#include "fuzz/input_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const wishart::test::MemoryFile file(data, size);
  try {
    static_cast<void>(wishart::checkpoint::read_safetensors_file(file.path()));
  } catch (const wishart::Error& error) {
    if (error.blame() == wishart::Blame::bug) throw;
  }
  return 0;
}
