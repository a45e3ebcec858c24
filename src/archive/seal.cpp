#include "seal.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "wishart/core/file.hpp"
#include "wishart/core/hash.hpp"

namespace wishart::archive {
namespace {

constexpr std::string_view kSealWords = "wishart seal ";
static_assert(kSealBytes == static_cast<std::int64_t>(kSealWords.size()) + 32 + 1);

constexpr std::int64_t kPieceBytes = std::int64_t{4} << 20U;

/// The most wrong characters in its words with which a damaged seal is still recognised.
constexpr std::size_t kFewWrong = 2;

std::string seal_text(const std::string& hash) { return std::string(kSealWords) + hash + "\n"; }

bool looks_like_seal(std::string_view text) {
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < kSealWords.size(); ++i)
    if (text[i] != kSealWords[i]) ++wrong;
  return wrong <= kFewWrong;
}

}  // namespace

std::string seal_of(std::span<const std::byte> bytes) { return seal_text(hash_hex(bytes)); }

Seal check_seal(const std::filesystem::path& file) {
  const InputFile input(file);
  const std::int64_t size = input.size_bytes();
  if (size < kSealBytes) return Seal::none;
  std::string found(static_cast<std::size_t>(kSealBytes), '\0');
  input.read(size - kSealBytes, std::as_writable_bytes(std::span(found)));
  const bool sealed = looks_like_seal(found);
  StreamHash hash;
  std::vector<std::byte> piece;
  // Read everything even without a seal, to find bytes that the disk cannot read.
  const std::int64_t end = sealed ? size - kSealBytes : size;
  for (std::int64_t at = 0; at < end; at += kPieceBytes) {
    piece.resize(static_cast<std::size_t>(std::min(kPieceBytes, end - at)));
    input.read(at, piece);
    hash.add(piece);
  }
  if (!sealed) return Seal::none;
  return found == seal_text(hash.hex()) ? Seal::good : Seal::broken;
}

}  // namespace wishart::archive
