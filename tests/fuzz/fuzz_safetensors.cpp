/// @file
/// Headers of safetensors files, and shards of torch.distributed.checkpoint: the file alone, and
/// the same file as two shards. Reads every tensor that is found.

#include <algorithm>
#include <iterator>

#include "wishart/core/error.hpp"

#include "formats/safetensors/safetensors_header.hpp"
#include "formats/safetensors/sharded.hpp"
#include "fuzz/input_file.hpp"
#include "fuzz/read_all.hpp"

using namespace wishart;
using namespace wishart::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const test::MemoryFile file(data, size);
  for (const int shards : {1, 2}) {
    try {
      Catalogue catalogue;
      catalogue.root = file.path().parent_path();
      for (int i = 0; i < shards; ++i) {
        Weights weights = safetensors_format().read_file(file.path());
        for (Tensor& tensor : weights.tensors) shift_files(tensor, i);
        std::move(weights.files.begin(), weights.files.end(), std::back_inserter(catalogue.files));
        std::move(weights.tensors.begin(), weights.tensors.end(),
                  std::back_inserter(catalogue.tensors));
      }
      join_pieces(catalogue);
      if (shards == 1) test::read_all(catalogue.root, catalogue.files[0], catalogue.tensors);
    } catch (const Error& error) {
      if (error.blame() == Blame::bug) throw;
    }
  }
  return 0;
}
