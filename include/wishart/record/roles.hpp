#pragma once

/// @file
/// Roles that are told from the others by their names (docs/roles.md).

#include <string_view>

namespace wishart {

inline constexpr std::string_view kTokenEmbedding = "embedding.token";
inline constexpr std::string_view kHeadRole = "head";

/// True of tables with one row, or one column, for each token of the vocabulary.
[[nodiscard]] constexpr bool is_of_tokens(std::string_view role) noexcept {
  return role == kTokenEmbedding || role == kHeadRole;
}

/// True of all embeddings: of tokens, positions, types and others.
[[nodiscard]] constexpr bool is_embedding(std::string_view role) noexcept {
  return role.starts_with("embedding.");
}

[[nodiscard]] constexpr bool is_embedding_or_head(std::string_view role) noexcept {
  return role == kHeadRole || is_embedding(role);
}

}  // namespace wishart
