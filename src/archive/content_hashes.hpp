#pragma once

/// @file
/// The hashes of a file's content, stored in the file. They show whether a value is the one that
/// was written, even after another program has cut off the seal.

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wishart/core/hash.hpp"

#include "hdf5_handle.hpp"

namespace wishart::archive {

/// From this schema version on, every file holds the hashes of its content and ends in a seal.
inline constexpr std::int64_t kHashedSince = 3;

/// The root attribute with the list of hashes.
inline constexpr const char* kHashesName = "content_hashes";

/// The name of an attribute in differences and lists of hashes.
[[nodiscard]] std::string attribute_name(std::string_view name);

/// The hash of a dataset: over the names of its columns, each followed by a zero byte, and its
/// elements as stored. A series has no columns.
class DatasetHash {
public:
  void add_column(std::string_view name);
  /// Adds whole elements of `element_bytes` each.
  void add(std::span<const std::byte> elements, std::size_t element_bytes);
  [[nodiscard]] std::string hex() const { return whole_.hex(); }
  /// The XXH3-64 of each element.
  [[nodiscard]] const std::vector<std::int64_t>& of_elements() const noexcept { return each_; }

private:
  StreamHash whole_;
  std::vector<std::int64_t> each_;
};

/// The XXH3-64 of a series of numbers, as the int64 that is stored.
[[nodiscard]] inline std::int64_t series_hash(std::span<const double> values) {
  return static_cast<std::int64_t>(hash64(std::as_bytes(values)));
}

/// Hashes by the name of an attribute or the path of a dataset, e.g. `attribute step`, `/layers`.
class ContentHashes {
public:
  void add(const std::string& name, std::string hash) { hashes_[name] = std::move(hash); }
  /// The list as text, with a line for each hash: the hash, a space, the name.
  [[nodiscard]] std::string text() const;
  /// @return false if `text` is not such a list
  [[nodiscard]] bool parse(const std::string& text);
  [[nodiscard]] const std::map<std::string, std::string>& all() const noexcept { return hashes_; }

private:
  std::map<std::string, std::string> hashes_;
};

/// Something that is not as it was written.
struct Difference {
  std::string name;
  std::string text;  ///< begins with the name
};

/// The end of a message about a change that may be wanted.
inline constexpr const char* kIfWanted = ". If the change is wanted: wishart verify --reseal";

/// Compares what is read with the hashes stored in the file, and collects the differences. In older
/// files without hashes nothing differs.
class ContentCheck {
public:
  ContentCheck() = default;
  /// @param text  the attribute kHashesName; empty if the file does not have it
  ContentCheck(std::int64_t schema_version, const std::string& text);

  /// True if the file says that it was sealed when it was written.
  [[nodiscard]] bool announced() const noexcept { return announced_; }
  [[nodiscard]] const ContentHashes& stored() const noexcept { return stored_; }
  /// True if a hash is stored for `name`.
  [[nodiscard]] bool expects(const std::string& name) const { return stored_.all().contains(name); }
  /// True if `found` is the stored hash of `name`, or if none is stored.
  [[nodiscard]] bool matches(const std::string& name, const std::string& found);
  /// Records a difference unless `matches`.
  void compare(const std::string& name, const std::string& found);
  /// The object was not found: records a difference if its hash is stored.
  void miss(const std::string& name);
  /// Records a difference of `name`; `how` follows the name in a sentence.
  void differ(const std::string& name, const std::string& how = "is not as written");

  [[nodiscard]] const std::vector<Difference>& differences() const noexcept { return differences_; }
  /// The names whose hashes were compared and match.
  [[nodiscard]] std::vector<std::string> proven() const;
  /// The names with a stored hash that was not compared.
  [[nodiscard]] std::vector<std::string> unseen() const;
  /// @param remedy  the end of the message
  /// @throws Error with Blame::input if there are differences; it names all of them
  void refuse_differences(const Place& file, const std::string& remedy) const;
  /// The same for a checkpoint, which can be restored, or scanned again.
  void refuse_differences(const Place& checkpoint) const;

private:
  bool announced_ = false;
  ContentHashes stored_;
  std::set<std::string> seen_;
  std::vector<Difference> differences_;
};

}  // namespace wishart::archive
