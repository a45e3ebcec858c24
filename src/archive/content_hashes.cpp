#include "content_hashes.hpp"

#include <algorithm>
#include <utility>

#include "wishart/core/text.hpp"
#include "wishart/core/words.hpp"

namespace wishart::archive {
namespace {

constexpr std::size_t kHashDigits = 32;

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string attribute_name(std::string_view name) { return "attribute " + std::string(name); }

void DatasetHash::add_column(std::string_view name) {
  whole_.add(std::as_bytes(std::span(name)));
  constexpr std::byte zero{0};
  whole_.add(std::span(&zero, 1));
}

void DatasetHash::add(std::span<const std::byte> elements, std::size_t element_bytes) {
  whole_.add(elements);
  for (; !elements.empty(); elements = elements.subspan(element_bytes)) {
    each_.push_back(static_cast<std::int64_t>(hash64(elements.first(element_bytes))));
  }
}

std::string ContentHashes::text() const {
  std::string text;
  for (const auto& [name, hash] : hashes_) text.append(hash).append(" ").append(name).append("\n");
  return text;
}

bool ContentHashes::parse(const std::string& text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    if (end == std::string_view::npos || line.size() <= kHashDigits || line[kHashDigits] != ' ' ||
        !is_hash(line.substr(0, kHashDigits))) {
      return false;
    }
    add(std::string(line.substr(kHashDigits + 1)), std::string(line.substr(0, kHashDigits)));
    rest.remove_prefix(end + 1);
  }
  return !hashes_.empty();
}

ContentCheck::ContentCheck(std::int64_t schema_version, const std::string& text)
    : announced_(schema_version >= kHashedSince || !text.empty()) {
  if (!announced_) return;
  const std::string name = attribute_name(kHashesName);
  if (text.empty()) {
    differ(name, "is missing, which holds the hashes of everything else");
  } else if (!stored_.parse(text)) {
    differ(name);
    stored_ = {};
  }
}

bool ContentCheck::matches(const std::string& name, const std::string& found) {
  const auto stored = stored_.all().find(name);
  if (stored == stored_.all().end()) return true;
  seen_.insert(name);
  return stored->second == found;
}

void ContentCheck::compare(const std::string& name, const std::string& found) {
  if (!matches(name, found)) differ(name);
}

void ContentCheck::miss(const std::string& name) {
  if (!expects(name)) return;
  seen_.insert(name);
  differ(name, "is missing");
}

void ContentCheck::differ(const std::string& name, const std::string& how) {
  differences_.push_back({name, name + " " + how});
}

std::vector<std::string> ContentCheck::proven() const {
  std::vector<std::string> names;
  for (const std::string& name : seen_) {
    if (std::none_of(differences_.begin(), differences_.end(),
                     [&](const Difference& one) { return one.name == name; })) {
      names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> ContentCheck::unseen() const {
  std::vector<std::string> names;
  for (const auto& [name, hash] : stored_.all()) {
    if (!seen_.contains(name)) names.push_back(name);
  }
  return names;
}

void ContentCheck::refuse_differences(const Place& checkpoint) const {
  refuse_differences(checkpoint,
                     std::string("Restore the file, or ") + checkpoint.way_back() + kIfWanted);
}

void ContentCheck::refuse_differences(const Place& file, const std::string& remedy) const {
  if (differences_.empty()) return;
  std::vector<std::string> texts;
  for (const Difference& one : differences_) texts.push_back(printable(one.text, 500));
  file.refuse("was changed after it was written: " + join(texts, "; ") + ". " + remedy);
}

}  // namespace wishart::archive
