/// @file
/// `.metadata` of torch.distributed.checkpoint, in a folder without chunks.

#include <cstdlib>
#include <fstream>

#include "wishart/core/error.hpp"

#include "formats/distributed/distributed.hpp"
#include "support/temp_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const wishart::test::TempFolder folder;
  folder.write(".metadata", std::string_view(reinterpret_cast<const char*>(data), size));
  try {
    static_cast<void>(wishart::checkpoint::read_distributed(folder.path(), ""));
  } catch (const wishart::Error& error) {
    if (error.blame() == wishart::Blame::bug) throw;
  }
  return 0;
}
