#pragma once

/// @file
/// Files that other programs read, made from the layer table: docs/pipelines.md has their
/// contracts.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wishart/analysis/linear_map.hpp"
#include "wishart/record/checkpoint_record.hpp"
#include "wishart/report/export.hpp"

namespace wishart::report {

/// A file for another program, and what its reader must know.
struct PipelineFile {
  std::string text;
  std::vector<std::string> notes;  ///< sentences: what was left out, and why
};

/// The result of a scan by Spectrum, as axolotl's plugin reads it: for each layer `snr` and `type`,
/// the part of its name behind the number of the block.
///
/// @throws Error with Blame::usage if the archive is of a change of weights, has the names of
///   another program, or has no layer with a value (as the others)
[[nodiscard]] PipelineFile axolotl_json(const CheckpointRecord& record);

/// The parameters that axolotl trains (`unfrozen_parameters`): embeddings, head, and of each type
/// `percent` % of the layers, rounded down, those with the highest snr.
/// @param percent  above 0, at most 100
/// @throws Error with Blame::usage also if nothing is chosen
[[nodiscard]] PipelineFile axolotl_yaml(const CheckpointRecord& record, double percent);

/// Arguments of PEFT's LoraConfig: `rank_pattern`, `alpha_pattern` with the same numbers (a scaling
/// of 1), and `exclude_modules`, the layers of rank 0.
/// @param ranks  of each layer; -1: not known
[[nodiscard]] PipelineFile peft_json(const CheckpointRecord& record,
                                     std::span<const std::int64_t> ranks);

/// A parameter of mergekit with a value for each tensor; all other tensors get the mean.
[[nodiscard]] PipelineFile mergekit_yaml(const CheckpointRecord& record,
                                         const analysis::LinearMap& map,
                                         const std::string& parameter);

/// A table with the columns `layer` and `value`, for scripts.
[[nodiscard]] PipelineFile mapped_table(const CheckpointRecord& record,
                                        const analysis::LinearMap& map, TableFormat format);

}  // namespace wishart::report
