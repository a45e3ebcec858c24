#include "warnings/deficient_rank.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>

#include "wishart/analysis/warnings.hpp"
#include "wishart/record/adapter.hpp"
#include "wishart/record/roles.hpp"

namespace wishart::analysis {
namespace {

/// A rank is deficient if it is below this share of the singular values while others of the shape
/// have at least the other share. Not all of them: weights whose rows were centred lack one.
constexpr double kDeficient = 0.95;
constexpr double kFull = 0.99;

bool has_own_rank(const LayerRow& row) {
  return row.has_esd && row.matrix_rank > 0 && row.num_evals > 0 &&
         !is_embedding_or_head(row.role) && !is_adapter_alone(row.dtype) &&
         !std::isfinite(row.weights.base_norm);
}

/// Fewer matrices may have one rank by chance.
constexpr std::size_t kFewestOfRole = 3;
/// Nor are fewer values that are zero a shard: rows that were centred lack one.
constexpr std::int64_t kFewestLacking = 8;
constexpr std::int64_t kMostShards = 16;

double share_of(const LayerRow& row) {
  return static_cast<double>(row.matrix_rank) / static_cast<double>(row.num_evals);
}

/// The role may be empty.
using Shape = std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t>;

Shape shape_of(const LayerRow& row, const std::string& role) {
  return {role, row.N, row.M, row.num_evals};
}

using Members = std::vector<const LayerRow*>;

std::map<Shape, Members> by_role_and_shape(const std::vector<LayerRow>& layers) {
  std::map<Shape, Members> groups;
  for (const LayerRow& row : layers) {
    if (has_own_rank(row)) groups[shape_of(row, row.role)].push_back(&row);
  }
  return groups;
}

bool have_one_rank(const Members& members) {
  return std::all_of(members.begin(), members.end(), [&](const LayerRow* row) {
    return row->matrix_rank == members.front()->matrix_rank;
  });
}

/// `1/2`, `3/4`: the share of the singular values that is zero, if it is a simple one; else empty.
std::string simple_share(const LayerRow& row) {
  const std::int64_t lacking = row.num_evals - row.matrix_rank;
  if (lacking < kFewestLacking) return {};
  for (std::int64_t shards = 2; shards <= kMostShards; shards *= 2) {
    if (lacking * shards % row.num_evals != 0) continue;
    return std::to_string(lacking * shards / row.num_evals) + "/" + std::to_string(shards);
  }
  return {};
}

std::string zeros_text(const LayerRow& row) {
  return std::to_string(row.num_evals - row.matrix_rank) + " of " + std::to_string(row.num_evals) +
         " singular values are zero";
}

/// The text on each matrix of which all of the role and shape lack one simple share.
std::map<const LayerRow*, std::string> alike(const std::vector<LayerRow>& layers,
                                             const std::set<const LayerRow*>& repeated) {
  std::map<const LayerRow*, std::string> texts;
  for (const auto& [shape, members] : by_role_and_shape(layers)) {
    const LayerRow& one = *members.front();
    if (members.size() < kFewestOfRole || repeated.contains(&one)) continue;
    const std::string share = have_one_rank(members) ? simple_share(one) : "";
    if (share.empty()) continue;
    for (const LayerRow* row : members) {
      texts[row] = zeros_text(one) + ", exactly " + share + ", as in all " +
                   std::to_string(members.size()) +
                   " of its role and shape: a shard was written twice, heads are zero, or the "
                   "model was cut to this rank or widened "
                   "by copies";
    }
  }
  return texts;
}

struct OfShape {
  std::size_t full = 0;
  std::vector<std::size_t> deficient;
};

}  // namespace

std::set<const LayerRow*> repeated_heads(const std::vector<LayerRow>& layers) {
  const auto is_query = [](const LayerRow& row) { return row.role == "attention.q"; };
  std::set<const LayerRow*> repeated;
  const bool full = std::all_of(layers.begin(), layers.end(), [&](const LayerRow& row) {
    return !is_query(row) || !has_own_rank(row) || share_of(row) >= kFull;
  });
  if (!full || std::none_of(layers.begin(), layers.end(), is_query)) return repeated;
  for (const auto& [shape, members] : by_role_and_shape(layers)) {
    const LayerRow& one = *members.front();
    if (one.role != "attention.k" && one.role != "attention.v") continue;
    if (members.size() < kFewestOfRole || one.matrix_rank < kFewestLacking) continue;
    if (one.matrix_rank == one.num_evals || one.num_evals % one.matrix_rank != 0) continue;
    if (!have_one_rank(members)) continue;
    repeated.insert(members.begin(), members.end());
  }
  return repeated;
}

std::vector<DeficientRank> deficient_ranks(const std::vector<LayerRow>& layers, bool initial) {
  const std::set<const LayerRow*> repeated = repeated_heads(layers);
  const std::map<const LayerRow*, std::string> texts =
      initial ? std::map<const LayerRow*, std::string>{} : alike(layers, repeated);
  std::vector<DeficientRank> found;
  std::map<Shape, OfShape> shapes;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const LayerRow& row = layers[i];
    if (!has_own_rank(row) || repeated.contains(&row)) continue;
    if (const auto text = texts.find(&row); text != texts.end()) {
      found.push_back({i, text->second});
      continue;
    }
    OfShape& of_shape = shapes[shape_of(row, "")];
    of_shape.full += share_of(row) >= kFull ? 1U : 0U;
    if (share_of(row) < kDeficient) of_shape.deficient.push_back(i);
  }
  for (const auto& [shape, of_shape] : shapes) {
    if (of_shape.full < kFewestPeers || of_shape.full < of_shape.deficient.size()) continue;
    for (const std::size_t i : of_shape.deficient) {
      found.push_back({i, zeros_text(layers[i]) + ", at most 1 % of those of " +
                              std::to_string(of_shape.full) + " others of its shape"});
    }
  }
  return found;
}

}  // namespace wishart::analysis
