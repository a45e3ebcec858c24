/// @file
/// Pickles: the stack machine, and the search for tensors in its result.

#include "wishart/core/error.hpp"

#include "formats/torch/pickle.hpp"
#include "formats/torch/torch_tree.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const wishart::checkpoint::Pickle pickle(std::string(reinterpret_cast<const char*>(data), size),
                                             "fuzz", 1'000'000);
    static_cast<void>(wishart::checkpoint::torch_storages(pickle));
    static_cast<void>(wishart::checkpoint::read_torch_tree(pickle));
  } catch (const wishart::Error& error) {
    if (error.blame() == wishart::Blame::bug) throw;
  }
  return 0;
}
