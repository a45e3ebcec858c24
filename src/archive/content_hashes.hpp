#pragma once

/// @file
/// The hashes of what a file holds, stored inside it: whoever reads a value can tell whether it is
/// the one that was written, also after another program has cut the seal off.

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

/// Since this version of the schema every file holds the hashes of its content, and ends in a seal.
inline constexpr std::int64_t kHashedSince = 3;

/// The root attribute with the list of hashes.
inline constexpr const char* kHashesName = "content_hashes";

/// How differences and lists call an attribute.
[[nodiscard]] std::string attribute_name(std::string_view name);

/// The hash of a dataset: of the names of its columns, each with a zero byte behind it, and of its
/// elements as they are stored. A series has no columns.
class DatasetHash {
public:
  void add_column(std::string_view name);
  /// Whole elements of `element_bytes` each.
  void add(std::span<const std::byte> elements, std::size_t element_bytes);
  [[nodiscard]] std::string hex() const { return whole_.hex(); }
  /// The XXH3-64 of each element.
  [[nodiscard]] const std::vector<std::int64_t>& of_elements() const noexcept { return each_; }

private:
  StreamHash whole_;
  std::vector<std::int64_t> each_;
};

/// The XXH3-64 of a series of numbers as an int64, as HDF5 keeps it.
[[nodiscard]] inline std::int64_t series_hash(std::span<const double> values) {
  return static_cast<std::int64_t>(hash64(std::as_bytes(values)));
}

/// Hashes by the name of an attribute or the path of a dataset, e.g. `attribute step`, `/layers`.
class ContentHashes {
public:
  void add(const std::string& name, std::string hash) { hashes_[name] = std::move(hash); }
  /// A line each: the hash, a space, the name.
  [[nodiscard]] std::string text() const;
  /// @return false if `text` is no such list
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

/// What to do about a checkpoint that was changed.
inline constexpr const char* kRestore =
    "Restore the file, or delete it and scan the checkpoint again. If the change is wanted: "
    "wishart verify --reseal";

/// Compares what is read with the hashes that a file holds, and collects what differs. A file from
/// before there were hashes has none: then nothing differs.
class ContentCheck {
public:
  ContentCheck() = default;
  /// @param text  of the attribute kHashesName; empty if the file has none
  ContentCheck(std::int64_t schema_version, const std::string& text);

  /// True if the file says that it was sealed when it was written.
  [[nodiscard]] bool announced() const noexcept { return announced_; }
  [[nodiscard]] const ContentHashes& stored() const noexcept { return stored_; }
  /// True if a hash of `name` is stored.
  [[nodiscard]] bool expects(const std::string& name) const { return stored_.all().contains(name); }
  /// True if `found` is the hash that is stored for `name`, or none is stored.
  [[nodiscard]] bool matches(const std::string& name, const std::string& found);
  /// A difference unless they match.
  void compare(const std::string& name, const std::string& found);
  /// The object was not found: a difference if its hash is stored.
  void miss(const std::string& name);
  /// `name` differs; `how` follows the name in a sentence, e.g. `is not as written`.
  void differ(const std::string& name, const std::string& how = "is not as written");

  [[nodiscard]] const std::vector<Difference>& differences() const noexcept { return differences_; }
  /// The names whose hashes were compared and do not differ.
  [[nodiscard]] std::vector<std::string> proven() const;
  /// The names whose hashes are stored, but were not compared.
  [[nodiscard]] std::vector<std::string> unseen() const;
  /// @param remedy  the end of the message
  /// @throws Error with Blame::input that names all differences, if there are any
  void refuse_differences(const Place& file, const char* remedy = kRestore) const;

private:
  bool announced_ = false;
  ContentHashes stored_;
  std::set<std::string> seen_;
  std::vector<Difference> differences_;
};

}  // namespace wishart::archive
