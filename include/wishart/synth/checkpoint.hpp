#pragma once

/// @file
/// Writes a whole checkpoint with planted spectra.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "wishart/mpi/comm.hpp"
#include "wishart/record/tensor.hpp"
#include "wishart/synth/model_shape.hpp"
#include "wishart/synth/planted_spectrum.hpp"

namespace wishart::synth {

struct CheckpointOptions {
  std::filesystem::path folder;
  ModelShape shape;  ///< reduced already
  double alpha_first = 3.0;
  double alpha_last = 3.0;  ///< alpha of the last block of the whole model; linear in between
  double tail_share = 0.25;
  std::int64_t spikes = 0;
  std::uint64_t seed = 1;
  Dtype dtype = Dtype::bf16;
  std::int64_t shard_bytes = 0;
  bool flaws = false;  ///< plant three flawed matrices
};

/// What is in the folder at the end.
struct CheckpointSummary {
  std::int64_t files = 0;
  std::int64_t tensors = 0;
  std::int64_t matrices = 0;
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;  ///< of the tensors
  double seconds = 0;
  bool was_there =
      false;  ///< nothing was written: an earlier run with the same options is complete
};

/// The summary of what would be written. Reads and writes nothing.
[[nodiscard]] CheckpointSummary checkpoint_summary(const CheckpointOptions& options);

/// Writes config.json, safetensors files with their index, and the truth about the spectra
/// (docs/synth.md). Each rank writes its share of the rows; the bytes do not depend on the number
/// of ranks. Files have temporary names until all are complete, and the index is written last.
/// Collective over `comm`.
///
/// @param check_stop  called between panels; what it throws stops the writing
/// @throws mpi::AgreedError with Blame::usage if the folder holds anything but an earlier run with
/// the same options, Blame::resource if it cannot be written
CheckpointSummary write_checkpoint(const CheckpointOptions& options, const mpi::Comm& comm,
                                   const std::function<void()>& check_stop);

}  // namespace wishart::synth
