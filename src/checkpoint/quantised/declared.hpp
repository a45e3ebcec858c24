#pragma once

/// @file
/// What a checkpoint says about its quantisation: config.json, the files beside it, and the
/// headers of the weight files.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "wishart/checkpoint/catalogue.hpp"

#include "text/json_facts.hpp"

namespace wishart::checkpoint {

using HeaderEntries = std::vector<std::pair<std::string, std::string>>;

/// What one entry of a config says about the weights that it is for.
struct DeclaredWeights {
  std::int64_t bits = 0;                   ///< 0: of any
  std::optional<bool> floats;              ///< codes are floating numbers, or integers
  std::optional<std::int64_t> group_size;  ///< columns of a group; -1: all
  bool asymmetric = false;                 ///< there are zero points
  bool indexed = false;                    ///< there is an index of groups

  [[nodiscard]] bool operator==(const DeclaredWeights&) const = default;
};

struct Declared {
  std::uint32_t method = 0;      ///< one of schemes.hpp; kNone: nothing is declared; 0: not read
  std::uint32_t of_experts = 0;  ///< another one, of the experts alone; 0: none
  std::string name;              ///< as the checkpoint writes it
  std::string problem;           ///< why it is not read, and what to do; empty: it is
  JsonFacts facts;
  std::vector<std::string> rotations;    ///< names of transforms of compressed-tensors
  std::string file;                      ///< that says so, in the folder; empty: none
  std::vector<DeclaredWeights> weights;  ///< each once
  /// Rows and columns of a block, of the first group of a config that has blocks. Found once: a
  /// config may list every layer, and is asked for each.
  std::optional<std::pair<std::int64_t, std::int64_t>> block;
  bool bits_by_pattern = false;  ///< GPTQModel's `dynamic` gives layers bits of their own
};

/// @param entries  of the headers of the files
[[nodiscard]] Declared declared_quantisation(Catalogue& catalogue, const HeaderEntries& entries);

}  // namespace wishart::checkpoint
