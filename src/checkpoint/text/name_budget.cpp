#include "text/name_budget.hpp"

#include <algorithm>

namespace wishart::checkpoint {
namespace {

/// What a name takes beside its characters.
constexpr std::size_t kOverhead = 32;

std::int64_t limit_of(std::int64_t size_bytes) {
  // Clamped first: the product cannot overflow.
  const std::int64_t size = std::clamp<std::int64_t>(size_bytes, 0, NameBudget::kMaxBytes);
  return std::min(NameBudget::kFreeBytes + NameBudget::kFactor * size, NameBudget::kMaxBytes);
}

}  // namespace

NameBudget::NameBudget(std::string place, std::int64_t size_bytes, char between)
    : place_(std::move(place)),
      size_bytes_(size_bytes),
      limit_bytes_(limit_of(size_bytes)),
      left_bytes_(limit_bytes_),
      between_(between) {}

std::string NameBudget::joined(std::string_view outer, std::string_view inner) {
  take_name(outer.empty() ? inner.size() : outer.size() + 1 + inner.size());
  if (outer.empty()) return std::string(inner);
  std::string name;
  name.reserve(outer.size() + 1 + inner.size());
  name.append(outer).append(1, between_).append(inner);
  return name;
}

void NameBudget::take_name(std::size_t name_bytes) {
  if (name_bytes > static_cast<std::size_t>(kMaxNameBytes)) {
    throw TooMuchText(place_ + ": expected names of at most " + std::to_string(kMaxNameBytes) +
                      " bytes, found one of " + std::to_string(name_bytes));
  }
  take(name_bytes + kOverhead);
}

void NameBudget::take(std::size_t bytes) {
  if (bytes > static_cast<std::size_t>(left_bytes_)) {
    throw TooMuchText(place_ + ": expected names and facts of at most " +
                      std::to_string(limit_bytes_) + " bytes in " + std::to_string(size_bytes_) +
                      " bytes that describe them, found more");
  }
  left_bytes_ -= static_cast<std::int64_t>(bytes);
}

}  // namespace wishart::checkpoint
